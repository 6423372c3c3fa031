//! Whole exchanges against a scripted upstream.

mod case;

use super::{
    fake::{Fake, Heard, Said, address, answer, changed, framed, question_end, rcode, with_opt},
    shared::Shared,
    *,
};
use crate::dns::{Client, Rcode, Transport, rtype};
use std::{
    collections::{HashMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
};
use tokio::time::{self, Instant, timeout};

fn ask(name: &str) -> Ask {
    Ask::new(Name::parse(name).unwrap(), rtype::A)
}

fn upstreams(urls: &[Url]) -> Upstreams {
    Upstreams::new(Exchange::start().unwrap(), urls, Strategy::Fastest).unwrap()
}

/// The last octet of the address that an answer holds, or 0.
fn last(forwarded: &Forwarded) -> u8 {
    match forwarded.answer.addresses().next() {
        Some(std::net::IpAddr::V4(it)) => it.octets()[3],
        _ => 0,
    }
}

/// Asks a scripted upstream once and expects 192.0.2.`expected`; gives the counts for a second look.
async fn check_with(fake: Fake, expected: u8) -> (Counts, Vec<Heard>) {
    let upstreams = upstreams(&[fake.udp()]);
    let forwarded = timeout(Duration::from_secs(3), upstreams.forward(&ask("www.example"))).await;
    let forwarded = forwarded.unwrap().unwrap();
    assert_eq!(last(&forwarded), expected);
    assert_eq!(*forwarded.server, *fake.udp().to_string());
    (upstreams.counts(), fake.heard())
}

async fn check(
    expected: u8,
    script: impl Fn(&Heard) -> Vec<Said> + Send + Sync + 'static,
) -> (Counts, Vec<Heard>) {
    check_with(Fake::start(script).await, expected).await
}

#[tokio::test]
async fn a_query_is_answered() {
    let (counts, heard) = check(1, |it| vec![Said::Now(address(&it.packet, 1))]).await;
    assert_eq!((counts.queries_udp, counts.replies, counts.forged), (1, 1, 0));
    assert_eq!(heard.len(), 1);
}

#[tokio::test]
async fn a_wrong_id_moves_the_query_to_tcp() {
    let (counts, heard) = check(9, |it| {
        if it.tcp {
            return vec![Said::After(30, address(&it.packet, 9))];
        }
        let forged = changed(address(&it.packet, 66), |it| it[0] ^= 1);
        vec![Said::Now(forged), Said::Now(address(&it.packet, 66))]
    })
    .await;
    assert_eq!(counts.forged, 1);
    assert_eq!(heard.iter().map(|it| it.tcp).collect::<Vec<_>>(), [false, true]);
}

/// What no server would say comes first; then the right answer. TCP is refused, so nothing else can help.
#[tokio::test]
async fn junk_is_ignored_while_waiting_for_the_reply() {
    let check = async |forged: u64, change: fn(&mut Vec<u8>)| {
        let fake = Fake::udp_only(move |it| {
            let junk = changed(address(&it.packet, 66), change);
            let again = junk.clone();
            vec![Said::Now(junk), Said::Now(again), Said::After(20, address(&it.packet, 1))]
        });
        let (counts, _) = check_with(fake.await, 1).await;
        assert_eq!(counts.forged, forged);
    };
    check(2, |it| it[0] ^= 0x80).await;
    check(2, |it| it[1] ^= 1).await;
    check(2, |it| it[2] &= 0x7f).await;
    check(2, |it| it[2] |= 0x10).await;
    check(2, |it| it[5] = 2).await;
    check(2, |it| it[5] = 0).await;
    check(2, |it| it[13] = b'v').await;
    check(2, |it| it[26] ^= 1).await;
    check(2, |it| it[28] ^= 1).await;
    check(2, |it| it.truncate(3)).await;
    check(2, |it| it.truncate(40)).await;
    check(2, |it| it.truncate(0)).await;
}

#[tokio::test]
async fn datagrams_from_elsewhere_do_not_count() {
    let (counts, heard) = check(1, |it| {
        vec![Said::Elsewhere(address(&it.packet, 66)), Said::After(20, address(&it.packet, 1))]
    })
    .await;
    assert_eq!((counts.forged, counts.late, heard.len()), (0, 0, 1));
}

#[tokio::test]
async fn a_truncated_reply_is_fetched_over_tcp() {
    let (_, heard) = check(2, |it| {
        let whole = address(&it.packet, 2);
        vec![Said::Now(if it.tcp { whole } else { changed(whole, |it| it[2] |= 2) })]
    })
    .await;
    assert_eq!(heard.iter().map(|it| it.tcp).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    let check = async |rejection: fn(&[u8]) -> Vec<u8>| {
        let fake = Fake::udp_only(move |it| {
            let edns = it.packet[11] == 1;
            vec![Said::Now(if edns { rejection(&it.packet) } else { address(&it.packet, 3) })]
        })
        .await;
        let upstreams = upstreams(&[fake.udp()]);
        for _ in 0..3 {
            assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 3);
        }
        let edns: Vec<_> = fake.heard().iter().map(|it| it.packet[11]).collect();
        assert_eq!(edns, [1, 0, 0, 0]);
        let counts = upstreams.counts();
        assert_eq!(counts.forged, 0);
    };
    check(|it| rcode(it, 1)).await;
    check(|it| rcode(it, 4)).await;
    // A bare header, as old servers send it.
    check(|it| changed(rcode(it, 1)[..12].to_vec(), |it| it[5] = 0)).await;
}

/// As a server of names does that trips over one of them, and an attacker may forge it.
#[tokio::test]
async fn a_server_that_has_sent_opt_is_asked_with_edns_for_good() {
    let check = async |first: fn(&Heard) -> Vec<u8>, edns_expected: &[u8], over_tcp: bool| {
        let fake = Fake::start(move |it| {
            vec![Said::Now(match it.nth {
                0 => first(it),
                _ if it.packet[11] == 1 && it.packet[13].eq_ignore_ascii_case(&b'o') => {
                    rcode(&it.packet, 1)
                }
                _ => address(&it.packet, 1),
            })]
        })
        .await;
        let upstreams = upstreams(&[if over_tcp { fake.tcp() } else { fake.udp() }]);
        for name in ["www.example", "odd.example", "www.example"] {
            assert_eq!(last(&upstreams.forward(&ask(name)).await.unwrap()), 1);
        }
        let edns: Vec<_> = fake.heard().iter().map(|it| it.packet[11]).collect();
        assert_eq!(edns, edns_expected);
    };
    for over_tcp in [false, true] {
        check(|it| with_opt(address(&it.packet, 1)), &[1, 1, 0, 1], over_tcp).await;
        // FORMERR with OPT is about the question.
        check(|it| with_opt(rcode(&it.packet, 1)), &[1, 0, 1, 0, 1], over_tcp).await;
        check(|it| address(&it.packet, 1), &[1, 1, 0, 0], over_tcp).await;
    }
}

#[tokio::test]
async fn a_rejected_question_does_not_turn_edns_off() {
    let fake = Fake::udp_only(|it| {
        let odd = it.packet[13].eq_ignore_ascii_case(&b'o');
        vec![Said::Now(if odd { rcode(&it.packet, 1) } else { address(&it.packet, 1) })]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    let odd = upstreams.forward(&ask("odd.example")).await.unwrap();
    assert_eq!(odd.answer.rcode(), Rcode::FORMERR);
    upstreams.forward(&ask("www.example")).await.unwrap();
    let edns: Vec<_> = fake.heard().iter().map(|it| it.packet[11]).collect();
    assert_eq!(edns, [1, 0, 1]);
}

#[tokio::test]
async fn a_failure_of_one_server_is_not_the_last_word() {
    // SERVFAIL, REFUSED, NOTAUTH.
    for code in [2, 5, 9] {
        let bad = Fake::start(move |it| vec![Said::Now(rcode(&it.packet, code))]).await;
        let good = Fake::start(|it| vec![Said::After(30, address(&it.packet, 1))]).await;
        let both = upstreams(&[bad.udp(), good.udp()]);
        for _ in 0..20 {
            let forwarded = both.forward(&ask("www.example")).await.unwrap();
            assert_eq!((last(&forwarded), &*forwarded.server), (1, &*good.udp().to_string()));
        }
    }
    let bad = Fake::start(|it| vec![Said::Now(rcode(&it.packet, 2))]).await;
    let alone = upstreams(&[bad.udp()]);
    let forwarded = alone.forward(&ask("www.example")).await.unwrap();
    assert_eq!(forwarded.answer.rcode(), Rcode::SERVFAIL);
}

#[tokio::test]
async fn a_bare_failure_counts_over_tcp() {
    let check = async |code: u8, expected: Rcode| {
        let bare = move |it: &Heard| {
            vec![Said::Now(changed(rcode(&it.packet, code)[..12].to_vec(), |it| it[5] = 0))]
        };
        let fake = Fake::start(bare).await;
        for url in [fake.udp(), fake.tcp()] {
            let upstreams = upstreams(&[url]);
            let forwarded =
                timeout(Duration::from_secs(2), upstreams.forward(&ask("www.example"))).await;
            assert_eq!(forwarded.unwrap().unwrap().answer.rcode(), expected);
        }
    };
    check(1, Rcode::FORMERR).await;
    check(2, Rcode::SERVFAIL).await;
    check(5, Rcode::REFUSED).await;
}

#[tokio::test]
async fn a_server_that_only_refers_to_others_is_not_believed_before_them() {
    let lame = Fake::start(|it| {
        let mut reply = rcode(&it.packet, 0);
        reply[9] = 1;
        reply.extend(b"\xc0\x10\0\x02\0\x01\0\0\0\x3c\0\x05\x02ns\xc0\x10");
        vec![Said::Now(reply)]
    })
    .await;
    let good = Fake::start(|it| vec![Said::After(30, address(&it.packet, 1))]).await;
    let both = upstreams(&[lame.udp(), good.udp()]);
    for _ in 0..5 {
        assert_eq!(last(&both.forward(&ask("www.example")).await.unwrap()), 1);
    }
    let alone = upstreams(&[lame.udp()]).forward(&ask("www.example")).await.unwrap();
    assert!(alone.answer.is_referral());
}

#[tokio::test]
async fn a_failure_is_told_when_no_other_server_speaks() {
    let refusing = Fake::start(|it| vec![Said::Now(rcode(&it.packet, 5))]).await;
    let silent = Fake::start(|_| vec![]).await;
    let upstreams = upstreams(&[refusing.udp(), silent.udp()]);
    let started = Instant::now();
    let forwarded = upstreams.forward(&ask("www.example")).await.unwrap();
    assert_eq!(forwarded.answer.rcode(), Rcode::REFUSED);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_lost_query_is_sent_again_from_the_same_port() {
    let (counts, heard) = check(1, |it| match it.nth {
        0 => vec![],
        _ => vec![Said::Now(address(&it.packet, 1))],
    })
    .await;
    assert_eq!((counts.queries_udp, counts.resent), (1, 1));
    assert_eq!((heard[0].from, &heard[0].packet), (heard[1].from, &heard[1].packet));
}

#[tokio::test]
async fn a_silent_server_is_sent_three_copies() {
    let silent = Fake::start(|_| vec![]).await;
    let upstreams = upstreams(&[silent.udp()]);
    assert!(upstreams.forward(&ask("www.example")).await.is_err());
    let counts = upstreams.counts();
    assert_eq!((counts.queries_udp, counts.resent), (1, 2));
}

#[tokio::test]
async fn a_dead_server_of_several_costs_nothing() {
    let silent = Fake::start(|_| vec![]).await;
    let closed = {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Url::Udp(socket.local_addr().unwrap())
    };
    let good = Fake::start(|it| vec![Said::Now(address(&it.packet, 1))]).await;
    for strategy in Strategy::ALL {
        let urls = [silent.udp(), closed.clone(), good.udp()];
        let upstreams = Upstreams::new(Exchange::start().unwrap(), &urls, strategy).unwrap();
        for _ in 0..5 {
            upstreams.forward(&ask("first.example")).await.unwrap();
        }
        let started = Instant::now();
        for _ in 0..50 {
            assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 1);
        }
        assert!(started.elapsed() < Duration::from_millis(140), "{strategy}");
    }
}

#[tokio::test]
async fn a_strategy_says_who_is_asked() {
    let check = async |strategy: Strategy, asked: [std::ops::RangeInclusive<usize>; 3]| {
        let said = |ms, last| move |it: &Heard| vec![Said::After(ms, address(&it.packet, last))];
        let fakes = [
            Fake::start(said(5, 1)).await,
            Fake::start(said(1, 2)).await,
            Fake::start(said(5, 3)).await,
        ];
        let urls: Vec<Url> = fakes.iter().map(Fake::udp).collect();
        let upstreams = Upstreams::new(Exchange::start().unwrap(), &urls, strategy).unwrap();
        for _ in 0..100 {
            assert_ne!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 0);
        }
        let heard = fakes.map(|it| it.heard().len());
        let held = heard.iter().zip(&asked).all(|(it, range)| range.contains(it));
        assert!(held, "{strategy}: {heard:?}");
    };
    // At first, and now and then, all get a copy.
    check(Strategy::Fastest, [0..=20, 90..=100, 0..=20]).await;
    check(Strategy::Parallel, [100..=100, 100..=100, 100..=100]).await;
    check(Strategy::Ordered, [95..=100, 0..=20, 0..=20]).await;
    check(Strategy::Balance, [15..=70, 15..=70, 15..=70]).await;
}

#[tokio::test]
async fn a_slow_server_is_left_and_a_recovered_one_found() {
    let slow = Fake::start(|it| match it.nth {
        0..30 => vec![Said::After(60, address(&it.packet, 1))],
        _ => vec![Said::Now(address(&it.packet, 1))],
    })
    .await;
    let fast = Fake::start(|it| vec![Said::After(2, address(&it.packet, 2))]).await;
    let upstreams = upstreams(&[slow.udp(), fast.udp()]);
    let mut answers = [0; 3];
    for _ in 0..50 {
        let forwarded = upstreams.forward(&ask("www.example")).await.unwrap();
        answers[usize::from(last(&forwarded))] += 1;
    }
    assert!(answers[2] >= 49, "{answers:?}");
}

#[tokio::test]
async fn silence_ends_in_time() {
    let silent = Fake::start(|_| vec![]).await;
    let upstreams = upstreams(&[silent.udp()]);
    let started = Instant::now();
    let error = upstreams.forward(&ask("www.example")).await.unwrap_err();
    assert_eq!(error, ForwardError::Timeout);
    assert!(started.elapsed() >= FORWARD_MAX);
    assert!(started.elapsed() < FORWARD_MAX + Duration::from_millis(150));
    assert_eq!(upstreams.counts().in_flight, 0);
    // Three copies over UDP, and one over TCP.
    let heard = silent.heard();
    assert_eq!(heard.iter().filter(|it| !it.tcp).count(), 3);
    assert!(heard.len() <= 4, "{}", heard.len());
}

/// A query that set out before goes on with the servers of its time, also with one that it asks only now.
#[tokio::test]
async fn a_retired_server_is_heard_while_a_query_may_ask_it() {
    let silent = [Fake::start(|_| vec![]).await, Fake::start(|_| vec![]).await];
    let sound = Fake::start(|it| vec![Said::Now(address(&it.packet, 1))]).await;
    let urls = [silent[0].udp(), silent[1].udp(), sound.udp()];
    let exchange = Exchange::start().unwrap();
    let upstreams = Upstreams::new(exchange, &urls, Strategy::Ordered).unwrap();
    // At first all get a copy.
    assert_eq!(last(&upstreams.forward(&ask("a.example")).await.unwrap()), 1);
    let replace = async {
        time::sleep(Duration::from_millis(20)).await;
        upstreams.replace(&[]).unwrap();
    };
    let asked = ask("b.example");
    let (forwarded, ()) = tokio::join!(upstreams.forward(&asked), replace);
    assert_eq!(last(&forwarded.unwrap()), 1);
    assert_eq!(sound.heard().len(), 2);
}

#[tokio::test]
async fn what_a_query_waited_before_counts() {
    let silent = Fake::start(|_| vec![]).await;
    let upstreams = upstreams(&[silent.udp()]);
    let check = async |left: Duration, expected: ForwardError| {
        let (started, asked) = (Instant::now(), ask("www.example"));
        let error = upstreams.forward_until(&asked, clock::now() + left).await.unwrap_err();
        assert_eq!(error, expected);
        assert!(started.elapsed() >= left);
        assert!(started.elapsed() < left + Duration::from_millis(150));
    };
    check(Duration::ZERO, ForwardError::Busy).await;
    assert_eq!((silent.heard().len(), upstreams.counts().busy), (0, 1));
    check(Duration::from_millis(300), ForwardError::Timeout).await;
    assert!(!silent.heard().is_empty());
}

#[tokio::test]
async fn a_closed_port_is_told_soon() {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = Url::Udp(socket.local_addr().unwrap());
    drop(socket);
    for url in [Url::Tcp(url.address().unwrap()), url] {
        let upstreams = upstreams(&[url]);
        let started = Instant::now();
        let error = upstreams.forward(&ask("www.example")).await.unwrap_err();
        assert_eq!(error, ForwardError::Network(io::ErrorKind::ConnectionRefused));
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(
        upstreams(&[]).forward(&ask("www.example")).await.unwrap_err(),
        ForwardError::NoUpstream
    );
}

/// Many queries leave from one port, so that each ICMP error is news to all of them.
#[tokio::test]
async fn a_server_that_restarts_is_asked_again_whatever_comes_in_between() {
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let exchange = Exchange::with(Shared::with(2).unwrap()).unwrap();
    let urls = [Url::Udp(address)];
    let upstreams = Arc::new(Upstreams::new(exchange, &urls, Strategy::Fastest).unwrap());
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..10 {
        let upstreams = Arc::clone(&upstreams);
        asking.spawn(async move {
            time::sleep(Duration::from_millis(10 * number)).await;
            upstreams.forward(&ask("www.example")).await
        });
    }
    time::sleep(Duration::from_millis(150)).await;
    let socket = tokio::net::UdpSocket::bind(address).await.unwrap();
    let serving = async {
        let mut buffer = [0; 512];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&fake::address(&buffer[..len], 1), from).await.unwrap();
        }
    };
    let all = async {
        while let Some(answered) = asking.join_next().await {
            assert_eq!(last(&answered.unwrap().unwrap()), 1);
        }
    };
    tokio::select! {
        () = all => {}
        () = serving => {}
    }
}

#[tokio::test]
async fn ports_and_ids_are_random_and_short_lived() {
    const QUERIES: usize = 4000;
    let fake = Fake::start(|it| vec![Said::Now(address(&it.packet, 1))]).await;
    let upstreams = upstreams(&[fake.udp()]);
    for _ in 0..QUERIES {
        upstreams.forward(&ask("www.example")).await.unwrap();
    }
    let mut ids_by_port: HashMap<u16, Vec<[u8; 2]>> = HashMap::new();
    for heard in fake.heard() {
        let ids = ids_by_port.entry(heard.from.port()).or_default();
        ids.push([heard.packet[0], heard.packet[1]]);
    }
    assert!(ids_by_port.len() >= PORTS, "{}", ids_by_port.len());
    let (low, high) = (ids_by_port.keys().min().unwrap(), ids_by_port.keys().max().unwrap());
    assert!(*low < 4000 && *high > 62_000, "{low} to {high}");
    let most = ids_by_port.values().map(Vec::len).max().unwrap();
    assert!(most <= USES_MAX, "{most}");
    let mut ids: Vec<_> = ids_by_port.into_values().flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() > QUERIES * 9 / 10);
    assert!(upstreams.counts().sockets <= PORTS + 8);
}

#[tokio::test]
async fn what_was_asked_is_passed_on_and_what_was_said_is_kept() {
    let rdata: Vec<u8> = (0..=255).collect();
    let said = rdata.clone();
    let fake = Fake::udp_only(move |it| vec![Said::Now(answer(&it.packet, 2, &said))]).await;
    let upstreams = upstreams(&[fake.udp()]);
    let ask = Ask {
        qtype: 65_280,
        qclass: 3,
        dnssec_ok: true,
        checking_disabled: true,
        subnet: None,
        ..ask("www.example")
    };
    let forwarded = upstreams.forward(&ask).await.unwrap();
    let records: Vec<_> =
        forwarded.answer.records().map(|it| (it.rtype, it.ttl, it.rdata.to_vec())).collect();
    assert_eq!(records, [(65_280, 60, rdata.clone()), (65_280, 60, rdata)]);
    let heard = fake.heard();
    let query = crate::dns::Query::parse(&heard[0].packet).unwrap();
    assert_eq!((query.name.clone(), query.qtype, query.qclass), (ask.name, 65_280, 3));
    assert!(query.rd && query.cd && query.dnssec_ok());
    assert_eq!(query.edns.unwrap().udp_size, 1232);
}

#[tokio::test]
async fn repeated_and_late_replies_are_not_taken_for_forged_ones() {
    let fake = Fake::udp_only(|it| {
        let reply = address(&it.packet, 1);
        vec![Said::Now(reply.clone()), Said::After(300, reply)]
    })
    .await;
    let late = Fake::udp_only(|it| vec![Said::After(300, address(&it.packet, 2))]).await;
    let upstreams = upstreams(&[fake.udp(), late.udp()]);
    assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 1);
    let seen = async || {
        while upstreams.counts().late < 2 {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(2), seen()).await.unwrap();
    assert_eq!(upstreams.counts().forged, 0);
}

#[tokio::test]
async fn many_queries_share_one_connection() {
    let fake = Fake::start(|it| {
        let last = it.packet[13].to_ascii_lowercase() - b'a';
        let reply = address(&it.packet, last);
        // The first come last.
        vec![Said::After(100 - u64::from(last) * 5, reply)]
    })
    .await;
    let upstreams = Arc::new(upstreams(&[fake.tcp()]));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let upstreams = Arc::clone(&upstreams);
        tasks.spawn(async move {
            let name = format!("{}.example", char::from(b'a' + n));
            assert_eq!(last(&upstreams.forward(&ask(&name)).await.unwrap()), n);
        });
    }
    tasks.join_all().await;
    let mut from: Vec<_> = fake.heard().iter().map(|it| it.from).collect();
    from.dedup();
    assert_eq!(from.len(), 1);
    assert_eq!(upstreams.counts().queries_udp, 0);
}

#[tokio::test]
async fn a_broken_connection_is_made_anew() {
    let fake = Fake::start(|it| match it.nth {
        1 => vec![Said::Close],
        _ => vec![Said::Now(address(&it.packet, 1))],
    })
    .await;
    let upstreams = upstreams(&[fake.tcp()]);
    for _ in 0..3 {
        assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 1);
    }
    let ports: Vec<_> = fake.heard().iter().map(|it| it.from.port()).collect();
    assert_eq!(ports.len(), 4);
    assert!(ports[0] == ports[1] && ports[1] != ports[2] && ports[2] == ports[3]);
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_put_up_with() {
    let fake = Fake::start(|it| vec![Said::Now(address(&it.packet, 1)), Said::Close]).await;
    let upstreams = Arc::new(upstreams(&[fake.tcp()]));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let upstreams = Arc::clone(&upstreams);
        tasks.spawn(async move { upstreams.forward(&ask(&format!("n{n}.example"))).await });
    }
    for forwarded in tasks.join_all().await {
        assert_eq!(last(&forwarded.unwrap()), 1);
    }
}

#[tokio::test]
async fn large_and_split_answers_over_tcp_are_put_together() {
    let fake = Fake::start(|it| {
        let reply = answer(&it.packet, 200, &[7; 300]);
        let frame = framed(&reply);
        let (first, rest) = frame.split_at(1);
        let (second, third) = rest.split_at(20_000);
        [first, second, third].map(|it| Said::Raw(it.to_vec())).into()
    })
    .await;
    let upstreams = upstreams(&[fake.tcp()]);
    let ask = Ask { qtype: rtype::TXT + 65_000, ..ask("www.example") };
    let forwarded = upstreams.forward(&ask).await.unwrap();
    assert_eq!(forwarded.answer.records().count(), 200);
}

#[tokio::test]
async fn junk_over_tcp_is_ignored_or_ends_in_an_error() {
    let fake = Fake::start(|it| {
        let other = changed(address(&it.packet, 66), |it| it[13] ^= 1);
        vec![Said::Now(vec![]), Said::Now(other), Said::Now(address(&it.packet, 1))]
    })
    .await;
    let junk = upstreams(&[fake.tcp()]);
    assert_eq!(last(&junk.forward(&ask("www.example")).await.unwrap()), 1);
    assert_eq!(junk.counts().forged, 2);

    let fake =
        Fake::start(|it| vec![Said::Now(changed(address(&it.packet, 1), |it| it.truncate(40)))]);
    let fake = fake.await;
    let malformed = upstreams(&[fake.tcp()]);
    let error = malformed.forward(&ask("www.example")).await.unwrap_err();
    assert_eq!(error, ForwardError::Malformed);
}

#[tokio::test]
async fn what_is_malformed_over_tcp_as_well_is_not_waited_for() {
    let broken = |it: &Heard| {
        vec![Said::Now(match it.packet[13].eq_ignore_ascii_case(&b'b') {
            true => changed(address(&it.packet, 66), |it| it.truncate(40)),
            false => address(&it.packet, 1),
        })]
    };
    let fake = Fake::start(broken).await;
    let alone = upstreams(&[fake.udp()]);
    let within = Duration::from_secs(2);
    for _ in 0..3 {
        let failed = timeout(within, alone.forward(&ask("broken.example"))).await;
        assert_eq!(failed.unwrap().unwrap_err(), ForwardError::Malformed);
    }
    let heard = fake.heard();
    assert_eq!(heard.iter().filter(|it| it.tcp).count(), 3);
    assert!(heard.iter().filter(|it| !it.tcp).count() <= 6, "{}", heard.len());

    let good = Fake::start(|it| vec![Said::After(400, address(&it.packet, 2))]).await;
    let both = upstreams(&[fake.udp(), good.udp()]);
    for _ in 0..3 {
        let forwarded = timeout(within, both.forward(&ask("broken.example"))).await;
        assert_eq!(last(&forwarded.unwrap().unwrap()), 2);
    }
}

#[tokio::test]
async fn our_own_queries_are_known_when_they_return() {
    let fake = Fake::start(|it| {
        let whole = address(&it.packet, 2);
        vec![Said::Now(if it.tcp { whole } else { changed(whole, |it| it[2] |= 2) })]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    upstreams.forward(&ask("www.example")).await.unwrap();
    let heard = fake.heard();
    let check = |address: SocketAddr, transport, expected| {
        let client = Client { address, transport, local: address.ip(), keepalive: 0 };
        assert_eq!(upstreams.is_own(&client), expected, "{client:?}");
    };
    check(heard[0].from, Transport::Udp, true);
    check(heard[1].from, Transport::Tcp, true);
    check(fake.address, Transport::Udp, false);
    check(fake.address, Transport::Tcp, false);
    check(SocketAddr::from(([192, 0, 2, 1], heard[0].from.port())), Transport::Udp, false);
}

#[tokio::test]
async fn servers_can_be_replaced() {
    let one = Fake::start(|it| vec![Said::Now(address(&it.packet, 1))]).await;
    let two = Fake::start(|it| vec![Said::Now(address(&it.packet, 2))]).await;
    let upstreams = upstreams(&[one.udp()]);
    assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 1);
    upstreams.replace(&[two.udp(), two.udp()]).unwrap();
    assert_eq!(upstreams.urls(), [two.udp()]);
    assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 2);
    let many: Vec<_> = (1..=17).map(|it| Url::Udp(([192, 0, 2, it], 53).into())).collect();
    assert_eq!(upstreams.replace(&many), Err(SetError::TooMany));
    assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 2);
    let gone = async || {
        while upstreams.counts().sockets > 2 {
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(3), gone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_queries_at_once_with_losses_are_all_answered() {
    let fake = Fake::start(|it| match it.nth % 10 {
        3 if !it.tcp => vec![],
        _ => vec![Said::After(5, address(&it.packet, 1))],
    })
    .await;
    let upstreams = Arc::new(upstreams(&[fake.udp()]));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..3000 {
        let upstreams = Arc::clone(&upstreams);
        tasks.spawn(async move {
            upstreams.forward(&ask(&format!("n{n}.example"))).await.map(|it| last(&it))
        });
    }
    let answers = tasks.join_all().await;
    let wrong: Vec<_> = answers.into_iter().filter(|it| *it != Ok(1)).collect();
    assert_eq!(wrong, []);
    assert_eq!(upstreams.counts().in_flight, 0);
    assert_eq!(upstreams.counts().forged, 0);
}

#[tokio::test]
async fn servers_on_ipv6_are_asked() {
    let fake = Fake::over_ipv6(|it| {
        let whole = address(&it.packet, 2);
        vec![Said::Now(if it.tcp { whole } else { changed(whole, |it| it[2] |= 2) })]
    })
    .await;
    let upstreams = upstreams(&[fake.udp()]);
    assert_eq!(last(&upstreams.forward(&ask("www.example")).await.unwrap()), 2);
    let heard = fake.heard();
    let client = Client {
        address: heard[0].from,
        transport: Transport::Udp,
        local: fake.address.ip(),
        keepalive: 0,
    };
    assert!(upstreams.is_own(&client));
}

#[tokio::test]
async fn few_sockets_serve_many_queries() {
    const SOCKETS: usize = 8;
    let fake = Fake::start(|it| vec![Said::Now(address(&it.packet, 1))]).await;
    let exchange = Exchange::with(Shared::with(SOCKETS).unwrap()).unwrap();
    let upstreams = Upstreams::new(exchange, &[fake.udp()], Strategy::Fastest).unwrap();
    for n in 0..1000 {
        let forwarded = upstreams.forward(&ask(&format!("n{n}.example"))).await;
        assert_eq!(forwarded.map(|it| last(&it)), Ok(1));
        assert!(upstreams.counts().sockets <= SOCKETS);
    }
    let ports: HashSet<_> = fake.heard().iter().map(|it| it.from.port()).collect();
    assert!(ports.len() >= 1000 / USES_MAX);
}

#[tokio::test]
async fn too_many_queries_are_refused_at_once() {
    let silent = Fake::start(|_| vec![]).await;
    let exchange = Exchange::with(Shared::with(2).unwrap()).unwrap();
    let upstreams = Upstreams::new(exchange, &[silent.udp()], Strategy::Fastest).unwrap();
    let upstreams = Arc::new(upstreams);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..3 * USES_MAX {
        let upstreams = Arc::clone(&upstreams);
        tasks.spawn(async move { upstreams.forward(&ask(&format!("n{n}.example"))).await });
    }
    for _ in 0..USES_MAX {
        let first = tasks.join_next().await.unwrap().unwrap();
        assert_eq!(first.unwrap_err(), ForwardError::Busy);
    }
    let counts = upstreams.counts();
    assert_eq!((counts.in_flight, counts.busy), (2 * USES_MAX, USES_MAX as u64));
}

#[tokio::test]
async fn a_silent_server_is_asked_from_new_ports() {
    let fake = Fake::start(|it| match it.nth {
        100.. => vec![],
        _ => vec![Said::Now(address(&it.packet, 1))],
    })
    .await;
    let good = Fake::start(|it| vec![Said::After(10, address(&it.packet, 2))]).await;
    let upstreams = upstreams(&[fake.udp(), good.udp()]);
    while fake.heard().len() < 104 {
        upstreams.forward(&ask("www.example")).await.unwrap();
    }
    let states = upstreams.states();
    assert!(states[0].silent && !states[1].silent, "{states:?}");
    assert!(states[1].round_trip.unwrap() >= Duration::from_millis(9));
    let heard = fake.heard();
    let before: HashSet<_> = heard[..100].iter().map(|it| it.from.port()).collect();
    // A repeat of an earlier query keeps its port; new queries take new ones.
    assert!(heard[100..].iter().any(|it| !before.contains(&it.from.port())));
}
