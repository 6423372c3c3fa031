//! The two ways to receive and send datagrams do the same job.

use super::*;
use crate::server::udp::{PACKET_LEN_MAX, Response, Sent};

macro_rules! check {
    ($kernel:ident) => {
        mod $kernel {
            use super::*;
            use crate::server::$kernel::{Batch, prepare, retire, send_all};

            fn socket(address: &str) -> UdpSocket {
                let socket = UdpSocket::bind(address).unwrap();
                prepare(&socket, socket.local_addr().unwrap().ip()).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket
            }

            #[test]
            fn exchanges() {
                for address in ["127.0.0.1:0", "[::1]:0"] {
                    let server = socket(address);
                    let local = server.local_addr().unwrap();
                    let client = udp_from(&local.ip().to_string(), local);
                    let mut batch = Batch::new(local.ip());
                    let packets = [
                        vec![1; 12],
                        vec![2; PACKET_LEN_MAX],
                        vec![3; PACKET_LEN_MAX + 1],
                        vec![],
                        vec![5; 100],
                    ];
                    for packet in &packets {
                        client.send(packet).unwrap();
                    }
                    let mut seen = Vec::new();
                    while seen.len() < packets.len() {
                        assert!(batch.receive(&server, true).unwrap() > 0);
                        batch.respond(|datagram, out| {
                            assert_eq!(datagram.peer, client.local_addr().unwrap());
                            assert_eq!(datagram.local, local.ip());
                            seen.push((datagram.received.packet.len(), datagram.received.cut));
                            out.clear();
                            out.extend_from_slice(
                                &datagram.received.packet[..datagram.received.packet.len().min(12)],
                            );
                            !out.is_empty() && out[0] != 2
                        });
                        assert_eq!(batch.send(&server).failed, 0);
                    }
                    let max = PACKET_LEN_MAX;
                    assert_eq!(
                        seen,
                        [(12, false), (max, false), (max, true), (0, false), (100, false)]
                    );
                    let mut buffer = [0; 100];
                    for expected in [1, 3, 5] {
                        assert_eq!(client.recv(&mut buffer).unwrap(), 12);
                        assert_eq!(buffer[0], expected);
                    }
                    let peer = client.local_addr().unwrap();
                    let late = Response { octets: b"late".to_vec(), peer, source: None };
                    let sent = send_all(&server, std::iter::once(&late));
                    assert_eq!(sent, Sent { taken: 1, failed: 0 });
                    assert_eq!(client.recv(&mut buffer).unwrap(), 4);
                }
            }

            #[test]
            fn nothing_there_is_no_error() {
                let server = socket("127.0.0.1:0");
                let local = server.local_addr().unwrap();
                let mut batch = Batch::new(local.ip());
                assert_eq!(batch.receive(&server, false).unwrap(), 0);
                batch.respond(|_, _| panic!("nothing was received"));
                assert_eq!(batch.send(&server), Sent::default());
            }

            #[test]
            fn a_retired_socket_gives_out_what_it_holds() {
                let server = socket("127.0.0.1:0");
                let local = server.local_addr().unwrap();
                let client = udp_from("127.0.0.1", local);
                client.send(&[7; 12]).unwrap();
                retire(&server, local).unwrap();
                let mut batch = Batch::new(local.ip());
                assert_eq!(batch.receive(&server, false).unwrap(), 1);
                batch.respond(|datagram, out| {
                    out.clear();
                    out.extend_from_slice(datagram.received.packet);
                    true
                });
                assert_eq!(batch.send(&server), Sent { taken: 1, failed: 0 });
                assert_eq!(client.recv(&mut [0; 100]).unwrap(), 12);
                assert_eq!(batch.receive(&server, false).unwrap(), 0);
            }
        }
    };
}

#[cfg(target_os = "linux")]
check!(mmsg);
check!(plain);
