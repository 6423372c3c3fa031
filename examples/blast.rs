//! Loads a DNS server on loopback over UDP and says what a query costs it.
//!
//! ```text
//! cargo run --release --example blast -- --server 127.0.0.1:5300 --pid PID [--names FILE] [--secs 5] [--window 128]
//! ```
//!
//! Keeps `--window` queries outstanding, in batches, so that the server never waits for the generator. Names come from a file, one a line,
//! or are made up: `host-0.example` to `host-9999.example`. With `--pid`, the processor time of that process is read from `/proc` before
//! and after: the figure to quote, because it does not depend on how fast the generator is. Pin both to a core of their own
//! (`taskset -c 1 …`), and measure `echo` the same way: the ratio is what carries over to another machine.
#![expect(unsafe_code, reason = "recvmmsg and sendmmsg are C interfaces")]
#![expect(clippy::print_stdout, reason = "printing its figures is what it is for")]

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("recvmmsg and sendmmsg are Linux calls");
}

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use anyhow::Context as _;
    use clap::Parser as _;
    use std::{
        fs, io,
        net::{SocketAddr, UdpSocket},
        os::fd::AsRawFd as _,
        path::PathBuf,
        ptr,
        time::{Duration, Instant},
    };

    const BATCH: usize = 64;
    const PACKET_LEN_MAX: usize = 1500;
    /// Queries that got no answer for so long are taken for lost.
    const PATIENCE: Duration = Duration::from_millis(300);

    #[derive(Debug, clap::Parser)]
    struct Args {
        /// The server, on loopback.
        #[arg(long)]
        server: SocketAddr,
        /// The server's process, to read its processor time.
        #[arg(long)]
        pid: Option<u32>,
        /// Names to ask for, one a line; what follows a blank is ignored.
        #[arg(long)]
        names: Option<PathBuf>,
        /// How long.
        #[arg(long, default_value_t = 5.0)]
        secs: f64,
        /// Queries outstanding.
        #[arg(long, default_value_t = 128)]
        window: usize,
    }

    pub(super) fn main() -> anyhow::Result<()> {
        let args = Args::parse();
        anyhow::ensure!(args.server.ip().is_loopback(), "the server must be on loopback");
        let names: Vec<String> = match &args.names {
            Some(path) => fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?
                .lines()
                .filter_map(|it| it.split_ascii_whitespace().next())
                .map(str::to_owned)
                .collect(),
            None => (0..10_000).map(|it| format!("host-{it}.example")).collect(),
        };
        let queries: Vec<Vec<u8>> = names.iter().map(|it| query(it)).collect();
        anyhow::ensure!(!queries.is_empty(), "no names");
        let before = args.pid.map(cpu_secs).transpose()?;
        let run = blast(&args, queries)?;
        let after = args.pid.map(cpu_secs).transpose()?;
        println!(
            "{:.0} queries/s, {} answered, {} lost, NOERROR {}, NXDOMAIN {}, other {}",
            run.answered as f64 / run.secs,
            run.answered,
            run.lost,
            run.rcodes[0],
            run.rcodes[3],
            run.answered - run.rcodes[0] - run.rcodes[3],
        );
        if let (Some(before), Some(after)) = (before, after) {
            println!(
                "{:.3} µs of processor time a query",
                (after - before) * 1e6 / run.answered as f64
            );
        }
        Ok(())
    }

    /// Seconds of user and system time of a process, all threads.
    fn cpu_secs(pid: u32) -> anyhow::Result<f64> {
        // The scheduler's own sum in nanoseconds, thread by thread; `stat` counts in ticks of 10 ms.
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task")).context("no such process")? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let spent = text.split(' ').next().context("an empty schedstat")?;
            nanos += spent.parse::<u64>()?;
        }
        Ok(nanos as f64 / 1e9)
    }

    /// A query for A with RD, its id still to be set.
    fn query(name: &str) -> Vec<u8> {
        let mut packet = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.trim_end_matches('.').split('.') {
            packet.push(label.len() as u8);
            packet.extend_from_slice(label.as_bytes());
        }
        packet.extend_from_slice(&[0, 0, 1, 0, 1]);
        packet
    }

    struct Run {
        secs: f64,
        answered: u64,
        lost: u64,
        rcodes: [u64; 16],
    }

    fn blast(args: &Args, mut queries: Vec<Vec<u8>>) -> anyhow::Result<Run> {
        let own = if args.server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let socket = UdpSocket::bind(own)?;
        socket.connect(args.server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut responses = vec![[0_u8; PACKET_LEN_MAX]; BATCH];
        let into = responses.iter_mut().map(|it| (it.as_mut_ptr(), PACKET_LEN_MAX)).collect();
        let mut receiving = Headers::new(into);
        let mut run = Run { secs: 0.0, answered: 0, lost: 0, rcodes: [0; 16] };
        let (mut next, mut outstanding) = (0_usize, 0_usize);
        let start = now();
        loop {
            let elapsed = start.elapsed();
            if elapsed.as_secs_f64() < args.secs {
                while outstanding < args.window {
                    let count = BATCH.min(args.window - outstanding).min(queries.len());
                    let mut batch = Vec::with_capacity(count);
                    for _ in 0..count {
                        let at = next % queries.len();
                        queries[at][..2].copy_from_slice(&(next as u16).to_be_bytes());
                        batch.push((queries[at].as_mut_ptr(), queries[at].len()));
                        next += 1;
                    }
                    outstanding += Headers::new(batch).send(&socket)?;
                }
            } else if outstanding == 0 {
                break;
            }
            let Some(count) = receiving.receive(&socket)? else {
                run.lost += outstanding as u64;
                outstanding = 0;
                continue;
            };
            for response in &responses[..count] {
                run.rcodes[usize::from(response[3] & 15)] += 1;
            }
            run.answered += count as u64;
            run.secs = start.elapsed().as_secs_f64();
            outstanding = outstanding.saturating_sub(count);
        }
        Ok(run)
    }

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
        Instant::now()
    }

    /// Message headers over buffers that the caller keeps alive.
    struct Headers {
        messages: Vec<libc::mmsghdr>,
        _vectors: Vec<libc::iovec>,
    }

    impl Headers {
        fn new(buffers: Vec<(*mut u8, usize)>) -> Self {
            let mut vectors: Vec<libc::iovec> = buffers
                .into_iter()
                .map(|(at, len)| libc::iovec { iov_base: at.cast(), iov_len: len })
                .collect();
            let messages = vectors
                .iter_mut()
                .map(|it| {
                    // SAFETY: all-zero is a valid header: no address, no buffer.
                    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
                    message.msg_hdr.msg_iov = it;
                    message.msg_hdr.msg_iovlen = 1;
                    message
                })
                .collect();
            Self { messages, _vectors: vectors }
        }

        fn send(&mut self, socket: &UdpSocket) -> io::Result<usize> {
            let (at, len) = (self.messages.as_mut_ptr(), self.messages.len() as libc::c_uint);
            // SAFETY: the headers point at buffers that the caller keeps alive.
            let count = unsafe { libc::sendmmsg(socket.as_raw_fd(), at, len, 0) };
            usize::try_from(count).map_err(|_| io::Error::last_os_error())
        }

        /// `None` when nothing came in time.
        fn receive(&mut self, socket: &UdpSocket) -> io::Result<Option<usize>> {
            let (at, len) = (self.messages.as_mut_ptr(), self.messages.len() as libc::c_uint);
            let flags = libc::MSG_WAITFORONE as _;
            // SAFETY: as above.
            let count =
                unsafe { libc::recvmmsg(socket.as_raw_fd(), at, len, flags, ptr::null_mut()) };
            match usize::try_from(count) {
                Ok(count) => Ok(Some(count)),
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                    error => Err(error),
                },
            }
        }
    }
}
