//! An upstream over UDP that replies by a script, and remembers what it was asked.

use super::Message;
use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// A running upstream; ends with the test.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Scripted {
    /// `script` makes the reply to a query from its name in lower case; none for silence.
    pub(crate) fn start(
        script: impl Fn(&str, Message<'_>) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let address = socket.local_addr().unwrap();
        let (heard, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&heard), Arc::clone(&stop));
        thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while !stopped.load(Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                let query = Message(&buffer[..len]);
                let name = query.name();
                kept.lock().unwrap().push(name.clone());
                if let Some(reply) = script(&name, query) {
                    socket.send_to(&reply, from).unwrap();
                }
            }
        });
        Self { address, heard, stop }
    }

    /// The names asked for so far, in lower case and in the order of their queries.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How often a name was asked for.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.heard().iter().filter(|it| *it == name).count()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}
