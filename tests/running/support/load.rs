//! A steady load over UDP that knows of each query whether it was answered.

use super::{Message, query};
use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How many queries are under way at a time.
const WINDOW: usize = 64;

/// Message ids come round after so many queries.
const IDS: usize = 1 << 16;

/// How long the last responses may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Queries about `qN.load.example.`, N counting up, each sent once.
pub(crate) struct Load {
    stopping: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    thread: JoinHandle<Outcome>,
}

/// What became of the queries, by their number.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: usize,
    /// Numbers of the queries without response.
    pub(crate) lost: Vec<usize>,
    /// Responses by rcode.
    pub(crate) rcodes: [usize; 16],
}

impl Load {
    pub(crate) fn start(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
        socket.connect(server).unwrap();
        let (stopping, sent, answered) =
            <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let run = Run {
            socket,
            stopping: Arc::clone(&stopping),
            sent: Arc::clone(&sent),
            answered: Arc::clone(&answered),
        };
        let thread = thread::spawn(move || run.run());
        Self { stopping, sent, answered, thread }
    }

    /// How many queries have left so far; all of them stand in the server's sockets at the latest now.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(SeqCst)
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.load(SeqCst)
    }

    /// Sends no more and waits for the responses.
    pub(crate) fn finish(self) -> Outcome {
        self.stopping.store(true, SeqCst);
        self.thread.join().unwrap()
    }
}

struct Run {
    socket: UdpSocket,
    stopping: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
}

impl Run {
    fn run(&self) -> Outcome {
        let mut is_answered = Vec::new();
        let mut rcodes = [0; 16];
        let (mut answered, mut is_refused) = (0, false);
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        loop {
            while is_answered.len() - answered < WINDOW
                && !is_refused
                && !self.stopping.load(SeqCst)
            {
                let number = is_answered.len();
                let name = format!("q{number}.load.example");
                match self.socket.send(&query((number % IDS) as u16, &name, 1)) {
                    Ok(_) => is_answered.push(false),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => is_refused = true,
                    Err(error) => panic!("{error}"),
                }
                self.sent.store(is_answered.len(), SeqCst);
            }
            let sent = is_answered.len();
            if answered == sent {
                break;
            }
            let mut buffer = [0; 1_500];
            let len = match self.socket.recv(&mut buffer) {
                Ok(len) => len,
                // Nobody listens any more, but responses may still wait behind this message.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    is_refused = true;
                    self.socket.set_read_timeout(Some(PATIENCE / 10)).unwrap();
                    continue;
                }
                Err(_) => break,
            };
            let message = Message(&buffer[..len]);
            let number = sent - 1 - (sent - 1).wrapping_sub(message.id().into()) % IDS;
            assert!(!is_answered[number], "query {number} was answered twice");
            is_answered[number] = true;
            rcodes[usize::from(message.rcode())] += 1;
            answered += 1;
            self.answered.store(answered, SeqCst);
        }
        let lost = (0..is_answered.len()).filter(|&it| !is_answered[it]).collect();
        Outcome { sent: is_answered.len(), lost, rcodes }
    }
}

/// Asks for the addresses of all these names and tells the rcode and the number of answers of each.
pub(crate) fn ask_all(server: SocketAddr, names: &[&str]) -> Vec<(u8, u16)> {
    let socket = UdpSocket::bind((server.ip(), 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut found = Vec::new();
    for some in names.chunks(WINDOW) {
        for (number, name) in some.iter().enumerate() {
            socket.send(&query(number as u16, name, 1)).unwrap();
        }
        let mut responses = vec![None; some.len()];
        while responses.contains(&None) {
            let mut buffer = [0; 1_500];
            let len = socket.recv(&mut buffer).unwrap_or_else(|error| {
                let missing = some.iter().zip(&responses).filter(|it| it.1.is_none());
                panic!("{error}: {:?}", missing.map(|it| it.0).collect::<Vec<_>>())
            });
            let message = Message(&buffer[..len]);
            responses[usize::from(message.id())] = Some((message.rcode(), message.answers()));
        }
        found.extend(responses.into_iter().flatten());
    }
    found
}
