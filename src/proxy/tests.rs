//! The proxy in front of an upstream that says what the test tells it to, with time as an argument.

use super::*;
use crate::{
    dns::{Transport, class},
    event,
    list::{Index, Kind, List},
    lookalike,
    platform::{Allow, Platforms},
    policy::{Group, Knowledge, OwnRules, Rules, Sinkhole},
    upstream::{Exchange, Url},
    verdict::{Action, Mode},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::{net::UdpSocket, sync::mpsc, task::JoinSet};

/// Far beyond what any exchange takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

const CD: u8 = 0x10;

/// A proxy, its upstream, and every query that came there.
struct Rig {
    proxy: Arc<Proxy>,
    heard: mpsc::UnboundedReceiver<Vec<u8>>,
    _tasks: JoinSet<()>,
}

impl Rig {
    /// `script` makes the reply to a query; none for silence.
    async fn start(
        caching: Caching,
        script: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        Self::recorded(caching, Recorder::off(), script).await
    }

    async fn recorded(
        caching: Caching,
        recorder: Recorder,
        script: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = Url::Udp(socket.local_addr().unwrap());
        let (sender, heard) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut buffer = [0; 1_500];
            loop {
                let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
                let packet = &buffer[..len];
                if let Some(reply) = script(packet) {
                    socket.send_to(&reply, from).await.unwrap();
                }
                // The test may be over.
                let _told = sender.send(packet.to_vec());
            }
        });
        let plan = Plan { servers: vec![url], caching, ..Plan::default() };
        let router = Router::new(Exchange::start().unwrap(), &plan).unwrap();
        let proxy = Proxy::new(Parts {
            policy: Arc::new(policy()),
            router,
            recorder,
            metrics: Arc::new(Metrics::new()),
            cache_octets_max: 1 << 20,
            seen: None,
            clock: (now(), 1_800_000_000),
        });
        Self { proxy, heard, _tasks: tasks }
    }

    /// The next query that comes to the upstream.
    async fn hear(&mut self) -> Vec<u8> {
        tokio::time::timeout(PATIENCE, self.heard.recv()).await.unwrap().unwrap()
    }

    /// How many have come since.
    fn more(&mut self) -> usize {
        std::iter::from_fn(|| self.heard.try_recv().ok()).count()
    }

    /// The response from memory alone, or none.
    fn ask_now(&self, packet: &[u8], now: Instant) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let query = Query::parse(packet).unwrap();
        let answered = self.proxy.respond_now(&query, &client(), now, &mut out);
        (answered == Now::Answered).then_some(out)
    }

    /// The response, as a front gets it.
    async fn ask(&self, packet: &[u8], now: Instant) -> Vec<u8> {
        if let Some(out) = self.ask_now(packet, now) {
            return out;
        }
        let mut out = Vec::new();
        let query = Query::parse(packet).unwrap();
        assert!(self.proxy.respond(&query, &client(), now, &mut out).await);
        out
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn client() -> Client {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
    Client {
        address,
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
        transport: Transport::Tcp,
        keepalive: 0,
    }
}

fn policy() -> Policy {
    let engine = lookalike::Engine::new(&lookalike::Config {
        brands: false,
        ..lookalike::Config::default()
    });
    let knowledge = Knowledge { generation: 1, engine, platforms: Platforms::builtin() };
    let rules = Rules::new(Index::empty(), OwnRules::default(), Allow::default(), &Metrics::new());
    let group = Group {
        name: "default".to_owned(),
        lookalike: Mode::Off,
        log: 50,
        block: 80,
        platform: Mode::Off,
        classes: [Action::Log; Class::ALL.len()],
    };
    let sinkhole =
        Sinkhole { ipv4: Ipv4Addr::UNSPECIFIED, ipv6: Ipv6Addr::UNSPECIFIED, ttl_secs: 10 };
    let (knowledge, rules) = (Arc::new(knowledge), Arc::new(rules));
    Policy { generation: 1, knowledge, rules, groups: vec![group], sinkhole }
}

/// A query without EDNS.
fn typed(name: &str, qtype: u16, qclass: u16) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(Name::parse(name).unwrap().wire());
    packet.extend_from_slice(&qtype.to_be_bytes());
    packet.extend_from_slice(&qclass.to_be_bytes());
    packet
}

fn query(name: &str) -> Vec<u8> {
    typed(name, rtype::A, class::IN)
}

/// The same with OPT.
fn with_edns(mut packet: Vec<u8>) -> Vec<u8> {
    packet[11] = 1;
    packet.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    packet
}

fn question_end(message: &[u8]) -> usize {
    12 + message[12..].iter().position(|it| *it == 0).unwrap() + 5
}

/// A reply with this rcode, and 192.0.2.`last` in one record where there is a TTL.
fn reply(packet: &[u8], rcode: u8, ttl_secs: Option<u32>, last: u8) -> Vec<u8> {
    let mut message = packet[..question_end(packet)].to_vec();
    message[2] = 0x81;
    message[3] = 0x80 | rcode;
    message[6..12].copy_from_slice(&[0, u8::from(ttl_secs.is_some()), 0, 0, 0, 0]);
    if let Some(ttl_secs) = ttl_secs {
        message.extend([0xc0, 12, 0, 1, 0, 1]);
        message.extend(ttl_secs.to_be_bytes());
        message.extend([0, 4, 192, 0, 2, last]);
    }
    message
}

fn rcode(response: &[u8]) -> u8 {
    response[3] & 0x0f
}

/// TTL and last octet of the first record, an address.
fn record(response: &[u8]) -> (u32, u8) {
    let at = question_end(response) + 6;
    (u32::from_be_bytes(*response[at..].first_chunk().unwrap()), response[at + 9])
}

/// INFO-CODE of the first EDE, where OPT holds it first.
fn ede(response: &[u8]) -> Option<u16> {
    let records = &response[question_end(response)..];
    let at = records.windows(3).position(|it| it == [0, 0, 41])?;
    let data = records.get(at + 11..)?;
    data.starts_with(&[0, 15]).then(|| u16::from_be_bytes([data[4], data[5]]))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn queries_are_refused_by_rule_and_never_forwarded() {
    let mut rig = Rig::start(Caching::default(), |it| Some(reply(it, 0, Some(60), 1))).await;
    let norecurse = |mut packet: Vec<u8>| {
        packet[2] = 0;
        packet
    };
    let cases = [
        (typed("version.bind", rtype::TXT, class::CH), 5, Some(21)),
        (typed("hostname.bind", rtype::TXT, class::CH), 5, Some(21)),
        (typed("id.server", rtype::TXT, class::CH), 5, Some(21)),
        (typed("version.server", rtype::TXT, class::CH), 5, Some(21)),
        (typed("localhost", rtype::A, class::CH), 5, Some(21)),
        (typed("localhost", rtype::A, class::HS), 5, None),
        (typed("www.example", rtype::A, class::ANY), 5, Some(21)),
        (norecurse(query("www.example")), 5, Some(20)),
        (norecurse(query("localhost")), 0, None),
        (norecurse(query("x.test")), 3, None),
    ];
    for (packet, expected, told) in cases {
        let response = rig.ask(&with_edns(packet.clone()), now()).await;
        assert_eq!((rcode(&response), ede(&response)), (expected, told), "{packet:?}");
        // Recursion is on offer, and what was asked for stands as it was asked.
        assert_eq!((response[2] & 1, response[3] & 0x80), (packet[2] & 1, 0x80));
        assert_eq!(rcode(&rig.ask(&packet, now()).await), expected);
    }
    // Nor is what others asked for given away.
    rig.ask(&query("www.example"), now()).await;
    assert_eq!(rcode(&rig.ask(&norecurse(query("www.example")), now()).await), 5);
    rig.hear().await;
    assert_eq!(rig.more(), 0);
}

#[tokio::test]
async fn rules_and_lists_decide_at_once_the_first_time_too() {
    let dir = tempfile::tempdir().unwrap();
    let history = event::Config::new(dir.path().to_owned());
    let threads = event::Threads { workers: 1, others: 1 };
    let (recorder, writer) = event::start(history, threads, Box::new(|_| None)).unwrap();
    let unrecorded = ruled(Recorder::off()).await;
    let recorded = ruled(recorder).await;
    for name in ["listed.example", "a.listed.example", "ruled.example", "www.example"] {
        let asked = [query(name), with_edns(query(name))];
        let told = asked.map(|it| [&unrecorded, &recorded].map(|rig| rig.ask_now(&it, now())));
        assert!(told.iter().all(|[without, with]| without == with), "{name} {told:?}");
    }
    let verdict = |rig: &Rig, name| {
        let name = Name::parse(name).unwrap();
        rig.proxy.verdicts.verdict(&name, 0, 1, 1_800_000_000)
    };
    // What is recorded is judged behind the answer, so that the next query finds the verdict.
    let found = verdict(&recorded, "a.listed.example").unwrap();
    assert_eq!((found.applied, found.rule.as_str()), (Action::Nxdomain, "bad:1"));
    // Else nobody needs to know more: what a list decides is not remembered, what a rule does is near.
    assert_eq!(verdict(&unrecorded, "a.listed.example"), None);
    // The thread's table is of the proxy that it served last.
    assert!(unrecorded.ask_now(&query("ruled.example"), now()).is_some());
    assert_eq!(verdict(&unrecorded, "ruled.example").unwrap().applied, Action::Refused);
    let told = unrecorded.ask_now(&with_edns(query("a.listed.example")), now()).unwrap();
    assert!(told.ends_with(b"list `bad` blocks `listed.example` (line 1)"), "{told:?}");
    for mut rig in [unrecorded, recorded] {
        rig.proxy.drained().await;
        assert_eq!((rig.more(), rig.proxy.unjudged.available_permits()), (0, ruled::UNJUDGED_MAX));
    }
    assert!(writer.stop());
}

/// A proxy with rules and lists, which have been asked once, and nothing is on its way any more.
async fn ruled(recorder: Recorder) -> Rig {
    let script = |packet: &[u8]| Some(reply(packet, 0, Some(60), 7));
    let rig = Rig::recorded(Caching::default(), recorder, script).await;
    let list = |name: &str, kind, action, mode| List { name: name.to_owned(), kind, action, mode };
    let lists = [
        (list("bad", Kind::Block, Action::Nxdomain, Mode::Enforce), "listed.example"),
        (list("watched", Kind::Block, Action::Nxdomain, Mode::Monitor), "watched.example"),
        (list("good", Kind::Allow, Action::Pass, Mode::Enforce), "good.listed.example"),
    ];
    let described = lists.clone().map(|it| it.0);
    let (index, _) = Index::build(&described, |at| Ok(lists[at].1.as_bytes())).unwrap();
    let own = OwnRules::new([
        (Name::parse("ruled.example").unwrap(), Action::Refused),
        (Name::parse("silent.example").unwrap(), Action::Drop),
    ]);
    let rules = Arc::new(Rules::new(index, own, Allow::default(), &Metrics::new()));
    rig.proxy.set_policy(Arc::new(Policy { rules, ..policy() }));
    for (name, expected) in [
        ("listed.example", Some(3)),
        ("a.listed.example", Some(3)),
        ("ruled.example", Some(5)),
        ("b.ruled.example", Some(5)),
        ("watched.example", None),
        ("good.listed.example", None),
        ("www.example", None),
    ] {
        let response = rig.ask_now(&query(name), now());
        assert_eq!(response.as_deref().map(rcode), expected, "{name}");
    }
    let (mut out, packet) = (Vec::new(), query("silent.example"));
    let silent = Query::parse(&packet).unwrap();
    assert_eq!(rig.proxy.respond_now(&silent, &client(), now(), &mut out), Now::Silent);
    rig.proxy.drained().await;
    rig
}

#[tokio::test]
async fn special_names_are_answered_at_once_the_first_time_too() {
    let mut rig =
        Rig::start(Caching::default(), |packet| Some(reply(packet, 0, Some(60), 7))).await;
    for (name, expected) in [
        ("localhost", 0),
        ("never.asked.localhost", 0),
        ("www.test", 3),
        ("printer.local", 3),
        ("use-application-dns.net", 3),
        ("1.0.0.10.in-addr.arpa", 3),
        ("_dns.resolver.arpa", 0),
    ] {
        let response = rig.ask_now(&query(name), now());
        assert_eq!(response.as_deref().map(rcode), Some(expected), "{name}");
        assert!(rig.ask_now(&query(name), now()).is_some(), "{name}");
    }
    assert!(rig.ask_now(&query("www.example"), now()).is_none());
    assert_eq!(rig.more(), 0);
}

#[tokio::test]
async fn any_gets_one_record_and_is_never_forwarded() {
    let mut rig = Rig::start(Caching::default(), |it| Some(reply(it, 0, Some(60), 1))).await;
    for _ in 0..2 {
        let response = rig.ask(&typed("www.example", rtype::ANY, class::IN), now()).await;
        assert_eq!((rcode(&response), response[7]), (0, 1));
        assert!(response.ends_with(b"\x00\x09\x07RFC8482\x00"), "{response:?}");
    }
    assert_eq!(rig.more(), 0);
}

#[tokio::test]
async fn the_case_of_the_question_and_the_want_of_edns_are_kept() {
    let rig = Rig::start(Caching::default(), |it| Some(reply(it, 0, Some(60), 1))).await;
    let mut odd = query("www.example");
    odd[13..16].copy_from_slice(b"WwW");
    for packet in [&odd, &query("www.example"), &odd] {
        let response = rig.ask(packet, now()).await;
        assert_eq!(response[12..question_end(&response)], packet[12..]);
        assert_eq!(response[10..12], [0, 0], "no OPT where none was asked for");
        let response = rig.ask(&with_edns(packet.clone()), now()).await;
        assert_eq!(response[10..12], [0, 1]);
    }
}

#[tokio::test]
async fn what_was_fetched_unchecked_stays_with_those_who_do_not_check() {
    let script = |it: &[u8]| Some(reply(it, 0, Some(60), if it[3] & CD == 0 { 1 } else { 2 }));
    let mut rig = Rig::start(Caching::default(), script).await;
    let checked = query("www.example");
    let mut unchecked = checked.clone();
    unchecked[3] |= CD;
    for _ in 0..2 {
        assert_eq!(record(&rig.ask(&unchecked, now()).await).1, 2);
        assert_eq!(record(&rig.ask(&checked, now()).await).1, 1);
    }
    let (first, second) = (rig.hear().await, rig.hear().await);
    assert_eq!((first[3] & CD, second[3] & CD, rig.more()), (CD, 0, 0));
}

#[tokio::test]
async fn failures_are_remembered_for_a_moment() {
    // SERVFAIL, REFUSED, NOTAUTH.
    for failure in [2, 5, 9] {
        let script = move |it: &[u8]| Some(reply(it, failure, None, 0));
        let mut rig = Rig::start(Caching::default(), script).await;
        let packet = with_edns(query("www.example"));
        let start = now();
        for _ in 0..5 {
            assert_eq!(rcode(&rig.ask(&packet, start).await), 2);
        }
        rig.hear().await;
        assert_eq!(rig.more(), 0);
        rig.ask(&packet, now() + secs(6)).await;
        rig.hear().await;
    }
}

#[tokio::test]
async fn a_stale_denial_says_that_it_is_one() {
    let denied = AtomicBool::new(false);
    let script = move |it: &[u8]| {
        if denied.swap(true, Ordering::Relaxed) {
            return Some(reply(it, 2, None, 0));
        }
        Some(denial(it))
    };
    let rig = Rig::start(Caching::default(), script).await;
    let packet = with_edns(query("www.example"));
    let response = rig.ask(&packet, now()).await;
    assert_eq!((rcode(&response), ede(&response)), (3, None));
    let response = rig.ask(&packet, now() + secs(61)).await;
    assert_eq!((rcode(&response), ede(&response)), (3, Some(19)));
}

/// NXDOMAIN with a SOA record at the root that lets it live for a minute.
fn denial(packet: &[u8]) -> Vec<u8> {
    let mut message = reply(packet, 3, None, 0);
    message[9] = 1;
    message.extend(b"\0\0\x06\0\x01\0\0\0\x3c\0\x16\0\0");
    message.extend([0, 0, 0, 60].repeat(5));
    message
}

#[tokio::test]
async fn a_name_that_does_not_exist_has_no_type() {
    let mut rig = Rig::start(Caching::default(), |it| Some(denial(it))).await;
    let of_type = |name: &str, qtype| with_edns(typed(name, qtype, class::IN));
    let start = now();
    rig.ask(&of_type("www.example", rtype::TXT), start).await;
    rig.hear().await;
    let packet = of_type("wWw.example", rtype::AAAA);
    assert!(rig.ask_now(&packet, start).is_none(), "found on the second way alone");
    let response = rig.ask(&packet, start + Duration::from_millis(20_500)).await;
    assert_eq!(response[12..question_end(&response)], packet[12..question_end(&packet)]);
    assert_eq!((rcode(&response), response[9]), (3, 1));
    let ttl_at = question_end(&response) + 5;
    assert_eq!(response[ttl_at..ttl_at + 4], [0, 0, 0, 40], "counted from when it came");
    assert!(rig.ask_now(&packet, start + secs(30)).is_some(), "from now on on the first");
    // Not with CD, of the zone above, or once it is over.
    let mut others = vec![of_type("www.example", rtype::DS), of_type("www.www.example", rtype::A)];
    let mut unchecked = of_type("www.example", rtype::A);
    unchecked[3] |= CD;
    others.push(unchecked);
    let count = others.len();
    for packet in others {
        rig.ask(&packet, start + secs(20)).await;
    }
    rig.ask(&of_type("www.example", rtype::MX), start + secs(61)).await;
    for _ in 0..=count {
        rig.hear().await;
    }
    assert_eq!(rig.more(), 0);
}

#[tokio::test]
async fn a_type_that_has_been_there_is_asked_for_again() {
    let script = |it: &[u8]| match u16::from(it[question_end(it) - 3]) {
        rtype::A => Some(reply(it, 0, Some(1), 1)),
        _ => Some(denial(it)),
    };
    let mut rig = Rig::start(Caching::default(), script).await;
    let start = now();
    for qtype in [rtype::AAAA, rtype::A] {
        let response = rig.ask(&typed("www.example", qtype, class::IN), start).await;
        assert_eq!(rcode(&response), 3, "the name does not exist for all that is known");
    }
    // This one has been there before its name was denied.
    for (qtype, after) in [(rtype::A, 0), (rtype::AAAA, 0), (rtype::A, 0), (rtype::A, 2)] {
        let response = rig.ask(&typed("ww.example", qtype, class::IN), start + secs(after)).await;
        assert_eq!(rcode(&response) == 0, qtype == rtype::A);
    }
    for _ in 0..4 {
        rig.hear().await;
    }
    assert_eq!(rig.more(), 0);
}

#[tokio::test]
async fn it_is_remembered_that_nobody_is_there() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let nobody = socket.local_addr().unwrap();
    drop(socket);
    let rig = Rig::start(Caching::default(), |_| None).await;
    let plan = Plan { servers: vec![Url::Udp(nobody)], ..Plan::default() };
    rig.proxy.router.follow(&plan).unwrap();
    let packet = with_edns(query("www.example"));
    for _ in 0..2 {
        let response = rig.ask(&packet, now()).await;
        assert_eq!((rcode(&response), ede(&response)), (2, Some(23)));
    }
    let counters = rig.proxy.metrics().totals();
    assert_eq!(counters.failures_remembered, 1);
    assert!(rig.ask_now(&packet, now() + secs(3)).is_none(), "but not for long");
}

/// Answers the first query, then fails.
fn once(ttl_secs: u32) -> impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static {
    let answered = AtomicBool::new(false);
    move |it: &[u8]| match answered.swap(true, Ordering::Relaxed) {
        false => Some(reply(it, 0, Some(ttl_secs), 1)),
        true => Some(reply(it, 2, None, 0)),
    }
}

#[tokio::test]
async fn a_failure_does_not_displace_what_may_be_served_stale() {
    let mut rig = Rig::start(Caching::default(), once(60)).await;
    let packet = with_edns(query("www.example"));
    assert_eq!(record(&rig.ask(&packet, now()).await), (60, 1));
    rig.hear().await;
    let later = now() + secs(61);
    let response = rig.ask(&packet, later).await;
    assert_eq!((record(&response), ede(&response)), ((30, 1), Some(3)));
    rig.hear().await;
    // Whoever asks meanwhile does not wait for the next failure.
    let parsed = Query::parse(&packet).unwrap();
    let way = rig.proxy.router.load().find(&parsed);
    let held = rig.proxy.answers.get(&key(&parsed, way)).unwrap();
    held.rest(rig.proxy.tick(later), secs(5));
    for after in [0, 1, 4] {
        let response = rig.ask_now(&packet, later + secs(after)).unwrap();
        assert_eq!((record(&response), ede(&response)), ((30, 1), Some(3)));
    }
    assert_eq!(rig.more(), 0);
    assert!(rig.ask_now(&packet, later + secs(5)).is_none());
}

#[tokio::test]
async fn nothing_is_served_stale_where_that_is_off() {
    let rig = Rig::start(Caching { stale: false, ..Caching::default() }, once(60)).await;
    let packet = query("www.example");
    assert_eq!(record(&rig.ask(&packet, now()).await), (60, 1));
    assert_eq!(rcode(&rig.ask(&packet, now() + secs(61)).await), 2);
}

#[tokio::test]
async fn popular_answers_are_asked_for_again_before_they_expire() {
    let mut rig = Rig::start(Caching::default(), |it| Some(reply(it, 0, Some(60), 1))).await;
    let packet = query("www.example");
    rig.ask(&packet, now()).await;
    rig.hear().await;
    assert_eq!(record(&rig.ask_now(&packet, now() + secs(1)).unwrap()).1, 1);
    assert!(rig.ask_now(&packet, now() + secs(50)).is_some());
    assert_eq!(rig.more(), 0);
    for _ in 0..3 {
        assert!(rig.ask_now(&packet, now() + secs(56)).is_some());
    }
    rig.hear().await;
    assert_eq!(rig.proxy.metrics().totals().prefetches, 1);

    // Not what was asked for once.
    let rare = query("rare.example");
    rig.ask(&rare, now()).await;
    rig.hear().await;
    assert!(rig.ask_now(&rare, now() + secs(56)).is_some());
    assert_eq!(rig.proxy.metrics().totals().prefetches, 1);
}

#[tokio::test]
async fn prefetch_may_be_off() {
    let caching = Caching { prefetch: false, ..Caching::default() };
    let rig = Rig::start(caching, |it| Some(reply(it, 0, Some(60), 1))).await;
    let packet = query("www.example");
    rig.ask(&packet, now()).await;
    for after in [1, 56, 57] {
        assert!(rig.ask_now(&packet, now() + secs(after)).is_some());
    }
    assert_eq!(rig.proxy.metrics().totals().prefetches, 0);
}

#[tokio::test]
async fn ttls_are_kept_within_bounds() {
    let check = async |min: u32, max: u32, expected: u32| {
        let caching = Caching { ttl_min_secs: min, ttl_max_secs: max, ..Caching::default() };
        let rig = Rig::start(caching, |it| Some(reply(it, 0, Some(60), 1))).await;
        let packet = query("www.example");
        assert_eq!(record(&rig.ask(&packet, now()).await).0, expected);
        let late = u64::from(expected);
        assert!(rig.ask_now(&packet, now() + secs(late - 2)).is_some());
        assert!(rig.ask_now(&packet, now() + secs(late + 1)).is_none());
    };
    check(0, 86_400, 60).await;
    check(300, 86_400, 300).await;
    check(0, 20, 20).await;
}

#[tokio::test]
async fn answers_of_one_upstream_set_are_not_anothers() {
    let rig = Rig::start(Caching::default(), |it| Some(reply(it, 0, Some(60), 1))).await;
    let other = Rig::start(Caching::default(), |it| Some(reply(it, 0, Some(60), 2))).await;
    let packet = query("www.example");
    assert_eq!(record(&rig.ask(&packet, now()).await).1, 1);
    let plan = |rig: &Rig| Plan { servers: rig.proxy.router.servers(), ..Plan::default() };
    let (own, others) = (plan(&rig), plan(&other));
    rig.proxy.router.follow(&others).unwrap();
    assert_eq!(record(&rig.ask(&packet, now()).await).1, 2);
    rig.proxy.router.follow(&own).unwrap();
    assert_eq!(record(&rig.ask_now(&packet, now()).unwrap()).1, 1);
    // A route keys its names, and no others.
    let route = Route { suffix: Name::parse("example").unwrap(), servers: others.servers.clone() };
    rig.proxy.router.follow(&Plan { routes: vec![route], ..own }).unwrap();
    assert_eq!(record(&rig.ask_now(&packet, now()).unwrap()).1, 2);
}

/// The same with OPT and a Client Subnet option for 192.0.`third`.0/24, or with an option that says to tell no one.
fn with_subnet(mut packet: Vec<u8>, third: Option<u8>) -> Vec<u8> {
    let option = match third {
        Some(third) => vec![0, 8, 0, 7, 0, 1, 24, 0, 192, 0, third],
        None => vec![0, 8, 0, 4, 0, 1, 0, 0],
    };
    packet = with_edns(packet);
    let len = packet.len();
    packet[len - 1] = option.len() as u8;
    [packet, option].concat()
}

/// Says the same to everybody who asks for nobody, and something else to each network.
fn by_subnet(packet: &[u8]) -> Option<Vec<u8>> {
    let option = packet.windows(4).position(|it| it == [0, 8, 0, 7]);
    let Some(at) = option else { return Some(reply(packet, 0, Some(60), 1)) };
    let mut message = reply(packet, 0, Some(60), packet[at + 10]);
    let mut option = packet[at..at + 11].to_vec();
    option[7] = 24;
    message[11] = 1;
    message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11]);
    message.extend(option);
    Some(message)
}

#[tokio::test]
async fn nobody_learns_for_whom_a_client_asks() {
    let mut rig = Rig::start(Caching::default(), by_subnet).await;
    for third in [Some(7), Some(8), None] {
        let response = rig.ask(&with_subnet(query("www.example"), third), now()).await;
        assert_eq!(record(&response).1, 1);
        assert!(response.ends_with(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), "{response:?}");
    }
    let heard = rig.hear().await;
    assert!(heard.ends_with(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), "{heard:?}");
    assert_eq!(rig.more(), 0);
}

#[tokio::test]
async fn answers_for_one_network_are_for_no_other() {
    let mut rig = Rig::start(Caching::default(), by_subnet).await;
    let servers = rig.proxy.router.servers();
    rig.proxy.router.follow(&Plan { servers, client_subnet: true, ..Plan::default() }).unwrap();
    let plain = query("www.example");
    for round in 0..2 {
        for third in [7, 8] {
            let response = rig.ask(&with_subnet(plain.clone(), Some(third)), now()).await;
            assert_eq!(record(&response).1, third);
            assert!(response.ends_with(&[0, 8, 0, 7, 0, 1, 24, 24, 192, 0, third]), "{response:?}");
            let heard = rig.hear().await;
            assert!(heard.ends_with(&[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, third]), "{heard:?}");
        }
        let response = rig.ask(&plain, now()).await;
        assert_eq!(record(&response).1, 1);
        if round == 0 {
            rig.hear().await;
        }
    }
    assert_eq!(rig.more(), 0, "only what is for everybody is remembered");
    // A client that wants no one to be told is obeyed.
    rig.ask(&with_subnet(plain, None), now()).await;
    assert!(rig.hear().await.ends_with(&[0, 8, 0, 4, 0, 1, 0, 0]));
    // Two that ask at the same time are not taken for one.
    let other = query("other.example");
    let (seven, eight) = (with_subnet(other.clone(), Some(7)), with_subnet(other, Some(8)));
    let (seven, eight) = tokio::join!(rig.ask(&seven, now()), rig.ask(&eight, now()));
    assert_eq!((record(&seven).1, record(&eight).1), (7, 8));
}

/// A reply that leads by an alias to `target`, which has 192.0.2.`last` or does not exist.
fn led_to(packet: &[u8], target: &str, last: Option<u8>) -> Vec<u8> {
    let mut message = reply(packet, if last.is_some() { 0 } else { 3 }, None, 0);
    message[7] = 1 + u8::from(last.is_some());
    let target = Name::parse(target).unwrap();
    message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, target.wire().len() as u8]);
    message.extend_from_slice(target.wire());
    if let Some(last) = last {
        message.extend_from_slice(target.wire());
        message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
    }
    message
}

#[tokio::test]
async fn nobody_speaks_of_names_that_others_are_asked_for() {
    let mut rig = Rig::start(Caching::default(), |it| {
        Some(match it[13].to_ascii_lowercase() {
            b'a' => led_to(it, "host.corp.example", Some(66)),
            b'b' => led_to(it, "host.corp.example", None),
            b'c' => led_to(it, "host.home.arpa", Some(66)),
            b'd' => led_to(it, "www.example", Some(66)),
            _ => reply(it, 0, Some(60), 1),
        })
    })
    .await;
    let mut corp = Rig::start(Caching::default(), |it| {
        Some(match it[13].to_ascii_lowercase() {
            b'o' => led_to(it, "any.example", Some(3)),
            _ => reply(it, 0, Some(60), 2),
        })
    })
    .await;
    let [servers, others] = [&rig, &corp].map(|it| it.proxy.router.servers());
    let route = |suffix: &str, servers: &[Url]| Route {
        suffix: Name::parse(suffix).unwrap(),
        servers: servers.to_vec(),
    };
    let routes = vec![route("corp.example", &others), route("www.example", &servers)];
    let plan = Plan { servers, routes, ..Plan::default() };
    let translating = Dns64 { prefix: "2001:db8::/96".parse().unwrap(), exclude: Vec::new() };
    for dns64 in [None, Some(translating)] {
        rig.proxy.router.follow(&Plan { dns64: dns64.clone(), ..plan.clone() }).unwrap();
        for (name, records, last, heard) in [
            ("a.example", 2, 2, [1, 1]),
            ("b.example", 2, 2, [1, 1]),
            // What is answered here is not asked for, nor is anybody believed who speaks of it.
            ("c.example", 1, 0, [1, 0]),
            // Whoever is asked for the target as well is believed, and so is a route's upstream that speaks of all the rest.
            ("d.example", 2, 66, [1, 0]),
            ("o.corp.example", 2, 3, [0, 1]),
            ("www.example", 1, 1, [1, 0]),
        ] {
            let qtype = if dns64.is_some() { rtype::AAAA } else { rtype::A };
            let response = rig.ask(&typed(name, qtype, class::IN), now()).await;
            assert_eq!((rcode(&response), response[7]), (0, records), "{name}");
            assert!(response.ends_with(&[last]), "{name}");
            let heard = heard.map(|it| if dns64.is_some() { 2 * it } else { it });
            assert_eq!([rig.more(), corp.more()], heard, "{name}");
        }
    }
}
