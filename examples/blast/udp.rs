//! Load over UDP, in batches.
#![expect(unsafe_code, reason = "recvmmsg, sendmmsg and their control messages are C interfaces")]

use super::linux::{Args, Queries, Run, now};
use std::{
    io, mem,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
    ptr,
    time::{Duration, Instant},
};

const BATCH: usize = 64;
const PACKET_LEN_MAX: usize = 1500;
/// Room for one control message with packet information.
const CONTROL_LEN: usize = 64;
/// Queries that got no answer for so long are taken for lost.
const PATIENCE: Duration = Duration::from_millis(300);

/// Keeps a window of queries outstanding.
pub(super) fn saturate(args: &Args, queries: &mut Queries) -> anyhow::Result<Run> {
    let mut line = Line::open(args)?;
    line.socket.set_read_timeout(Some(PATIENCE))?;
    let mut run = Run::default();
    let mut outstanding = 0_usize;
    let start = now();
    loop {
        let goes_on = match args.once {
            true => queries.sent() < queries.len(),
            false => start.elapsed().as_secs_f64() < args.secs,
        };
        if goes_on {
            while outstanding < args.window {
                let left = if args.once { queries.len() - queries.sent() } else { BATCH };
                let count = BATCH.min(args.window - outstanding).min(left);
                if count == 0 {
                    break;
                }
                outstanding += line.send(queries, count)?;
            }
        } else if outstanding == 0 {
            return Ok(run);
        }
        let Some(count) = line.receive(true)? else {
            run.lost += outstanding as u64;
            outstanding = 0;
            continue;
        };
        line.packets[..count].iter().for_each(|it| run.count(it));
        run.secs = start.elapsed().as_secs_f64();
        outstanding = outstanding.saturating_sub(count);
    }
}

/// Sends at a rate, whatever comes back, and notes how long each answer took.
pub(super) fn pace(args: &Args, queries: &mut Queries, rate: f64) -> anyhow::Result<Run> {
    // SAFETY: a number for the kernel: timers of this thread may be as exact as they can.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
    let mut line = Line::open(args)?;
    let mut sent_at: Vec<Option<Instant>> = vec![None; 1 << 16];
    let mut run = Run::default();
    let start = now();
    let mut sent = 0_usize;
    loop {
        let at = now();
        let elapsed = (at - start).as_secs_f64();
        if elapsed < args.secs {
            let due = ((elapsed * rate) as usize).saturating_sub(sent).min(BATCH);
            if due > 0 {
                (sent..sent + due).for_each(|it| sent_at[it & 0xffff] = Some(at));
                sent += line.send(queries, due)?;
            } else {
                line.wait(Duration::from_secs_f64((sent + 1) as f64 / rate - elapsed));
            }
        } else if run.answered == sent as u64 || elapsed > args.secs + PATIENCE.as_secs_f64() {
            run.secs = args.secs;
            run.lost = sent as u64 - run.answered;
            return Ok(run);
        }
        let Some(count) = line.receive(false)? else { continue };
        let at = now();
        for packet in &line.packets[..count] {
            run.count(packet);
            let place = usize::from(u16::from_be_bytes([packet[0], packet[1]]));
            if let Some(then) = sent_at[place].take() {
                run.took.push(u32::try_from((at - then).as_nanos()).unwrap_or(u32::MAX));
            }
        }
    }
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_LEN]);

/// A socket and what the kernel reads and writes for it. The headers point into the other buffers, which never move.
struct Line {
    socket: UdpSocket,
    clients: u32,
    sent: u32,
    packets: Vec<[u8; PACKET_LEN_MAX]>,
    _vectors: Vec<libc::iovec>,
    receiving: Vec<libc::mmsghdr>,
    sending: Vec<libc::mmsghdr>,
    sending_vectors: Vec<libc::iovec>,
    controls: Vec<Control>,
    server: Box<libc::sockaddr_in>,
}

impl Line {
    fn open(args: &Args) -> anyhow::Result<Self> {
        let SocketAddr::V4(to) = args.server else { anyhow::bail!("the server must be IPv4") };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
        if args.clients == 1 {
            socket.connect(args.server)?;
        }
        // SAFETY: all-zero is a valid value of these C structures: no address, no buffer.
        let (mut server, empty): (Box<libc::sockaddr_in>, libc::mmsghdr) =
            unsafe { (Box::new(mem::zeroed()), mem::zeroed()) };
        server.sin_family = libc::AF_INET as libc::sa_family_t;
        server.sin_port = to.port().to_be();
        server.sin_addr.s_addr = to.ip().to_bits().to_be();
        let nothing = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut packets = vec![[0_u8; PACKET_LEN_MAX]; BATCH];
        let mut vectors = vec![nothing; BATCH];
        let (mut receiving, mut sending) = (vec![empty; BATCH], vec![empty; BATCH]);
        let mut sending_vectors = vec![nothing; BATCH];
        let mut controls = vec![Control([0; CONTROL_LEN]); BATCH];
        for i in 0..BATCH {
            vectors[i].iov_base = packets[i].as_mut_ptr().cast();
            vectors[i].iov_len = PACKET_LEN_MAX;
            receiving[i].msg_hdr.msg_iov = &raw mut vectors[i];
            receiving[i].msg_hdr.msg_iovlen = 1;
            let header = &mut sending[i].msg_hdr;
            header.msg_iov = &raw mut sending_vectors[i];
            header.msg_iovlen = 1;
            if args.clients > 1 {
                header.msg_name = (&raw mut *server).cast();
                header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                header.msg_control = controls[i].0.as_mut_ptr().cast();
                header.msg_controllen = CONTROL_LEN as _;
            }
        }
        Ok(Self {
            socket,
            clients: args.clients,
            sent: 0,
            packets,
            _vectors: vectors,
            receiving,
            sending,
            sending_vectors,
            controls,
            server,
        })
    }

    fn send(&mut self, queries: &mut Queries, count: usize) -> io::Result<usize> {
        debug_assert_ne!(self.server.sin_port, 0, "headers point at it");
        let mut copies = [[0_u8; 300]; BATCH];
        for (i, copy) in copies.iter_mut().enumerate().take(count) {
            let query = queries.next();
            copy[..query.len()].copy_from_slice(query);
            self.sending_vectors[i] =
                libc::iovec { iov_base: copy.as_mut_ptr().cast(), iov_len: query.len() };
            if self.clients > 1 {
                let number = self.sent % self.clients;
                self.sent += 1;
                // From 127.1.0.1 on, each with a last octet of 1 to 250.
                let address = 0x7f01_0000 + ((number / 250) << 8) + number % 250 + 1;
                // SAFETY: the header has a control buffer of `CONTROL_LEN` octets, `controls[i]`.
                unsafe { write_source(&raw mut self.sending[i].msg_hdr, address) };
            }
        }
        let mut done = 0;
        while done < count {
            // SAFETY: the headers point at buffers that live until the call is over.
            let sent = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    self.sending[done..].as_mut_ptr(),
                    (count - done) as libc::c_uint,
                    0,
                )
            };
            done += usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        }
        let _ = &self.controls;
        Ok(count)
    }

    /// Waits until something has come, or so long.
    fn wait(&self, time: Duration) {
        let mut ready =
            libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let time = libc::timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        // SAFETY: one descriptor, and a time that lives as long as the call. Whatever it says, the caller looks for itself.
        unsafe { libc::ppoll(&raw mut ready, 1, &raw const time, ptr::null()) };
    }

    /// `None` when nothing came in time, or, without `wait`, at once.
    fn receive(&mut self, wait: bool) -> io::Result<Option<usize>> {
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: the headers point at `packets`.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                self.receiving.as_mut_ptr(),
                BATCH as libc::c_uint,
                flags as _,
                ptr::null_mut(),
            )
        };
        match usize::try_from(count) {
            Ok(count) => Ok(Some(count)),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                error => Err(error),
            },
        }
    }
}

/// # Safety
/// `header` has a control buffer of [`CONTROL_LEN`] octets.
unsafe fn write_source(header: *mut libc::msghdr, address: u32) {
    // SAFETY: the buffer has room for one message, and CMSG_FIRSTHDR yields its start.
    unsafe {
        (*header).msg_controllen = CONTROL_LEN as _;
        let message = libc::CMSG_FIRSTHDR(header);
        (*message).cmsg_level = libc::IPPROTO_IP;
        (*message).cmsg_type = libc::IP_PKTINFO;
        let mut info: libc::in_pktinfo = mem::zeroed();
        info.ipi_spec_dst.s_addr = address.to_be();
        libc::CMSG_DATA(message).cast::<libc::in_pktinfo>().write_unaligned(info);
        let len = size_of::<libc::in_pktinfo>() as libc::c_uint;
        (*message).cmsg_len = libc::CMSG_LEN(len) as _;
        (*header).msg_controllen = libc::CMSG_SPACE(len) as _;
    }
}
