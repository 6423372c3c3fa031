//! The index against a map, and what its reports tell.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn list(name: &str, kind: Kind) -> List {
    List { name: name.to_owned(), kind, action: Action::Sinkhole, mode: Mode::Enforce }
}

fn build(lists: &[(List, &str)]) -> (Index, Vec<Report>) {
    let heads: Vec<List> = lists.iter().map(|it| it.0.clone()).collect();
    Index::build(&heads, |at| Ok(lists[at].1.as_bytes())).unwrap()
}

/// What decides about a name, as `list:line matched`, for either kind.
fn found(index: &Index, name: &str) -> [String; 2] {
    let name = Name::parse(name).unwrap();
    let found = index.find(&name);
    [found.block, found.allow].map(|it| {
        it.map_or(String::new(), |it| {
            let matched = Name::read(it.suffix(&name)).unwrap().0;
            format!("{}:{} {matched}", index.list(it).name, it.line)
        })
    })
}

#[test]
fn entries_cover_their_subdomains() {
    let (index, _) = build(&[
        (list("ads", Kind::Block), "# head\nads.example\n\ndeep.ads.example\nzip\n"),
        (list("own", Kind::Allow), "good.ads.example\n"),
    ]);
    let check = |name: &str, block: &str, allow: &str| {
        assert_eq!(found(&index, name), [block, allow], "{name}");
    };
    check("ads.example", "ads:2 ads.example", "");
    check("WWW.ads.example", "ads:2 ads.example", "");
    check("x.deep.ads.example", "ads:4 deep.ads.example", "");
    check("x.good.ads.example", "ads:2 ads.example", "own:1 good.ads.example");
    check("a.b.c.d.e.f.zip", "ads:5 zip", "");
    check("bads.example", "", "");
    check("example", "", "");
    check(".", "", "");
}

#[test]
fn an_entry_of_several_lists_is_kept_once_with_all_of_them() {
    let (index, reports) = build(&[
        (list("a", Kind::Block), "one.example\ntwo.example\none.example\n"),
        (list("b", Kind::Block), "#\n#\none.example\n"),
        (list("c", Kind::Allow), "one.example\nwww.one.example\n"),
    ]);
    assert_eq!(index.len(), 3);
    assert_eq!(found(&index, "one.example"), ["a:1 one.example", "c:1 one.example"]);
    let mut holders = Vec::new();
    index.each(&Name::parse("www.one.example").unwrap(), |it| {
        holders.push((it.list, it.line, it.octets));
    });
    holders.sort_unstable();
    assert_eq!(holders, [(0, 1, 13), (1, 3, 13), (2, 1, 13), (2, 2, 17)]);
    let told: Vec<_> = reports.iter().map(|it| (it.entries, it.shared, it.repeated)).collect();
    assert_eq!(told, [(2, 0, 1), (1, 1, 0), (2, 1, 0)]);
}

#[test]
fn an_enforced_list_goes_before_a_monitored_one() {
    let trial = List { mode: Mode::Monitor, ..list("trial", Kind::Block) };
    let off = List { mode: Mode::Off, ..list("off", Kind::Block) };
    let (index, reports) = build(&[
        (trial, "www.ads.example\ntrial.example\n"),
        (off, "off.example\nads.example\n"),
        (list("live", Kind::Block), "ads.example\n"),
    ]);
    assert_eq!(found(&index, "www.ads.example")[0], "live:1 ads.example");
    assert_eq!(found(&index, "trial.example")[0], "trial:2 trial.example");
    assert_eq!(found(&index, "off.example")[0], "");
    assert_eq!(reports[1], Report::default());
}

#[test]
fn reports_tell_what_was_not_taken() {
    let text = "\u{feff}127.0.0.1 localhost\r\n0.0.0.0 a.example b.example\r\nNot \u{1b}[1mFound\r\n192.0.2.1\r\n";
    let (index, reports) = build(&[(list("a", Kind::Block), text)]);
    assert_eq!(index.len(), 2);
    let [report] = &reports[..] else { panic!("one list, one report") };
    assert_eq!((report.lines, report.entries, report.own, report.junk), (4, 2, 1, 2));
    let shown: Vec<_> = report.junk_shown.iter().map(|it| (it.line, it.reason)).collect();
    assert_eq!(shown, [(3, JunkReason::Words), (4, JunkReason::Address)]);
    assert_eq!(report.junk_shown[0].text, "Not \\u{1b}[1mFound\\r");
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let lists = [list("gone", Kind::Block)];
    let error = Index::build(&lists, |_| Err::<&[u8], _>(io::ErrorKind::NotFound.into()));
    assert_eq!(error.unwrap_err().to_string(), "list `gone` cannot be read: entity not found");
}

#[test]
fn a_file_that_grows_meanwhile_is_read_again() {
    let (small, large) = ("a.example\n".to_owned(), names(5_000));
    let mut opened = 0;
    let open = |_| {
        opened += 1;
        Ok(if opened == 1 { small.as_bytes() } else { large.as_bytes() })
    };
    let (index, _) = Index::build(&[list("a", Kind::Block)], open).unwrap();
    assert_eq!((index.len(), opened), (5_000, 4));
}

#[test]
fn a_file_that_keeps_growing_is_given_up() {
    let texts = [names(1), names(1_000)];
    let mut opened = 0;
    let open = |_| {
        opened += 1;
        Ok(if opened % 2 == 1 { texts[0].as_bytes() } else { texts[1].as_bytes() })
    };
    let error = Index::build(&[list("a", Kind::Block)], open).unwrap_err();
    assert_eq!(error.to_string(), "the lists changed while they were read");
}

#[test]
fn a_hundred_thousand_entries_are_found_again() {
    let text = names(100_000);
    let (index, _) = build(&[(list("a", Kind::Block), &text)]);
    assert_eq!(index.len(), 100_000);
    assert!(index.octets() < 1_700_000, "{}", index.octets());
    for (line, name) in (1..).zip(text.lines()) {
        let found = index.find(&Name::parse(&format!("www.{name}")).unwrap()).block.unwrap();
        assert_eq!(found.line, line);
        assert!(index.find(&Name::parse(&format!("x{name}")).unwrap()).block.is_none());
    }
}

fn names(count: u32) -> String {
    (0..count).map(|it| format!("name-{it}.example\n")).collect()
}

/// Few different names of few labels, so that they meet.
fn name() -> impl Strategy<Value = String> {
    "[ab](\\.[ab]){0,3}"
}

proptest! {
    #[test]
    fn an_index_is_a_map(
        texts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(name(), 0..12)), 0..5),
        asked in proptest::collection::vec(name(), 1..20),
    ) {
        let lists: Vec<(List, String)> = texts.iter().enumerate().map(|(at, (block, names))| {
            let kind = if *block { Kind::Block } else { Kind::Allow };
            (list(&at.to_string(), kind), names.join("\n"))
        }).collect();
        let lists: Vec<(List, &str)> = lists.iter().map(|(list, text)| (list.clone(), text.as_str())).collect();
        let (index, _) = build(&lists);

        let mut model = BTreeMap::new();
        for (at, (block, names)) in texts.iter().enumerate() {
            for (line, name) in (1_u32..).zip(names) {
                model.entry((*block, name.as_str())).or_insert(format!("{at}:{line} {name}"));
            }
        }
        for name in &asked {
            let expected = [true, false].map(|block| {
                let mut rest = Some(name.as_str());
                while let Some(suffix) = rest {
                    if let Some(found) = model.get(&(block, suffix)) {
                        return found.clone();
                    }
                    rest = suffix.split_once('.').map(|it| it.1);
                }
                String::new()
            });
            prop_assert_eq!(found(&index, name), expected, "{}", name);
        }
    }
}
