//! What is remembered of hosts, over days.

use super::*;
use crate::{lookalike, name::Hosting, name::Scope};
use proptest::prelude::*;
use std::{net::Ipv4Addr, sync::LazyLock};

const FIRST: u32 = 20_000;
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&lookalike::Config::default()));

fn noon(day: u32) -> u64 {
    u64::from(day) * DAY_SECS + DAY_SECS / 2
}

/// Asks for a name at noon of the memory's day.
fn meet(memory: &Memory, name: &str) -> Seen {
    memory.meet(&ENGINE, &Host::new(name), CLIENT, noon(memory.today()))
}

fn on_netlify(tenant: &str) -> Host<'_> {
    let hosting =
        Hosting { platform: "netlify.app", class: Class::Paas, scope: Scope::Tenant, tenant };
    Host { hosting: Some(hosting), ..Host::new(tenant) }
}

/// A memory that has learned, on its fourth day.
fn learned() -> Memory {
    let memory = Memory::new(7, FIRST);
    for day in 0..3 {
        memory.turn(FIRST + day);
        meet(&memory, "www.daily.example");
    }
    memory.turn(FIRST + 3);
    memory
}

#[test]
fn nothing_is_new_while_it_learns() {
    let memory = Memory::new(7, FIRST);
    for day in 0..3 {
        memory.turn(FIRST + day);
        let seen = meet(&memory, &format!("www.day{day}.example"));
        assert_eq!((seen.name, seen.registrable), (Novelty::Unknown, Novelty::Unknown), "{day}");
        assert!(seen.is_on() && !memory.has_learned());
    }
    memory.turn(FIRST + 3);
    assert_eq!(meet(&memory, "www.day3.example").registrable, Novelty::New);
    assert_eq!(meet(&memory, "www.day1.example").registrable, Novelty::Known);
}

#[test]
fn names_and_domains_are_new_for_a_day() {
    let memory = learned();
    let check = |name: &str, expected: [Novelty; 2]| {
        let seen = meet(&memory, name);
        assert_eq!([seen.name, seen.registrable], expected, "{name}");
        assert_eq!(seen.valid_until, u64::from(memory.today() + 1) * DAY_SECS);
    };
    check("www.daily.example", [Novelty::Known, Novelty::Known]);
    check("shop.daily.example", [Novelty::New, Novelty::Known]);
    check("www.fresh.example", [Novelty::New, Novelty::New]);
    check("www.fresh.example", [Novelty::New, Novelty::New]);
    memory.turn(FIRST + 4);
    check("shop.daily.example", [Novelty::Known, Novelty::Known]);
    check("www.fresh.example", [Novelty::Known, Novelty::Known]);
}

#[test]
fn names_without_number_are_remembered_by_their_domain() {
    let memory = learned();
    for number in 0..100 {
        meet(&memory, &format!("r{number}.googlevideo.com"));
        meet(&memory, &format!("{number}.2.0.192.zen.spamhaus.org"));
        meet(&memory, &format!("{number}.2.0.192.in-addr.arpa"));
    }
    assert!(memory.entries(FIRST + 3).unwrap() <= 3, "{:?}", memory.entries(FIRST + 3));
}

#[test]
fn a_tenant_after_a_shortener() {
    let memory = learned();
    let now = noon(FIRST + 3);
    let other = IpAddr::from(Ipv4Addr::new(192, 0, 2, 8));
    let hosting =
        Hosting { platform: "bit.ly", class: Class::Shortener, scope: Scope::Host, tenant: "" };
    let bitly = Host { hosting: Some(hosting), ..Host::new("bit.ly") };
    memory.meet(&ENGINE, &bitly, CLIENT, now);
    let check = |client, now, expected: bool| {
        let seen = memory.meet(&ENGINE, &on_netlify("a.netlify.app"), client, now);
        assert_eq!((seen.tenant, seen.after_shortener), (Novelty::New, expected));
        seen.valid_until
    };
    assert_eq!(check(CLIENT, now + 4, true), now + 10);
    check(other, now + 4, false);
    check(CLIENT, now + 10, false);
    // The same client over a socket that takes both families.
    let mapped = IpAddr::from(Ipv4Addr::new(192, 0, 2, 8).to_ipv6_mapped());
    memory.shortener(mapped, now + 20);
    check(other, now + 21, true);
}

#[test]
fn twenty_well_known_domains_make_a_search_suffix() {
    let memory = learned();
    let sites: Vec<&str> = lookalike::known_good().step_by(500).take(25).collect();
    let ask =
        |site: &str| meet(&memory, &format!("www.{site}.branch.corp-suffix.net")).search_suffix;
    let told: Vec<bool> = sites.iter().map(|it| ask(it)).collect();
    assert_eq!(told.iter().position(|it| *it), Some(CARRIED_MIN - 1), "{told:?}");
    assert!(told[CARRIED_MIN..].iter().all(|it| *it));
    assert!(!meet(&memory, "google.com.evil-suffix.net").search_suffix);
    assert!(!meet(&memory, "printer.corp-suffix.net").search_suffix, "it carries nothing");
    // It stays one on the next day, also in a memory that was started again, and is forgotten after that.
    let again = Memory::new(7, FIRST + 4);
    again.add_day(&memory.day(FIRST + 3).unwrap()).unwrap();
    assert!(meet(&again, "google.com.corp-suffix.net").search_suffix);
    again.turn(FIRST + 5);
    assert!(!meet(&again, "google.com.corp-suffix.net").search_suffix);
}

#[test]
fn days_are_read_back_or_refused() {
    let memory = learned();
    let octets = memory.day(FIRST).unwrap();
    assert_eq!((octets.len(), seed_of(&octets)), (DAY_LEN, Some(7)));
    assert_eq!(memory.day(FIRST - 1), None);
    let check = |seed: u64, today: u32, octets: &[u8], expected: Result<(), DayError>| {
        assert_eq!(Memory::new(seed, today).add_day(octets), expected);
    };
    check(7, FIRST + 9, &octets, Ok(()));
    check(7, FIRST + 30, &octets, Err(DayError::Outside));
    check(7, FIRST - 1, &octets, Err(DayError::Outside));
    check(8, FIRST, &octets, Err(DayError::Hashes));
    check(7, FIRST, &octets[..octets.len() - 1], Err(DayError::Form));
    check(7, FIRST, b"", Err(DayError::Form));
    for at in [0, 20, 25, 33, 37, 60, DAY_LEN - 1] {
        let mut broken = octets.clone();
        broken[at] ^= 1;
        assert!(Memory::new(7, FIRST).add_day(&broken).is_err(), "octet {at}");
    }
}

#[test]
fn a_memory_started_again_goes_on() {
    let memory = learned();
    let again = Memory::new(7, FIRST + 4);
    for day in FIRST..FIRST + 3 {
        again.add_day(&memory.day(day).unwrap()).unwrap();
    }
    assert!(again.has_learned());
    assert_eq!(meet(&again, "www.daily.example").name, Novelty::Known);
    assert_eq!(meet(&again, "www.fresh.example").name, Novelty::New);
}

#[test]
fn a_flood_of_names_leaves_room_for_domains() {
    let memory = learned();
    // A few of them look noted already and are not counted.
    for number in 0..NAMES_DAY_MAX + 5_000 {
        meet(&memory, &format!("{number}.flooded.example"));
    }
    assert!(memory.is_full());
    meet(&memory, "www.fresh.example");
    memory.turn(FIRST + 4);
    assert!(!memory.is_full());
    assert_eq!(meet(&memory, "www.fresh.example").registrable, Novelty::Known);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_octets_are_taken_for_a_day(octets in proptest::collection::vec(any::<u8>(), 0..200), at in 0..DAY_LEN, with: u8) {
        static DAY: LazyLock<Vec<u8>> = LazyLock::new(|| learned().day(FIRST).unwrap());
        let memory = Memory::new(7, FIRST + 3);
        prop_assert_eq!(memory.add_day(&octets), Err(DayError::Form));
        let mut changed = DAY.clone();
        changed[at] ^= with;
        prop_assert_eq!(memory.add_day(&changed).is_ok(), with == 0);
    }
}
