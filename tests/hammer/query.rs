//! What must hold for any octets taken as a client's packet.

use squint::dns::{Answer, Made, Query, Rcode, Rejected, Reply, Way};

/// Any octets as a client's packet: a whole header with QR=0 gets exactly one well-formed response, the rest none.
pub(crate) fn check(packet: &[u8]) {
    let mut out = b"left over".to_vec();
    let silent = packet.len() < 12 || packet[2] & 0x80 != 0;
    match Query::parse(packet) {
        Ok(query) => {
            assert!(!silent && packet[2] & 0x7a == 0 && packet[4..10] == [0, 1, 0, 0, 0, 0]);
            assert_eq!(query.sent.to_ascii_lowercase(), query.name.wire());
            let answer = &Made::Negative(Rcode::NXDOMAIN, query.name.wire(), 10).answer(&query);
            Reply {
                answer,
                query: &query,
                age_secs: 3,
                ttl_secs_override: None,
                ede: None,
                way: Way::plain(512),
            }
            .write(&mut out);
            let Query { name, qtype, qclass, .. } = &query;
            let again = Answer::from_reply(&out, query.id, name, *qtype, *qclass);
            assert_eq!(again.map(|it| it.lifetime_secs()), Ok(Some(7)));
        }
        Err(rejected) => {
            assert_eq!(rejected == Rejected::Silence, silent);
            rejected.write(packet, Way::plain(512), &mut out);
            assert_eq!(out.is_empty(), silent);
        }
    }
    if !silent {
        assert!((12..=512).contains(&out.len()) && out[..2] == packet[..2]);
        assert!(matches!(Query::parse(&out), Err(Rejected::Silence)), "nobody answers an answer");
    }
}
