//! The fronts: DNS over UDP, TCP, TLS, HTTPS (HTTP/3 included) and QUIC, and who may use them.
//!
//! ```text
//!   UDP  one thread per core and address      TCP  one task per connection
//!        recvmmsg ─┐                               read ─┐
//!                  ▼                                     ▼
//!   Front::answer: access · parse · proxy.respond_now ── answered ─▶ sendmmsg / write
//!                  │ later
//!                  ▼
//!   Quota (places, fair per client) ─▶ UDP: proxy.begin … proxy.finish, where the answer comes in ─▶ sendmmsg
//!                                      TCP: a task: proxy.respond().await ─▶ write
//! ```
//!
//! A front fills in [`crate::dns::Client`], reads the clock, and sends what comes back. Every packet ends in one response or in
//! one counted drop; [`Server::stop`] answers all that stood in the sockets before it lets go of them.

mod access;
mod activity;
mod bind;
mod carried;
mod certificate;
mod clock;
mod connection;
mod cookies;
mod doh;
mod doq;
mod frames;
mod front;
mod handshakes;
mod holder;
mod http2;
mod http3;
mod https;
mod interfaces;
#[cfg(unix)]
mod limit;
#[cfg(target_os = "linux")]
mod mmsg;
#[cfg(any(test, not(target_os = "linux")))]
mod plain;
mod prefix;
mod quic;
mod quota;
mod rate;
mod refusals;
mod rooms;
#[cfg(test)]
mod script;
mod single;
mod stream;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod udp;

pub use access::Access;
pub use bind::StartError;
pub use certificate::{Certificate, CertificateError, CertificateSource};
pub use doh::message_of_uri;
pub use holder::Holder;
pub use interfaces::reachable_addresses;
pub use prefix::{Prefix, PrefixError};
pub use rate::RateLimit;

use crate::{dns::Transport, metrics::Metrics, proxy::Proxy};
use front::{Front, Responder};
use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tcp::Speech;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use udp::{Socket, Worker};

/// What the fronts are told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen, over UDP and TCP each. Port 0 lets the system pick one, the same for both.
    pub listen: Vec<SocketAddr>,
    /// Where to listen for DNS over TLS.
    pub listen_tls: Vec<SocketAddr>,
    /// Where to listen for DNS over HTTPS.
    pub listen_https: Vec<SocketAddr>,
    /// Where to listen for DNS over QUIC.
    pub listen_quic: Vec<SocketAddr>,
    /// Where to listen for DNS over HTTP/3.
    pub listen_h3: Vec<SocketAddr>,
    /// What encrypted transports show; they need one.
    pub certificate: Option<Arc<Certificate>>,
    /// UDP threads per address; 0 is one for each core.
    pub workers: usize,
    /// Who is served.
    pub access: Arc<Access>,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

impl Config {
    /// How many UDP threads there are, each with a socket of its own.
    pub fn udp_workers(&self) -> usize {
        self.listen.len() * self.workers_each()
    }

    fn workers_each(&self) -> usize {
        match self.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            it => it,
        }
    }
}

/// A running server. Dropping it without [`Server::stop`] leaves it running until the process ends.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    encrypted: Vec<(Transport, SocketAddr)>,
    front: Arc<Front>,
    stop: Arc<AtomicBool>,
    stop_tasks: watch::Sender<bool>,
    sockets: Vec<Arc<Socket>>,
    threads: Vec<thread::JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
    refresh: JoinHandle<()>,
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Queries that were still waiting for an answer at the deadline.
    pub unanswered: u32,
}

/// Binds every address and starts to serve.
///
/// # Errors
/// Says which address cannot be had, who has it where that can be seen, and what to do.
pub fn start(config: &Config, proxy: Arc<Proxy>, runtime: &Handle) -> Result<Server, StartError> {
    start_with(config, Responder::Proxy(proxy), runtime)
}

fn start_with(
    config: &Config,
    responder: Responder,
    runtime: &Handle,
) -> Result<Server, StartError> {
    #[cfg(unix)]
    limit::raise_open_files();
    let encrypted = Encrypted::bind(config)?;
    let bound = match &config.listen[..] {
        [] if !encrypted.addresses().is_empty() => Vec::new(),
        listen => bind::bind(listen, config.workers_each())?,
    };
    let front = Arc::new(Front::new(
        responder,
        Arc::clone(&config.access),
        Arc::clone(&config.metrics),
        clock::now(),
    ));
    let (stop_tasks, stopped) = watch::channel(false);
    let (deferred, queue) = mpsc::channel(front::WAITING_MAX as usize);
    let (outbox, responses) = mpsc::channel(front::WAITING_MAX as usize);
    let mut server = Server {
        addresses: bound.iter().map(|it| it.address).collect(),
        encrypted: encrypted.addresses(),
        front: Arc::clone(&front),
        stop: Arc::new(AtomicBool::new(false)),
        stop_tasks,
        sockets: Vec::new(),
        threads: Vec::new(),
        tasks: vec![
            runtime.spawn(udp::dispatch(Arc::clone(&front), queue, outbox)),
            runtime.spawn(udp::deliver(Arc::clone(&front), responses)),
        ],
        refresh: runtime.spawn(keep_fresh(Arc::clone(&front))),
    };
    let table = tcp::Table::new();
    let serve = |server: &mut Server, listener, speech| {
        let (front, table) = (Arc::clone(&front), Arc::clone(&table));
        let serving = tcp::serve(listener, speech, front, table, stopped.clone());
        server.tasks.push(runtime.spawn(serving));
    };
    for listener in bound {
        for socket in listener.udp {
            server.sockets.push(Arc::clone(&socket));
            let worker = Worker {
                number: server.threads.len(),
                front: Arc::clone(&front),
                socket,
                deferred: deferred.clone(),
                stop: Arc::clone(&server.stop),
            };
            if let Err(error) = server.spawn(worker) {
                server.let_go();
                return Err(StartError::Thread(error));
            }
        }
        serve(&mut server, listener.tcp, Speech::Dns);
    }
    for (_, listener, speech) in encrypted.streams {
        serve(&mut server, listener, speech);
    }
    for (_, socket, setup) in encrypted.quic {
        let (front, table) = (Arc::clone(&front), Arc::clone(&table));
        let serving = quic::serve(socket, setup, front, table, stopped.clone());
        server.tasks.push(runtime.spawn(serving));
    }
    Ok(server)
}

/// Listeners whose connections are encrypted.
#[derive(Default)]
struct Encrypted {
    streams: Vec<(SocketAddr, TcpListener, Speech)>,
    quic: Vec<(SocketAddr, UdpSocket, quic::Setup)>,
}

impl Encrypted {
    fn bind(config: &Config) -> Result<Self, StartError> {
        let mut encrypted = Self::default();
        let set_up = |transport, listen: &[SocketAddr], protocols| {
            let Some(&address) = listen.first() else { return Ok(None) };
            let failed = |source| StartError::Tls { address, transport, source };
            let certificate = config.certificate.as_ref().ok_or_else(|| failed(None))?;
            tls::config(certificate, protocols).map(Some).map_err(|it| failed(Some(it)))
        };
        for (transport, listen, protocols) in [
            (Transport::Doq, &config.listen_quic, tls::DOQ),
            (Transport::Doh3, &config.listen_h3, tls::DOH3),
        ] {
            if let Some(setup) = set_up(transport, listen, protocols)? {
                let address = listen[0];
                let failed = |it| StartError::Tls { address, transport, source: Some(it) };
                let setup = quic::Setup::new(transport, setup).map_err(failed)?;
                let bound = bind::bind_datagrams(listen, transport)?.into_iter();
                encrypted.quic.extend(bound.map(|(at, it)| (at, it, setup.clone())));
            }
        }
        if let Some(setup) = set_up(Transport::Dot, &config.listen_tls, tls::DOT)? {
            let setup = Arc::new(setup);
            for (at, listener) in bind::bind_streams(&config.listen_tls, Transport::Dot)? {
                encrypted.streams.push((at, listener, Speech::Dot(Arc::clone(&setup))));
            }
        }
        if let Some(setup) = set_up(Transport::Doh, &config.listen_https, tls::DOH)? {
            let setup = Arc::new(setup);
            for (at, listener) in bind::bind_streams(&config.listen_https, Transport::Doh)? {
                let (setup, offer) = (Arc::clone(&setup), encrypted.http3_beside(at));
                encrypted.streams.push((at, listener, Speech::Doh(setup, offer)));
            }
        }
        Ok(encrypted)
    }

    /// The port at which HTTP/3 is spoken at the address of a listener for HTTPS.
    fn http3_beside(&self, https: SocketAddr) -> Option<u16> {
        let covers = |it: SocketAddr| {
            it.is_ipv4() == https.is_ipv4() && (it.ip() == https.ip() || it.ip().is_unspecified())
        };
        let mut http3 = self.quic.iter().filter(|it| it.2.transport == Transport::Doh3);
        http3.find(|it| covers(it.0)).map(|it| it.0.port())
    }

    fn addresses(&self) -> Vec<(Transport, SocketAddr)> {
        let streams = self.streams.iter().map(|it| (it.2.transport(), it.0));
        streams.chain(self.quic.iter().map(|it| (it.2.transport, it.0))).collect()
    }
}

impl Server {
    /// Where it listens, with real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens for encrypted DNS, and for which, with real ports.
    pub fn encrypted(&self) -> &[(Transport, SocketAddr)] {
        &self.encrypted
    }

    /// How many queries wait for an answer on the asynchronous side.
    pub fn waiting(&self) -> u32 {
        self.front.waiting.taken()
    }

    /// Stops taking queries, answers those that it has, and ends; waits for that until `within` has passed.
    pub async fn stop(mut self, within: Duration) -> Stopped {
        let deadline = Instant::now() + within;
        self.let_go();
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // It guards itself against panics; there is nothing to learn from it.
                let _ = thread.join();
            }
        });
        let _ = timeout_at(deadline, joined).await;
        // The dispatcher ends after the last worker; then the waiting queries are all there will ever be.
        for task in &mut self.tasks {
            if timeout_at(deadline, &mut *task).await.is_err() {
                task.abort();
            }
        }
        let _ = timeout_at(deadline, self.front.waiting.emptied()).await;
        Stopped { unanswered: self.front.waiting.taken() }
    }

    fn spawn(&mut self, worker: Worker) -> std::io::Result<()> {
        let name = format!("udp-{}", worker.number);
        self.threads.push(thread::Builder::new().name(name).spawn(move || worker.run())?);
        Ok(())
    }

    /// Tells everything to finish.
    fn let_go(&self) {
        self.stop.store(true, Ordering::Release);
        for socket in &self.sockets {
            socket.wake();
        }
        self.stop_tasks.send_replace(true);
        self.refresh.abort();
    }
}

/// Follows the interfaces as their addresses change, and changes the secret of cookies.
async fn keep_fresh(front: Arc<Front>) {
    let mut ticks =
        tokio::time::interval_at(Instant::now() + access::REFRESH_EVERY, access::REFRESH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        front.access.refresh();
        front.cookies.follow(now.into_std());
    }
}
