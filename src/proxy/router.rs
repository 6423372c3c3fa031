//! The router: which upstream set a name is asked of, by its suffix, and which names are answered here.

use super::{
    dns64::Dns64,
    special::{self, Bypass, IPV4_ONLY, Kind},
    suffixes::Suffixes,
    vouched::{self, Dnssec},
};
use crate::{
    dns::{Client, Query},
    dnssec::Validator,
    name::Name,
    upstream::{
        Ask, Exchange, ForwardError, Forwarded, ServerState, SetError, Strategy, Upstreams, Url,
    },
};
use arc_swap::{ArcSwap, Guard};
use foldhash::{HashMap, HashSet};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The route of answers that are made here.
pub(super) const HERE: u16 = 0;

/// Who is asked about which names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Whom to ask about everything else.
    pub servers: Vec<Url>,
    /// How one of several is chosen, by routes as well.
    pub strategy: Strategy,
    /// Whom to ask about names under a suffix; the longest suffix counts.
    pub routes: Vec<Route>,
    /// What clients may use to go around this server.
    pub bypass: Bypass,
    /// How long answers are kept.
    pub caching: Caching,
    /// How answers about names without a route are validated; `None` for not at all.
    pub dnssec: Option<Dnssec>,
    /// Whether upstreams are told for whom a client asks that says so (RFC 7871).
    pub client_subnet: bool,
    /// How IPv6 addresses are made for names without; `None` for not at all.
    pub dns64: Option<Dns64>,
}

/// How long answers are kept, and what is done when they are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caching {
    /// Shortest TTL in seconds; lower ones are raised.
    pub ttl_min_secs: u32,
    /// Longest TTL in seconds; higher ones are lowered.
    pub ttl_max_secs: u32,
    /// Whether an answer past its lifetime is served where no upstream gives a better one (RFC 8767).
    pub stale: bool,
    /// Whether answers asked for more than once are asked for again shortly before they expire.
    pub prefetch: bool,
}

impl Default for Caching {
    fn default() -> Self {
        Self { ttl_min_secs: 0, ttl_max_secs: 86_400, stale: true, prefetch: true }
    }
}

/// A suffix and whom to ask about names under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The suffix; it is included itself.
    pub suffix: Name,
    /// The servers, asked as one set.
    pub servers: Vec<Url>,
}

/// Why a plan cannot be followed; the one before stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A set cannot be made.
    #[error(transparent)]
    Set(#[from] SetError),
    /// Every number is taken.
    #[error(
        "{} different sets of upstreams since the start are too many\nhint: start again",
        u16::MAX
    )]
    Numbers,
}

/// Follows a plan, which is swapped whole. Shared by all who ask upstreams.
pub struct Router {
    exchange: Arc<Exchange>,
    ways: ArcSwap<Ways>,
    /// The number of each set of servers that there has been, with what was made of its answers. A number is never given to
    /// another, for it keys answers that outlive their set.
    numbers: Mutex<HashMap<Treated, u16>>,
}

/// A set of servers, and what is made of its answers.
type Treated = (Vec<Url>, Care, Option<Dns64>);

/// What is made of answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Care {
    /// They pass.
    None,
    /// They are validated.
    Validated(Dnssec),
    /// They pass, and the upstream does not validate them either.
    Unchecked,
}

/// A plan, compiled.
pub(super) struct Ways {
    suffixes: Suffixes<Target>,
    /// The sets in use, sorted by their numbers.
    sets: Vec<(u16, Arc<Upstreams>)>,
    default: u16,
    pub(super) caching: Caching,
    /// Validates answers of the default route.
    validator: Option<Arc<Validator>>,
    /// The route of names under negative trust anchors.
    unchecked: Option<u16>,
    client_subnet: bool,
    pub(super) dns64: Option<Dns64>,
    /// The number of answers that are made here by that.
    here64: u16,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Set(u16),
    Special(Kind),
}

/// The way of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// The number that keys its answers.
    pub(super) route: u16,
    /// How it is answered here, and the octets of its special suffix.
    pub(super) special: Option<(Kind, u8)>,
}

impl Router {
    /// A router for a plan. All sets ask through `exchange`.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn new(exchange: Arc<Exchange>, plan: &Plan) -> Result<Arc<Self>, PlanError> {
        let none = Ways {
            suffixes: Suffixes::new(),
            sets: Vec::new(),
            default: HERE,
            caching: plan.caching,
            validator: None,
            unchecked: None,
            client_subnet: false,
            dns64: None,
            here64: HERE,
        };
        let router =
            Self { exchange, ways: ArcSwap::from_pointee(none), numbers: Mutex::default() };
        router.follow(plan)?;
        Ok(Arc::new(router))
    }

    /// Follows another plan from now on. Sets that stay keep their sockets and what is known of their servers; queries on
    /// their way end with the set they started with.
    ///
    /// # Errors
    /// See [`PlanError`]; the old plan stays.
    pub fn follow(&self, plan: &Plan) -> Result<(), PlanError> {
        let old = self.ways.load_full();
        let mut suffixes = Suffixes::new();
        special::enter(plan.bypass, &mut suffixes, Target::Special);
        let number = |servers: &[Url], care| self.number(servers, care, plan.dns64.as_ref());
        let mut here64 = HERE;
        if let Some(dns64) = &plan.dns64 {
            here64 = number(&[], Care::None)?;
            suffixes.insert(&dns64.prefix.reverse_zone(), Target::Special(Kind::Reverse64));
            let name = Name::parse(IPV4_ONLY).unwrap_or(Name::ROOT);
            suffixes.insert(&name, Target::Special(Kind::Ipv4Only));
        }
        let care = plan.dnssec.clone().map_or(Care::None, Care::Validated);
        let default = number(&plan.servers, care)?;
        let mut sets: Vec<(u16, &[Url])> = vec![(default, &plan.servers)];
        for route in &plan.routes {
            let route_number = number(&route.servers, Care::None)?;
            sets.push((route_number, &route.servers));
            suffixes.insert(&route.suffix, Target::Set(route_number));
        }
        let mut unchecked = None;
        for domain in plan.dnssec.iter().flat_map(|it| &it.negative_anchors) {
            // What has a way of its own is not validated anyway.
            if suffixes.find(domain).is_none() {
                let number = number(&plan.servers, Care::Unchecked)?;
                unchecked = Some(number);
                sets.push((number, &plan.servers));
                suffixes.insert(domain, Target::Set(number));
            }
        }
        sets.sort_unstable_by_key(|it| it.0);
        sets.dedup_by_key(|it| it.0);
        let sets = self.sets(&sets, plan.strategy, &old)?;
        let held = old.validator.as_ref();
        let validator = plan.dnssec.as_ref().map(|it| vouched::validator(it, held));
        let (caching, dns64) = (plan.caching, plan.dns64.clone());
        let ways = Ways {
            suffixes,
            sets,
            default,
            caching,
            client_subnet: plan.client_subnet,
            validator,
            unchecked,
            dns64,
            here64,
        };
        self.ways.store(Arc::new(ways));
        Ok(())
    }

    /// The sets of these numbers. Equal servers are one set, whether their answers are validated or not.
    fn sets(
        &self,
        wanted: &[(u16, &[Url])],
        strategy: Strategy,
        old: &Ways,
    ) -> Result<Vec<(u16, Arc<Upstreams>)>, SetError> {
        let distinct: HashSet<&[Url]> = wanted.iter().map(|it| it.1).collect();
        let servers = distinct.iter().map(|it| it.len()).sum();
        let mut made: Vec<(u16, Arc<Upstreams>)> = Vec::with_capacity(wanted.len());
        for (number, urls) in wanted {
            let equal = |it: &&(u16, Arc<Upstreams>)| it.1.urls() == *urls;
            let held = old
                .set(*number)
                .or_else(|| made.iter().chain(&old.sets).find(equal).map(|it| &it.1))
                .filter(|it| it.strategy() == strategy);
            let set = match held {
                Some(set) => Arc::clone(set),
                None => {
                    Arc::new(Upstreams::among(Arc::clone(&self.exchange), urls, strategy, servers)?)
                }
            };
            made.push((*number, set));
        }
        Ok(made)
    }

    /// Whom to ask about a name; `None` where nobody is to be asked.
    pub fn upstreams(&self, name: &Name) -> Option<Arc<Upstreams>> {
        let ways = self.ways.load();
        ways.set(ways.route_of(name)?).map(Arc::clone)
    }

    /// The servers asked about names without a route, in the order given.
    pub fn servers(&self) -> Vec<Url> {
        let ways = self.ways.load();
        ways.set(ways.default).map_or_else(Vec::new, |it| it.urls())
    }

    /// How every server of the plan does, each once.
    pub fn states(&self) -> Vec<ServerState> {
        let mut states: Vec<ServerState> = Vec::new();
        for it in self.ways.load().sets.iter().flat_map(|it| it.1.states()) {
            if !states.iter().any(|held| held.url == it.url) {
                states.push(it);
            }
        }
        states
    }

    /// Whether a query came from one of the sockets from which upstreams are asked: a forwarding loop.
    pub fn is_own(&self, client: &Client) -> bool {
        self.exchange.is_own(client)
    }

    pub(super) fn load(&self) -> Guard<Arc<Ways>> {
        self.ways.load()
    }

    pub(super) fn load_full(&self) -> Arc<Ways> {
        self.ways.load_full()
    }

    fn number(&self, servers: &[Url], care: Care, dns64: Option<&Dns64>) -> Result<u16, PlanError> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let set = (servers.to_vec(), care, dns64.cloned());
        if let Some(number) = numbers.get(&set) {
            return Ok(*number);
        }
        let number = u16::try_from(numbers.len() + 1).map_err(|_| PlanError::Numbers)?;
        numbers.insert(set, number);
        Ok(number)
    }
}

impl Ways {
    /// The way of a query.
    #[inline]
    pub(super) fn find(&self, query: &Query<'_>) -> Way {
        match self.suffixes.find(&query.name) {
            None => Way { route: self.default, special: None },
            Some((Target::Set(route), _)) => Way { route, special: None },
            Some((Target::Special(_), len)) if special::is_parents(query, len) => {
                Way { route: self.default, special: None }
            }
            Some((Target::Special(kind), len)) => {
                let made = matches!(kind, Kind::Reverse64 | Kind::Ipv4Only);
                let route = if made { self.here64 } else { HERE };
                Way { route, special: Some((kind, len)) }
            }
        }
    }

    /// The route of a name; `None` where it is answered here.
    pub(super) fn route_of(&self, name: &Name) -> Option<u16> {
        match self.suffixes.find(name) {
            None => Some(self.default),
            Some((Target::Set(route), _)) => Some(route),
            Some((Target::Special(_), _)) => None,
        }
    }

    /// Who validates the answers of a route.
    pub(super) fn validator(&self, route: u16) -> Option<&Validator> {
        self.validator.as_deref().filter(|_| route == self.default)
    }

    /// Whether AD is our word: answers are validated, those of this route or others.
    pub(super) fn vouches(&self) -> bool {
        self.validator.is_some()
    }

    /// Whether nobody is to validate the answers of a route.
    pub(super) fn is_unchecked(&self, route: u16) -> bool {
        self.unchecked == Some(route)
    }

    /// Whether the upstream's answer to a question is passed on as it is: nothing is validated, and nothing made of it.
    pub(super) fn passes_on(&self, route: u16, ask: &Ask) -> bool {
        self.validator.is_none()
            && !self.is_unchecked(route)
            && !self.dns64.as_ref().is_some_and(|it| it.concerns(ask))
    }

    /// What of an answer the upstreams of its route may say: nothing of names for which others are asked, or that are answered here, and
    /// so nothing of what its aliases lead to from there on (RFC 2181 section 5.4.1: whoever has no say is not believed).
    pub(super) fn within(
        &self,
        route: u16,
        mut forwarded: Forwarded,
    ) -> Result<Forwarded, ForwardError> {
        let same = |other: u16| match (self.set(other), self.set(route)) {
            (Some(other), Some(own)) => Arc::ptr_eq(other, own),
            (None, _) | (_, None) => other == route,
        };
        let is_elsewhere = |name: &Name| match self.suffixes.find(name) {
            None => false,
            Some((Target::Set(other), _)) => !same(other),
            Some((Target::Special(_), _)) => true,
        };
        let Some(end) = forwarded.answer.alias_to(is_elsewhere) else { return Ok(forwarded) };
        let to_follow = self.route_of(&end).is_some();
        let own = forwarded.answer.up_to(&end, to_follow).ok_or(ForwardError::Malformed)?;
        forwarded.answer = own;
        Ok(forwarded)
    }

    /// Whether a name that an answer leads to is taken as it comes: it has a way of its own.
    pub(super) fn is_exempt(&self, name: &Name) -> bool {
        self.suffixes.find(name).is_some()
    }

    /// For whom a client asks, where upstreams are told: the answer is for this query alone, unless it says otherwise.
    #[inline]
    pub(super) fn subnet<'p>(&self, query: &Query<'p>) -> Option<&'p [u8]> {
        if self.client_subnet { query.subnet() } else { None }
    }

    /// The set with a number.
    pub(super) fn set(&self, number: u16) -> Option<&Arc<Upstreams>> {
        let at = self.sets.binary_search_by_key(&number, |it| it.0).ok()?;
        Some(&self.sets[at].1)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("servers", &self.servers()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dns::{Outgoing, class, rtype},
        dnssec::Anchors,
    };

    fn urls(texts: &[&str]) -> Vec<Url> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    fn plan(servers: &[&str], routes: &[(&str, &[&str])]) -> Plan {
        let route = |(suffix, servers): &(&str, &[&str])| Route {
            suffix: Name::parse(suffix).unwrap(),
            servers: urls(servers),
        };
        let routes = routes.iter().map(route).collect();
        Plan { servers: urls(servers), routes, ..Plan::default() }
    }

    fn router(plan: &Plan) -> Arc<Router> {
        Router::new(Exchange::start().unwrap(), plan).unwrap()
    }

    fn way(router: &Router, name: &str) -> Way {
        let name = Name::parse(name).unwrap();
        let mut packet = Vec::new();
        let (qtype, qclass) = (rtype::A, class::IN);
        Outgoing::plain(&name, qtype, qclass).write(&mut packet);
        router.load().find(&Query::parse(&packet).unwrap())
    }

    fn servers(router: &Router, name: &str) -> Vec<Url> {
        router.upstreams(&Name::parse(name).unwrap()).map_or_else(Vec::new, |it| it.urls())
    }

    const ROUTES: &[(&str, &[&str])] = &[
        ("corp.local", &["192.0.2.2"]),
        ("lab.corp.local", &["192.0.2.1"]),
        ("168.192.in-addr.arpa", &["192.0.2.2"]),
        ("mask.icloud.com", &["192.0.2.1"]),
    ];

    #[tokio::test]
    async fn another_strategy_is_followed_by_every_set() {
        let mut plan = plan(&["192.0.2.1"], ROUTES);
        let router = router(&plan);
        let set = |name: &str| router.upstreams(&Name::parse(name).unwrap()).unwrap();
        let (default, corp) = (set("www.example"), way(&router, "corp.local"));
        router.follow(&plan).unwrap();
        assert!(Arc::ptr_eq(&set("www.example"), &default), "what stays the same stays");
        plan.strategy = Strategy::Balance;
        router.follow(&plan).unwrap();
        for name in ["www.example", "corp.local"] {
            assert_eq!(set(name).strategy(), Strategy::Balance);
        }
        assert_eq!(way(&router, "corp.local"), corp, "answers stay as well");
    }

    #[tokio::test]
    async fn the_longest_suffix_decides_whom_to_ask() {
        let router = router(&plan(&["192.0.2.1"], ROUTES));
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(servers(&router, name), urls(expected), "{name}");
            assert_eq!(way(&router, name).special.is_some(), expected.is_empty(), "{name}");
        };
        check("www.example", &["192.0.2.1"]);
        check("_ldap._tcp.dc._msdcs.corp.local", &["192.0.2.2"]);
        check("corp.local", &["192.0.2.2"]);
        check("x.lab.corp.local", &["192.0.2.1"]);
        check("other.local", &[]);
        check("1.1.168.192.in-addr.arpa", &["192.0.2.2"]);
        check("1.0.0.10.in-addr.arpa", &[]);
        check("mask.icloud.com", &["192.0.2.1"]);
        check("use-application-dns.net", &[]);
        check("localhost", &[]);
    }

    #[tokio::test]
    async fn equal_sets_share_a_number_for_good() {
        let first = plan(&["192.0.2.1"], ROUTES);
        let router = router(&first);
        let route = |name: &str| way(&router, name).route;
        let (default, corp) = (route("www.example"), route("corp.local"));
        assert_eq!(route("lab.corp.local"), default);
        assert_eq!(route("168.192.in-addr.arpa"), corp);
        assert_eq!(route("localhost"), HERE);
        assert!(default != corp && default != HERE && corp != HERE);

        let set = router.upstreams(&Name::parse("www.example").unwrap()).unwrap();
        router.follow(&plan(&["192.0.2.3"], &[("corp.local", &["192.0.2.1"])])).unwrap();
        let other = route("www.example");
        assert!(![default, corp, HERE].contains(&other));
        assert_eq!(route("corp.local"), default);
        assert!(Arc::ptr_eq(&set, &router.upstreams(&Name::parse("corp.local").unwrap()).unwrap()));
        assert_eq!(route("1.168.192.in-addr.arpa"), HERE);

        router.follow(&first).unwrap();
        assert_eq!((route("www.example"), route("corp.local")), (default, corp));
    }

    #[tokio::test]
    async fn answers_that_are_validated_have_numbers_of_their_own() {
        let servers = &["192.0.2.1"][..];
        let with = |negative: &[&str]| {
            let negative_anchors = negative.iter().map(|it| Name::parse(it).unwrap()).collect();
            let dnssec = Dnssec { anchors: Anchors::root(), negative_anchors };
            Plan { dnssec: Some(dnssec), ..plan(servers, &[("corp.local", servers)]) }
        };
        let router = router(&plan(servers, &[("corp.local", servers)]));
        let route = |name: &str| way(&router, name).route;
        let plain = route("www.example");
        assert_eq!(route("corp.local"), plain);

        router.follow(&with(&["bad.example", "local", "x.corp.local"])).unwrap();
        let (validated, unchecked) = (route("www.example"), route("a.bad.example"));
        assert!(validated != plain && unchecked != plain && validated != unchecked);
        assert_eq!((route("corp.local"), route("x.corp.local")), (plain, plain));
        assert_eq!(route("printer.local"), HERE, "what is answered here stays so");
        let ways = router.load_full();
        assert!(ways.validator(validated).is_some() && !ways.is_unchecked(validated));
        assert!(ways.validator(unchecked).is_none() && ways.is_unchecked(unchecked));
        for (name, exempt) in
            [("www.example", false), ("a.bad.example", true), ("corp.local", true)]
        {
            assert_eq!(ways.is_exempt(&Name::parse(name).unwrap()), exempt, "{name}");
        }
        let set = |number: u16| ways.set(number).map(Arc::as_ptr);
        assert_eq!(set(validated), set(plain), "equal servers are one set");

        // What other exceptions made of answers is not taken for what these make of them.
        router.follow(&with(&[])).unwrap();
        assert!(![plain, validated, unchecked].contains(&route("www.example")));
        router.follow(&plan(servers, &[])).unwrap();
        assert_eq!(route("www.example"), plain);
    }

    #[tokio::test]
    async fn a_plan_that_cannot_be_followed_leaves_the_old_one() {
        let router = router(&plan(&["192.0.2.1"], ROUTES));
        let many: Vec<String> = (0..17).map(|it| format!("192.0.2.{it}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = router.follow(&plan(&["192.0.2.3"], &[("corp.local", &many)])).unwrap_err();
        assert_eq!(error, PlanError::Set(SetError::TooMany));
        assert_eq!(servers(&router, "www.example"), urls(&["192.0.2.1"]));
        assert_eq!(servers(&router, "corp.local"), urls(&["192.0.2.2"]));
    }

    #[tokio::test]
    async fn bypasses_are_let_through_where_they_may() {
        let bypass = Bypass { firefox_doh: true, private_relay: false };
        let router = router(&Plan { bypass, ..plan(&["192.0.2.1"], &[]) });
        assert_eq!(servers(&router, "use-application-dns.net"), urls(&["192.0.2.1"]));
        assert_eq!(servers(&router, "mask.icloud.com"), []);
        let bypass = Bypass { firefox_doh: false, private_relay: true };
        router.follow(&Plan { bypass, ..plan(&["192.0.2.1"], &[]) }).unwrap();
        assert_eq!(servers(&router, "use-application-dns.net"), []);
        assert_eq!(servers(&router, "mask-h2.icloud.com"), urls(&["192.0.2.1"]));
    }
}
