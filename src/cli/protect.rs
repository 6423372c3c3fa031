//! `squint protect`: which domains to protect, and what that would flag.

use super::{EXIT_BAD_INPUT, names, paint};
use crate::{
    app,
    config::{self, Domain},
    hunt::{FLAGGED_MAX, Flagged, Own, Proposal, Survey, Trial},
    lookalike::{self, Engine},
};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Write as _},
    path::PathBuf,
    process::ExitCode,
};

/// Domains proposed at most.
const PROPOSALS_MAX: usize = 20;

/// Labels shown as evidence.
const LABELS_SHOWN: usize = 6;

/// Names shown of each technique.
const NAMES_SHOWN: usize = 3;

#[derive(Subcommand)]
pub(super) enum Protect {
    /// Propose your own domains from names seen on your network, one a line on standard input.
    Suggest(Suggest),
    /// Show what protecting a domain would flag: sites in wide use, and names of a file.
    Try(Try),
}

#[derive(Args)]
pub(super) struct Suggest {
    /// Configuration file; else the one that `serve` would read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Try {
    /// Configuration file; else the one that `serve` would read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The domain.
    #[arg(value_name = "NAME")]
    domain: Domain,
    /// Names of your network, one a line; `-` for standard input.
    #[arg(value_name = "FILE")]
    names: Option<PathBuf>,
}

pub(super) fn run(protect: &Protect) -> anyhow::Result<ExitCode> {
    match protect {
        Protect::Suggest(it) => suggest(it),
        Protect::Try(it) => try_domain(it),
    }
}

fn suggest(suggest: &Suggest) -> anyhow::Result<ExitCode> {
    let config = config::find(suggest.config.as_deref()).load()?;
    let mut survey = Survey::new();
    let bad = names::each(io::stdin().lock(), |it| survey.add(it))?;
    // A search domain or a route is no reason against a domain: it is one for it.
    let known = app::lookalike(&config, Vec::new());
    let engine = Engine::new(&lookalike::Config { search_domains: Vec::new(), ..known });
    let proposals = survey.proposals(&engine);
    let mut told = anstream::stderr().lock();
    if bad > 0 {
        writeln!(told, "lines without a name, left out: {bad}")?;
    }
    if survey.left_out() > 0 {
        writeln!(
            told,
            "names of further domains than are counted, left out: {}",
            survey.left_out()
        )?;
    }
    if proposals.is_empty() {
        writeln!(told, "no domain among these names looks like your own")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = io::stdout().lock();
    out.write_all(table(&config.protect.domains, &proposals).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The `[protect] domains` that holds what is configured and what is proposed, ready to paste.
fn table(configured: &[Domain], proposals: &[Proposal]) -> String {
    let mut text = "[protect]\ndomains = [\n".to_owned();
    for domain in configured {
        text.push_str(&format!("    \"{domain}\", # as before\n"));
    }
    for it in proposals.iter().take(PROPOSALS_MAX) {
        let (domain, hosts, names) = (&it.domain, it.hosts, it.names);
        let shown: Vec<&str> = it.internal.iter().copied().take(LABELS_SHOWN).collect();
        let more = if it.internal.len() > shown.len() { ", …" } else { "" };
        let shown = shown.join(", ");
        text.push_str(&format!(
            "    \"{domain}\", # {hosts} hosts in {names} names, among them {shown}{more}\n"
        ));
    }
    text.push_str("]\n");
    text
}

/// Names flagged by one technique.
#[derive(Default)]
struct Row {
    known: Vec<(u8, String)>,
    own: Vec<(u8, String)>,
}

fn try_domain(wanted: &Try) -> anyhow::Result<ExitCode> {
    let config = config::find(wanted.config.as_deref()).load()?;
    let domain = wanted.domain.to_string();
    if crate::name::registrable(&domain).is_empty() {
        writeln!(
            anstream::stderr(),
            "error: `{domain}` is a public suffix that nobody owns as a whole"
        )?;
        return Ok(ExitCode::from(EXIT_BAD_INPUT));
    }
    let own = Own { domains: vec![domain.clone()], ..config.protect.own() };
    let trial = Trial::new(own, app::search_domains(&config), config.lookalike.log);
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let is_meant = |it: &Flagged| it.target == domain;
    for (site, flagged) in trial.well_known().into_iter().filter(|it| is_meant(&it.1)) {
        let row = rows.entry(flagged.technique.as_str()).or_default();
        row.known.push((flagged.score, site.to_owned()));
    }
    let mut asked = 0_u64;
    let mut take = |name: &str| {
        asked += 1;
        for flagged in trial.flags(name).into_iter().filter(is_meant) {
            let row = rows.entry(flagged.technique.as_str()).or_default();
            row.own.push((flagged.score, name.to_owned()));
        }
    };
    let bad = match &wanted.names {
        None => 0,
        Some(path) if path.as_os_str() == "-" => names::each(io::stdin().lock(), &mut take)?,
        Some(path) => {
            let file =
                File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            names::each(BufReader::new(file), &mut take)?
        }
    };
    if bad > 0 {
        writeln!(anstream::stderr(), "lines without a name, left out: {bad}")?;
    }
    let asked = wanted.names.as_ref().map(|_| asked);
    tell(&domain, &mut rows, asked, config.lookalike.block)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each technique: how many names, how many of them would be sinkholed, and the likest ones.
fn tell(
    domain: &str,
    rows: &mut BTreeMap<&str, Row>,
    asked: Option<u64>,
    block: u8,
) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let known: usize = rows.values().map(|it| it.known.len()).sum();
    write!(
        out,
        "protecting `{domain}` would flag {known} of {} sites in wide use",
        Trial::tried()
    )?;
    if let Some(asked) = asked {
        let own: usize = rows.values().map(|it| it.own.len()).sum();
        write!(out, " and {own} of your {asked} names")?;
    }
    writeln!(out)?;
    for (technique, row) in rows {
        for (what, names) in [("in wide use", &mut row.known), ("yours", &mut row.own)] {
            if names.is_empty() {
                continue;
            }
            names.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
            let blocked = names.iter().filter(|it| it.0 >= block).count();
            let shown: Vec<&str> = names.iter().map(|it| it.1.as_str()).take(NAMES_SHOWN).collect();
            let more = if names.len() > shown.len() { " …" } else { "" };
            let (count, shown) = (names.len(), shown.join(" "));
            writeln!(
                out,
                "  {technique:<13} {what:<11} {count:>6}, {blocked} to be sinkholed: {shown}{more}"
            )?;
        }
    }
    if known > FLAGGED_MAX {
        let faint = paint::FAINT;
        writeln!(
            out,
            "{faint}hint: that is many; protect a longer domain, or name the innocent in `[protect] owned`{faint:#}"
        )?;
    }
    Ok(())
}
