//! Who holds a port: read from `/proc`, for the message that says why binding failed.

use crate::dns::Transport;
use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// The TCP state in `/proc/net/tcp` of a socket that listens.
const LISTEN: &str = "0A";

/// A socket that stands in the way, and as much as can be read of whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Where the socket is bound.
    pub bound: SocketAddr,
    /// The owner's name, or the number where it has none.
    pub user: String,
    /// The process and the name of its program, where we may see them.
    pub process: Option<(u32, String)>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some((pid, program)) => {
                write!(f, "`{}` (pid {pid}, user {})", program.escape_default(), self.user)?;
            }
            None => write!(f, "a process of user {}", self.user)?,
        }
        write!(f, " holds {}", self.bound)
    }
}

/// The first socket that keeps `address` from being bound.
pub(super) fn find(address: SocketAddr, transport: Transport) -> Option<Holder> {
    let protocol = if over_udp(transport) { "udp" } else { "tcp" };
    let files = [format!("/proc/net/{protocol}"), format!("/proc/net/{protocol}6")];
    let row = files.iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        text.lines()
            .filter_map(|line| row(line, transport))
            .find(|row| in_the_way(row.bound, address))
    })?;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(Holder { bound: row.bound, user: user(&users, row.uid), process: process(row.inode) })
}

fn over_udp(transport: Transport) -> bool {
    matches!(transport, Transport::Udp | Transport::Doq | Transport::Doh3)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    bound: SocketAddr,
    uid: u32,
    inode: u64,
}

/// Reads a line: number, local address, remote address, state, queues, timer, retransmits, uid, timeout, inode.
fn row(line: &str, transport: Transport) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let bound = address(fields.next()?)?;
    let state = fields.nth(1)?;
    if !over_udp(transport) && state != LISTEN {
        return None;
    }
    let uid = fields.nth(3)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Row { bound, uid, inode })
}

/// Reads `0100007F:0035`: words of 32 bits in the order of the processor, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let octets: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// Whether a socket bound to `bound` can be what keeps `wanted` from being bound: the port is the same, and the addresses are,
/// or one of them is the wildcard. The IPv6 wildcard usually takes the port in IPv4, too.
fn in_the_way(bound: SocketAddr, wanted: SocketAddr) -> bool {
    if bound.port() != wanted.port() {
        return false;
    }
    let (bound, wanted) = (bound.ip().to_canonical(), wanted.ip().to_canonical());
    bound == wanted
        || bound == Ipv6Addr::UNSPECIFIED
        || (bound.is_unspecified() && wanted.is_ipv4())
        || (wanted.is_unspecified() && bound.is_ipv4() == wanted.is_ipv4())
}

fn user(passwd: &str, uid: u32) -> String {
    let number = uid.to_string();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}

/// The process that has the socket open: a link under `/proc/PID/fd` says `socket:[INODE]`. Only root may look into all.
fn process(inode: u64) -> Option<(u32, String)> {
    let link = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds =
            |fd: fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|it| it == Path::new(&link));
        if !fs::read_dir(entry.path().join("fd")).ok()?.flatten().any(holds) {
            return None;
        }
        let program = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        Some((pid, program.trim_end().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::{TcpListener, UdpSocket},
        process,
    };

    #[test]
    fn finds_this_process() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("[::1]:0").unwrap();
        for (address, transport) in [
            (udp.local_addr().unwrap(), Transport::Udp),
            (tcp.local_addr().unwrap(), Transport::Tcp),
        ] {
            let holder = find(address, transport).unwrap();
            assert_eq!(holder.bound, address);
            assert_eq!(holder.process.unwrap().0, process::id());
        }
    }

    #[test]
    fn reads_rows() {
        let line = "  12: 0100007F:14B4 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 98765 2 0000000000000000 0";
        let expected = Row { bound: "127.0.0.1:5300".parse().unwrap(), uid: 1000, inode: 98765 };
        assert_eq!(row(line, Transport::Udp), Some(expected));
        assert_eq!(row(line, Transport::Tcp), None);
        let v6 = "0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1";
        assert_eq!(row(v6, Transport::Tcp).unwrap().bound, "[::1]:53".parse().unwrap());
        for junk in [
            "",
            "a",
            "0: 0100007F",
            "0: 01:35 0 0A 0 0 0 0 0 7",
            "0: 0100007G:0035 x 07 0 0 0 0 0 7",
        ] {
            assert_eq!(row(junk, Transport::Udp), None, "{junk}");
        }
    }

    #[track_caller]
    fn check(bound: &str, wanted: &str, expected: bool) {
        assert_eq!(in_the_way(bound.parse().unwrap(), wanted.parse().unwrap()), expected);
    }

    #[test]
    fn knows_what_is_in_the_way() {
        check("127.0.0.1:53", "127.0.0.1:53", true);
        check("127.0.0.1:53", "127.0.0.1:54", false);
        check("127.0.0.53:53", "127.0.0.1:53", false);
        check("0.0.0.0:53", "127.0.0.1:53", true);
        check("127.0.0.53:53", "0.0.0.0:53", true);
        check("[::]:53", "127.0.0.1:53", true);
        check("[::]:53", "[::1]:53", true);
        check("[::1]:53", "[::]:53", true);
        check("0.0.0.0:53", "[::1]:53", false);
        check("[::1]:53", "127.0.0.1:53", false);
    }

    #[test]
    fn names_users() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nresolve:x:996:996::/:/sbin/nologin\n";
        assert_eq!(user(passwd, 996), "resolve");
        assert_eq!(user(passwd, 99), "99");
    }
}
