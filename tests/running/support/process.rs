//! Child processes: their output by line, signals by pid, and an end no later than that of the test.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

/// How long anything may take that the tests wait for.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(10);

/// A process that is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    output: Arc<Mutex<String>>,
    errors: Arc<Mutex<String>>,
}

/// A process that came to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with_input(command).0
    }

    pub(crate) fn start_with_input(command: &mut Command) -> (Self, ChildStdin) {
        let mut child = spawn(command);
        let stdin = child.stdin.take().unwrap();
        let (tx, lines) = mpsc::channel();
        let output = collect(child.stdout.take().unwrap(), Some(tx));
        let errors = collect(child.stderr.take().unwrap(), None);
        (Self { child, lines, output, errors }, stdin)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard output; `None` when the process closes it first.
    pub(crate) fn wait_for_line(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if is_wanted(&line) => return Some(line),
                Ok(_) => (),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("no such line within {PATIENCE:?}\n{}{}", self.stdout(), self.stderr())
                }
            }
        }
    }

    pub(crate) fn stdout(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub(crate) fn stderr(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "`{kill}`: {status}");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn wait(mut self) -> Finished {
        let status = self.wait_for_end();
        // Standard output and error are closed now, unless a grandchild holds them.
        wait_until("the output is read", || Arc::strong_count(&self.output) == 1);
        wait_until("the errors are read", || Arc::strong_count(&self.errors) == 1);
        Finished { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when the process is gone already, which is what is wanted.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Runs a command to its end, with `input` on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Finished {
    let mut child = spawn(command);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that does not read its input closes it early, which is no fault.
    thread::spawn(move || stdin.write_all(input.as_bytes()));
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { code: done.status.code(), stdout: text(done.stdout), stderr: text(done.stderr) }
}

/// Asks until the answer is yes; what other processes do on their own time has no other sign.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut waited = Duration::ZERO;
    while !is_so() {
        assert!(waited < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(STEP);
        waited += STEP;
    }
}

fn spawn(command: &mut Command) -> Child {
    // Debian keeps daemons and network tools in folders that are not on everybody's path.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| {
        panic!("{:?}: {error}; scripts/test installs what is needed", command.get_program())
    })
}

fn collect(
    source: impl Read + Send + 'static,
    lines: Option<mpsc::Sender<String>>,
) -> Arc<Mutex<String>> {
    let all = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&all);
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            kept.lock().unwrap().extend([line.as_str(), "\n"]);
            // Nobody listens any more once the test has what it waited for.
            _ = lines.as_ref().map(|it| it.send(line));
        }
    });
    all
}
