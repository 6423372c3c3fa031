//! Binding the listeners: each port once without sharing, so that nobody else has it, and then once more for every worker.

use super::{
    holder::{self, Holder},
    interfaces,
    udp::Socket,
};
use crate::dns::Transport;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::{
    env, io,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
};

/// Receive buffer asked for, in octets; the system's own limit may be lower. Room for a burst while a worker is off its core.
const RECEIVE_BUFFER: usize = 1 << 20;
/// TCP connections that wait to be accepted.
const BACKLOG: i32 = 512;
/// How often a port is drawn anew when the system's pick for UDP is taken over TCP. Only for port 0.
const DRAWS_MAX: usize = 16;

/// Listeners of one address.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    /// One for each worker.
    pub(super) udp: Vec<Arc<Socket>>,
    pub(super) tcp: TcpListener,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing to listen on.
    #[error("no address to listen on\nhint: `[server] listen = [\"127.0.0.1:5300\"]`")]
    NoAddress,
    /// Two addresses of the configuration exclude each other.
    #[error(
        "cannot listen on both `{wildcard}` and `{address}`: the first covers the second\nhint: leave one out"
    )]
    Overlap {
        /// The one that covers.
        wildcard: SocketAddr,
        /// The one that is covered.
        address: SocketAddr,
    },
    /// Somebody else has the port.
    #[error("cannot listen on `{address}` ({}): {}\nhint: {}", transport.as_str(), held(holder.as_ref()), in_use_hint(*address, holder.as_ref()))]
    InUse {
        /// The address wanted.
        address: SocketAddr,
        /// What would be spoken there.
        transport: Transport,
        /// Who has it, as far as it can be seen.
        holder: Option<Holder>,
    },
    /// The port is reserved to privileged processes.
    #[error("cannot listen on `{address}` ({}): permission denied\nhint: {}", transport.as_str(), permission_hint(*address))]
    Permission {
        /// The address wanted.
        address: SocketAddr,
        /// What would be spoken there.
        transport: Transport,
    },
    /// The address belongs to no interface of this host.
    #[error(
        "cannot listen on `{address}`: no interface of this host has that address\nhint: {}",
        address_hint()
    )]
    NotHere {
        /// The address wanted.
        address: SocketAddr,
    },
    /// Anything else that the system says.
    #[error("cannot listen on `{address}` ({}): {source}", transport.as_str())]
    Bind {
        /// The address wanted.
        address: SocketAddr,
        /// What would be spoken there.
        transport: Transport,
        /// What the system says.
        source: io::Error,
    },
    /// There is an encrypted listener and no certificate, or TLS cannot be set up.
    #[error("cannot listen on `{address}` ({}): {}", transport.as_str(), source.as_ref().map_or_else(|| "there is no certificate\nhint: `[tls] certificate` and `key`, or `self_signed = true`".to_owned(), ToString::to_string))]
    Tls {
        /// The address wanted.
        address: SocketAddr,
        /// What would be spoken there.
        transport: Transport,
        /// What is wrong; `None` for a missing certificate.
        source: Option<rustls::Error>,
    },
    /// A worker thread did not start.
    #[error("cannot start a worker thread: {0}")]
    Thread(io::Error),
}

/// Binds every address, with `workers` UDP sockets each.
///
/// An IPv6 loopback address is left out where the host has none, as long as there is another: the default listens on both.
pub(super) fn bind(listen: &[SocketAddr], workers: usize) -> Result<Vec<Bound>, StartError> {
    let mut wanted: Vec<SocketAddr> = Vec::with_capacity(listen.len());
    for &address in listen {
        // Port 0 is another port each time.
        if address.port() == 0 || !wanted.contains(&address) {
            wanted.push(address);
        }
    }
    check_overlap(&wanted)?;
    let mut bound = Vec::with_capacity(wanted.len());
    let mut missing = None;
    for address in wanted {
        match bind_one(address, workers) {
            Ok(it) => bound.push(it),
            Err(error) if is_missing_loopback(&error) => {
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match missing {
        _ if !bound.is_empty() => {
            if let Some(error) = missing {
                tracing::warn!("not listening on IPv6 loopback, which this host lacks: {error}");
            }
            Ok(bound)
        }
        Some(error) => Err(error),
        None => Err(StartError::NoAddress),
    }
}

fn check_overlap(wanted: &[SocketAddr]) -> Result<(), StartError> {
    for wildcard in wanted.iter().filter(|it| it.ip().is_unspecified() && it.port() != 0) {
        let covered = wanted.iter().find(|it| {
            *it != wildcard && it.port() == wildcard.port() && it.is_ipv4() == wildcard.is_ipv4()
        });
        if let Some(&address) = covered {
            return Err(StartError::Overlap { wildcard: *wildcard, address });
        }
    }
    Ok(())
}

fn is_missing_loopback(error: &StartError) -> bool {
    match error {
        StartError::NotHere { address } => address.is_ipv6() && address.ip().is_loopback(),
        StartError::Bind { address, source, .. } => {
            address.is_ipv6()
                && address.ip().is_loopback()
                && source.raw_os_error() == Some(libc::EAFNOSUPPORT)
        }
        _ => false,
    }
}

/// Binds addresses for connections that carry `transport`.
pub(super) fn bind_streams(
    listen: &[SocketAddr],
    transport: Transport,
) -> Result<Vec<(SocketAddr, TcpListener)>, StartError> {
    let bound = listen.iter().map(|&address| {
        let listener = tcp(address).map_err(|it| explain(address, transport, it))?;
        Ok((listener.local_addr().unwrap_or(address), listener))
    });
    bound.collect()
}

/// Binds addresses for QUIC that carries `transport`.
pub(super) fn bind_datagrams(
    listen: &[SocketAddr],
    transport: Transport,
) -> Result<Vec<(SocketAddr, UdpSocket)>, StartError> {
    let bound = listen.iter().map(|&address| {
        let socket = quic(address).map_err(|it| explain(address, transport, it))?;
        Ok((socket.local_addr().unwrap_or(address), socket))
    });
    bound.collect()
}

fn quic(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = new(address, Type::DGRAM, Protocol::UDP)?;
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&SockAddr::from(address))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_one(address: SocketAddr, workers: usize) -> Result<Bound, StartError> {
    let draws = if address.port() == 0 { DRAWS_MAX } else { 1 };
    let mut last = None;
    for _ in 0..draws {
        let udp = udp(address, workers).map_err(|it| explain(address, Transport::Udp, it))?;
        let address = udp.first().map_or(address, |it| it.local());
        match tcp(address) {
            Ok(tcp) => return Ok(Bound { address, udp, tcp }),
            Err(error) => last = Some(explain(address, Transport::Tcp, error)),
        }
    }
    Err(last.expect("there was at least one draw"))
}

/// The first socket is bound without sharing: that fails when anybody has the port, even one who would share it. Only then is it
/// opened for the sockets of the other workers, so that there is no moment between the test and the real thing.
fn udp(address: SocketAddr, workers: usize) -> io::Result<Vec<Arc<Socket>>> {
    let first = new(address, Type::DGRAM, Protocol::UDP)?;
    // The kernel may grant less.
    let _ = first.set_recv_buffer_size(RECEIVE_BUFFER);
    first.bind(&SockAddr::from(address))?;
    share(&first)?;
    let first = Arc::new(Socket::new(first.into())?);
    let mut group = Vec::with_capacity(workers.max(1));
    group.push(Arc::clone(&first));
    for _ in 1..workers {
        group.push(sibling(&first)?);
    }
    Ok(group)
}

#[cfg(target_os = "linux")]
fn share(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Another socket on the same port; the kernel spreads the clients over all.
#[cfg(target_os = "linux")]
fn sibling(first: &Arc<Socket>) -> io::Result<Arc<Socket>> {
    let address = first.local();
    let socket = new(address, Type::DGRAM, Protocol::UDP)?;
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    share(&socket)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(Arc::new(Socket::new(socket.into())?))
}

#[cfg(not(target_os = "linux"))]
fn share(_: &socket2::Socket) -> io::Result<()> {
    Ok(())
}

/// Elsewhere sharing a port spreads nothing, so the workers share the socket itself.
#[cfg(not(target_os = "linux"))]
fn sibling(first: &Arc<Socket>) -> io::Result<Arc<Socket>> {
    Ok(Arc::clone(first))
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = new(address, Type::STREAM, Protocol::TCP)?;
    // Without it, connections of a server that just ended would keep the port for a minute. On Windows it would share the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn new(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn explain(address: SocketAddr, transport: Transport, source: io::Error) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            StartError::InUse { address, transport, holder: holder::find(address, transport) }
        }
        io::ErrorKind::PermissionDenied => StartError::Permission { address, transport },
        io::ErrorKind::AddrNotAvailable => StartError::NotHere { address },
        _ => StartError::Bind { address, transport, source },
    }
}

fn held(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "the port is in use".to_owned(), Holder::to_string)
}

fn in_use_hint(address: SocketAddr, holder: Option<&Holder>) -> String {
    let port = address.port();
    let Some(holder) = holder else {
        return format!("`ss -lnup 'sport = :{port}'` as root shows who has it");
    };
    match &holder.process {
        Some((pid, program)) if program == "squint" => format!(
            "another Squint runs there; stop it (`kill {pid}`), or let this one listen elsewhere: `--listen {}`",
            SocketAddr::new(address.ip(), port.checked_add(1).unwrap_or(5300))
        ),
        // The kernel keeps 15 octets of a program's name.
        Some((_, program)) if program.starts_with("systemd-resolve") => {
            "free the port with `DNSStubListener=no` in /etc/systemd/resolved.conf and `systemctl restart systemd-resolved`, \
             or listen on the address of one interface instead of all"
                .to_owned()
        }
        Some((_, program)) => format!(
            "stop `{}`, or listen on another address or port with `--listen`",
            program.escape_default()
        ),
        None => format!(
            "`ss -lntup 'sport = :{port}'` as root shows which one; stop it, or listen on another address or port with `--listen`"
        ),
    }
}

fn permission_hint(address: SocketAddr) -> String {
    let program =
        env::current_exe().map_or_else(|_| "squint".to_owned(), |it| it.display().to_string());
    format!(
        "ports below 1024 need a privilege: `sudo setcap cap_net_bind_service=+ep {program}` grants it, or use a higher port: `--listen {}`",
        SocketAddr::new(address.ip(), 5300)
    )
}

fn address_hint() -> String {
    let mut own: Vec<IpAddr> = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    own.extend(interfaces::reachable_addresses());
    let own: Vec<String> = own.iter().map(|it| format!("`{it}`")).collect();
    format!("this host has {}", own.join(", "))
}
