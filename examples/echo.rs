//! The floor that the UDP front is measured against: `recvmmsg`, QR set, `sendmmsg`, and nothing else.
//!
//! `cargo run --release --example echo -- 127.0.0.1:5301`. With `--answer` behind the address it adds one address record instead, over
//! TCP as well, which makes it an upstream that costs next to nothing. Runs until it is killed.
#![expect(unsafe_code, reason = "recvmmsg and sendmmsg are C interfaces")]

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("recvmmsg and sendmmsg are Linux calls");
}

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    use anyhow::Context as _;
    use std::{io, net::UdpSocket, os::fd::AsRawFd as _, ptr};

    const BATCH: usize = 64;
    const PACKET_LEN_MAX: usize = 1500;

    let address = std::env::args().nth(1).context("usage: echo ADDRESS:PORT [--answer]")?;
    let answers = std::env::args().nth(2).is_some_and(|it| it == "--answer");
    if answers {
        let listener = std::net::TcpListener::bind(&address).context("cannot bind TCP")?;
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                std::thread::spawn(move || answer_stream(stream));
            }
        });
    }
    let socket = UdpSocket::bind(&address).with_context(|| format!("cannot bind {address}"))?;
    let mut packets = vec![[0_u8; PACKET_LEN_MAX]; BATCH];
    // SAFETY: all-zero is a valid value of these C structures: no address, no buffer.
    let (mut names, mut headers): (Vec<libc::sockaddr_in6>, Vec<libc::mmsghdr>) =
        unsafe { (vec![std::mem::zeroed(); BATCH], vec![std::mem::zeroed(); BATCH]) };
    let name_len = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    let mut vectors = vec![libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
    for i in 0..BATCH {
        vectors[i] =
            libc::iovec { iov_base: packets[i].as_mut_ptr().cast(), iov_len: PACKET_LEN_MAX };
        headers[i].msg_hdr.msg_iov = &raw mut vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        headers[i].msg_hdr.msg_name = (&raw mut names[i]).cast();
        headers[i].msg_hdr.msg_namelen = name_len;
    }
    loop {
        // SAFETY: every header points at a buffer and a name of the lengths it states, which outlive the loop.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        if received < 0 {
            return Err(io::Error::last_os_error()).context("cannot receive");
        }
        let received = received as usize;
        for i in 0..received {
            packets[i][2] |= 0x80;
            let len = headers[i].msg_len as usize;
            vectors[i].iov_len = if answers { answer(&mut packets[i], len) } else { len };
        }
        let mut sent = 0;
        while sent < received {
            // SAFETY: as above; the headers up to `received` hold what was received.
            let count = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers[sent..].as_mut_ptr(),
                    (received - sent) as libc::c_uint,
                    0,
                )
            };
            sent += usize::try_from(count).unwrap_or(1).max(1);
        }
        for i in 0..received {
            vectors[i].iov_len = PACKET_LEN_MAX;
            headers[i].msg_hdr.msg_namelen = name_len;
        }
    }
}

/// Answers the queries of a connection, one after the other, until it ends.
#[cfg(target_os = "linux")]
fn answer_stream(mut stream: std::net::TcpStream) -> std::io::Result<()> {
    use std::io::{Read as _, Write as _};
    let mut buffer = [0; 2 + 1500];
    loop {
        stream.read_exact(&mut buffer[..2])?;
        let len = usize::from(u16::from_be_bytes([buffer[0], buffer[1]])).min(1400);
        stream.read_exact(&mut buffer[2..2 + len])?;
        buffer[4] |= 0x80;
        let len = answer(&mut buffer[2..], len);
        buffer[..2].copy_from_slice(&u16::try_from(len).unwrap_or_default().to_be_bytes());
        stream.write_all(&buffer[..2 + len])?;
    }
}

/// Turns a query into its answer: the question as it came, one record, and no OPT. Tells how long it is.
#[cfg(target_os = "linux")]
fn answer(packet: &mut [u8], len: usize) -> usize {
    const HEADER_LEN: usize = 12;
    let mut at = HEADER_LEN;
    while at < len && packet[at] != 0 {
        at += 1 + usize::from(packet[at]);
    }
    at += 5;
    packet[3] = 0x80;
    packet[6..HEADER_LEN].fill(0);
    // An address for A, and for every other type nothing: no record of it.
    if at > len || packet[at - 4..at - 2] != [0, 1] {
        return at.min(len);
    }
    packet[7] = 1;
    let record = [0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1];
    packet[at..at + record.len()].copy_from_slice(&record);
    at + record.len()
}
