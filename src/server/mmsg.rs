//! Datagrams by the batch: `recvmmsg` and `sendmmsg` on Linux, with buffers allocated once.
//!
//! `plain.rs` does the same job one datagram at a time where these calls are missing.
#![expect(unsafe_code, reason = "recvmmsg, sendmmsg and their control messages are C interfaces")]

use super::{
    front::Received,
    udp::{Datagram, PACKET_LEN_MAX, RESPONSE_LEN_USUAL, Response, Sent, Source},
};
use std::{
    io,
    mem::{self, MaybeUninit},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::AsRawFd as _,
    ptr, slice,
};

/// Datagrams in one turn.
const BATCH: usize = 64;
/// From one receive buffer to the next: not a multiple of 4096, or every packet's head would compete for the same few lines of
/// the first-level cache.
const STRIDE: usize = PACKET_LEN_MAX + 192;
/// Room for one control message with packet information of either family.
const CONTROL_LEN: usize = 64;
/// A response buffer that grew past this is given back.
const RESPONSE_LEN_KEPT: usize = 4096;

/// A peer's address as the kernel writes it.
#[repr(C)]
union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

/// Everything that the kernel reads and writes, in one allocation that never moves. All-zero is a valid value.
#[repr(C)]
struct Slab {
    rx: [libc::mmsghdr; BATCH],
    tx: [libc::mmsghdr; BATCH],
    rx_iov: [libc::iovec; BATCH],
    tx_iov: [libc::iovec; BATCH],
    names: [Name; BATCH],
    controls: [Control; BATCH],
    packets: [[u8; STRIDE]; BATCH],
}

/// The buffers of one worker: a batch of datagrams received and their responses.
pub(super) struct Batch {
    /// Owned, made by `Box::into_raw`. The headers in it point back into it, so that it is only ever reached through this pointer.
    slab: *mut Slab,
    responses: Vec<Vec<u8>>,
    /// Headers that the last receive filled in, to be made ready again.
    received: usize,
    /// Responses to be sent.
    queued: usize,
    /// Where the socket is bound, unless to the wildcard.
    bound: IpAddr,
}

impl Batch {
    /// Buffers for a socket bound to `bound`.
    pub(super) fn new(bound: IpAddr) -> Self {
        // SAFETY: every field of `Slab` is made of integers and raw pointers, for which zero is valid.
        let slab = Box::into_raw(unsafe { Box::<Slab>::new_zeroed().assume_init() });
        for i in 0..BATCH {
            // SAFETY: `slab` is owned here; each access is to one element in bounds, through the raw pointer.
            unsafe {
                (*slab).rx_iov[i] = libc::iovec {
                    iov_base: (&raw mut (*slab).packets[i]).cast(),
                    iov_len: PACKET_LEN_MAX,
                };
                let header = &raw mut (*slab).rx[i].msg_hdr;
                (*header).msg_iov = &raw mut (*slab).rx_iov[i];
                (*header).msg_iovlen = 1;
                (*header).msg_name = (&raw mut (*slab).names[i]).cast();
                if bound.is_unspecified() {
                    (*header).msg_control = (&raw mut (*slab).controls[i]).cast();
                }
                let header = &raw mut (*slab).tx[i].msg_hdr;
                (*header).msg_iov = &raw mut (*slab).tx_iov[i];
                (*header).msg_iovlen = 1;
            }
        }
        let responses = (0..BATCH).map(|_| Vec::with_capacity(RESPONSE_LEN_USUAL)).collect();
        Self { slab, responses, received: BATCH, queued: 0, bound }
    }

    /// Receives what there is, at most a batch. With `wait`, waits for the first datagram, as long as the socket's time-out;
    /// otherwise, and past that, there may be none.
    pub(super) fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        let control_len = if self.bound.is_unspecified() { CONTROL_LEN } else { 0 };
        for i in 0..self.received {
            // SAFETY: in bounds, and the kernel does not hold the headers between calls.
            unsafe {
                let header = &raw mut (*self.slab).rx[i].msg_hdr;
                (*header).msg_namelen = size_of::<Name>() as libc::socklen_t;
                (*header).msg_controllen = control_len as _;
            }
        }
        self.received = 0;
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: the headers point at buffers of the lengths they name, which live as long as `self`.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                (&raw mut (*self.slab).rx).cast(),
                BATCH as libc::c_uint,
                flags as _,
                ptr::null_mut(),
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            };
        }
        self.received = count as usize;
        Ok(self.received)
    }

    /// Shows each datagram of the last receive to `respond`; where that returns `true`, the buffer holds a response to send.
    #[inline]
    pub(super) fn respond(&mut self, mut respond: impl FnMut(Datagram<'_>, &mut Vec<u8>) -> bool) {
        self.queued = 0;
        for i in 0..self.received {
            // SAFETY: in bounds; the kernel filled this header in, and the packet is initialised from the start.
            let (header, packet) = unsafe {
                let received = &raw const (*self.slab).rx[i];
                let len = ((*received).msg_len as usize).min(PACKET_LEN_MAX);
                let packet = (&raw const (*self.slab).packets[i]).cast::<u8>();
                (&raw mut (*self.slab).rx[i].msg_hdr, slice::from_raw_parts(packet, len))
            };
            // SAFETY: as above; the name is as long as the kernel says.
            let (peer, flags, source) = unsafe {
                let name = &raw const (*self.slab).names[i];
                (peer(name, (*header).msg_namelen), (*header).msg_flags, source(header))
            };
            let Some(peer) = peer else {
                continue;
            };
            let response = &mut self.responses[self.queued];
            if response.capacity() > RESPONSE_LEN_KEPT {
                *response = Vec::with_capacity(RESPONSE_LEN_USUAL);
            }
            let datagram = Datagram {
                received: Received { packet, cut: flags & libc::MSG_TRUNC != 0 },
                peer,
                local: source.map_or(self.bound, |it| it.address),
                source,
            };
            if respond(datagram, response) {
                self.enqueue(i);
            }
        }
    }

    /// Makes the next response leave for where datagram `i` came from, from the address it came to.
    fn enqueue(&mut self, i: usize) {
        let response = &mut self.responses[self.queued];
        // SAFETY: in bounds; the response is not touched before it is sent, and the control message, whose interface index
        // `source` has settled, is as long as the kernel said.
        unsafe {
            (*self.slab).tx_iov[self.queued] =
                libc::iovec { iov_base: response.as_mut_ptr().cast(), iov_len: response.len() };
            let from = &raw const (*self.slab).rx[i].msg_hdr;
            let to = &raw mut (*self.slab).tx[self.queued].msg_hdr;
            (*to).msg_name = (*from).msg_name;
            (*to).msg_namelen = (*from).msg_namelen;
            (*to).msg_control = (*from).msg_control;
            (*to).msg_controllen = (*from).msg_controllen;
        }
        self.queued += 1;
    }

    /// Sends the responses of the last [`Batch::respond`].
    pub(super) fn send(&mut self, socket: &UdpSocket) -> Sent {
        let queued = mem::take(&mut self.queued);
        // SAFETY: the headers point at responses and names that live as long as `self`.
        unsafe { transmit(socket, (&raw mut (*self.slab).tx).cast(), queued, false) }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw`, and nothing points into it any more.
        drop(unsafe { Box::from_raw(self.slab) });
    }
}

/// Sets what a listening socket needs: the address that was asked where it is bound to the wildcard, and responses that no
/// forged "fragmentation needed" can cut to pieces.
pub(super) fn prepare(socket: &UdpSocket, bound: IpAddr) -> io::Result<()> {
    let (level, info, discover, omit) = match bound {
        IpAddr::V4(_) => {
            (libc::IPPROTO_IP, libc::IP_PKTINFO, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
        }
        IpAddr::V6(_) => (
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVPKTINFO,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_OMIT,
        ),
    };
    // An old kernel does without.
    let _ = set_option(socket, level, discover, omit);
    if bound.is_unspecified() { set_option(socket, level, info, 1) } else { Ok(()) }
}

fn set_option(
    socket: &UdpSocket,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option's value is one C int, as its length says.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends responses without waiting, each from its `source` where the socket is bound to the wildcard; stops where the kernel has no
/// room for the next.
pub(super) fn send_all<'r>(
    socket: &UdpSocket,
    responses: impl Iterator<Item = &'r Response>,
) -> Sent {
    let (mut sent, mut responses) = (Sent::default(), responses.peekable());
    while responses.peek().is_some() {
        let mut count = 0;
        // Written as far as they are used: to clear all of them for a single response would cost more than to send it.
        let mut names = [const { MaybeUninit::<Name>::uninit() }; BATCH];
        let mut controls = [const { MaybeUninit::<Control>::uninit() }; BATCH];
        let mut iovs = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        for (i, response) in responses.by_ref().take(BATCH).enumerate() {
            count = i + 1;
            let octets = &response.octets;
            let (name, name_len) = name_of(response.peer);
            let iov =
                libc::iovec { iov_base: octets.as_ptr().cast_mut().cast(), iov_len: octets.len() };
            // SAFETY: all-zero is a valid header: nothing to send.
            let header = headers[i].write(unsafe { mem::zeroed() });
            header.msg_hdr.msg_name = ptr::from_mut(names[i].write(name)).cast();
            header.msg_hdr.msg_namelen = name_len;
            header.msg_hdr.msg_iov = iovs[i].write(iov);
            header.msg_hdr.msg_iovlen = 1;
            if let Some(source) = response.source {
                let control = controls[i].write(Control([0; CONTROL_LEN]));
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = CONTROL_LEN as _;
                // SAFETY: the header has a zeroed control buffer with room for either kind.
                unsafe { write_source(&raw mut header.msg_hdr, source) };
            }
        }
        // SAFETY: the first `count` headers are written, and all that they point at outlives the call.
        let more = unsafe { transmit(socket, headers.as_mut_ptr().cast(), count, true) };
        sent.taken += more.taken;
        sent.failed += more.failed;
        if more.taken + more.failed < count as u64 {
            break;
        }
    }
    sent
}

/// # Safety
/// `headers` has `count` of them, and all that they point at is valid.
unsafe fn transmit(
    socket: &UdpSocket,
    headers: *mut libc::mmsghdr,
    count: usize,
    at_once: bool,
) -> Sent {
    let mut sent = Sent::default();
    let flags = if at_once { libc::MSG_DONTWAIT } else { 0 };
    let mut at = 0;
    while at < count {
        // SAFETY: `at` is less than `count`, so that this many headers follow.
        let taken = unsafe {
            let rest = (count - at) as libc::c_uint;
            libc::sendmmsg(socket.as_raw_fd(), headers.add(at), rest, flags as _)
        };
        if taken > 0 {
            at += taken as usize;
            sent.taken += taken as u64;
            continue;
        }
        match io::Error::last_os_error().kind() {
            io::ErrorKind::Interrupted => (),
            io::ErrorKind::WouldBlock if at_once => break,
            // The error is of the first one: a port that nobody can have, a firewall. The others may still go.
            _ => {
                at += 1;
                sent.failed += 1;
            }
        }
    }
    sent
}

/// Takes a socket out of service: no new datagram reaches it, those that it holds can still be read and answered.
///
/// A connected socket hears its peer alone, and the peer here is the socket itself. Clients that ask afterwards are told at once
/// that nobody listens, instead of waiting for an answer.
pub(super) fn retire(socket: &UdpSocket, local: SocketAddr) -> io::Result<()> {
    let own = match local.ip() {
        IpAddr::V4(it) if it.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(it) if it.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => return socket.connect(local),
    };
    socket.connect(SocketAddr::new(own, local.port()))
}

/// # Safety
/// `name` was written by the kernel, `len` octets of it.
#[inline]
unsafe fn peer(name: *const Name, len: libc::socklen_t) -> Option<SocketAddr> {
    // SAFETY: each member is read only when the kernel wrote that many octets; zeroed or older octets are valid integers.
    unsafe {
        if (len as usize) < size_of::<libc::sockaddr_in>() {
            return None;
        }
        match libc::c_int::from((*name).family) {
            libc::AF_INET => {
                let from = &(*name).v4;
                let address = Ipv4Addr::from_bits(u32::from_be(from.sin_addr.s_addr));
                Some(SocketAddrV4::new(address, u16::from_be(from.sin_port)).into())
            }
            libc::AF_INET6 if len as usize >= size_of::<libc::sockaddr_in6>() => {
                let from = &(*name).v6;
                let address = Ipv6Addr::from(from.sin6_addr.s6_addr);
                let port = u16::from_be(from.sin6_port);
                Some(
                    SocketAddrV6::new(address, port, from.sin6_flowinfo, from.sin6_scope_id).into(),
                )
            }
            _ => None,
        }
    }
}

fn name_of(peer: SocketAddr) -> (Name, libc::socklen_t) {
    // SAFETY: all-zero is a valid address of no family.
    let mut name: Name = unsafe { mem::zeroed() };
    let len = match peer {
        SocketAddr::V4(it) => {
            // SAFETY: zeroed above; the other fields are padding.
            let mut v4: libc::sockaddr_in = unsafe { mem::zeroed() };
            v4.sin_family = libc::AF_INET as libc::sa_family_t;
            v4.sin_port = it.port().to_be();
            v4.sin_addr.s_addr = it.ip().to_bits().to_be();
            name.v4 = v4;
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(it) => {
            // SAFETY: as above.
            let mut v6: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            v6.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            v6.sin6_port = it.port().to_be();
            v6.sin6_addr.s6_addr = it.ip().octets();
            v6.sin6_scope_id = it.scope_id();
            name.v6 = v6;
            size_of::<libc::sockaddr_in6>()
        }
    };
    (name, len as libc::socklen_t)
}

/// The address that was asked. Changes the control message in place into the one that sends from there: routing picks the
/// interface, except for a link-local address, which means nothing without one.
///
/// # Safety
/// `header` was filled in by a receive, or has no control buffer.
#[inline]
unsafe fn source(header: *mut libc::msghdr) -> Option<Source> {
    // SAFETY: CMSG_FIRSTHDR yields null or a message within the control buffer; its level and type tell what it carries.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null() {
            return None;
        }
        match ((*message).cmsg_level, (*message).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                let mut read = info.read_unaligned();
                read.ipi_ifindex = 0;
                info.write_unaligned(read);
                let address = Ipv4Addr::from_bits(u32::from_be(read.ipi_spec_dst.s_addr));
                Some(Source { address: address.into(), interface: 0 })
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                let mut read = info.read_unaligned();
                let address = Ipv6Addr::from(read.ipi6_addr.s6_addr);
                if !address.is_unicast_link_local() {
                    read.ipi6_ifindex = 0;
                    info.write_unaligned(read);
                }
                Some(Source { address: address.into(), interface: read.ipi6_ifindex as u32 })
            }
            _ => None,
        }
    }
}

/// # Safety
/// `header` has a zeroed control buffer of [`CONTROL_LEN`] octets.
unsafe fn write_source(header: *mut libc::msghdr, source: Source) {
    // SAFETY: the buffer has room for one message of either kind, and CMSG_FIRSTHDR yields its start.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        let len = match source.address {
            IpAddr::V4(it) => {
                (*message).cmsg_level = libc::IPPROTO_IP;
                (*message).cmsg_type = libc::IP_PKTINFO;
                let mut info: libc::in_pktinfo = mem::zeroed();
                info.ipi_ifindex = source.interface as _;
                info.ipi_spec_dst.s_addr = it.to_bits().to_be();
                libc::CMSG_DATA(message).cast::<libc::in_pktinfo>().write_unaligned(info);
                size_of::<libc::in_pktinfo>()
            }
            IpAddr::V6(it) => {
                (*message).cmsg_level = libc::IPPROTO_IPV6;
                (*message).cmsg_type = libc::IPV6_PKTINFO;
                let mut info: libc::in6_pktinfo = mem::zeroed();
                info.ipi6_ifindex = source.interface as _;
                info.ipi6_addr.s6_addr = it.octets();
                libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>().write_unaligned(info);
                size_of::<libc::in6_pktinfo>()
            }
        } as libc::c_uint;
        (*message).cmsg_len = libc::CMSG_LEN(len) as _;
        (*header).msg_controllen = libc::CMSG_SPACE(len) as _;
    }
}
