//! `squint check`: verdict and reasons for names, from arguments or standard input, streaming.

use super::{
    EXIT_BAD_INPUT,
    names::{self, LINE_LEN_MAX},
    paint,
};
use crate::{
    app,
    name::{self, Host, Name},
    policy::{self, Policy, PolicyId},
    verdict::{Action, Seen, Verdict, json},
};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use std::{
    io::{self, BufRead as _, BufReader, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

/// An action that matters was among the verdicts.
const EXIT_FOUND: u8 = 1;

#[derive(Args)]
pub(super) struct Check {
    /// Configuration file; else the one that `serve` would read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// The mildest action that makes the exit status 1.
    #[arg(long, value_enum, default_value_t = FailOn::Block, value_name = "WHAT")]
    fail_on: FailOn,
    /// Names, in either form of an IDN, defanged or inside a URL; read from standard input when none are given.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// An action that changes the answer.
    Block,
    /// That, or `log`.
    Log,
}

pub(super) fn run(check: &Check) -> anyhow::Result<ExitCode> {
    let checked = app::offline(check.config.as_deref())?;
    let out: Box<dyn Write> = if check.json {
        Box::new(io::stdout().lock())
    } else {
        Box::new(anstream::stdout().lock())
    };
    let mut run = Run {
        policy: &checked.policy,
        now: checked.now,
        check,
        out: BufWriter::with_capacity(1 << 16, out),
        found: false,
        bad: false,
        line: String::new(),
    };
    if check.names.is_empty() {
        run.standard_input()?;
    } else {
        for (at, text) in check.names.iter().enumerate() {
            run.name(text, "argument", at + 1)?;
        }
    }
    run.out.flush()?;
    Ok(match (run.bad, run.found) {
        (true, _) => ExitCode::from(EXIT_BAD_INPUT),
        (false, true) => ExitCode::from(EXIT_FOUND),
        (false, false) => ExitCode::SUCCESS,
    })
}

struct Run<'a, W: Write> {
    policy: &'a Policy,
    now: u64,
    check: &'a Check,
    out: BufWriter<W>,
    found: bool,
    bad: bool,
    line: String,
}

impl<W: Write> Run<'_, W> {
    fn standard_input(&mut self) -> anyhow::Result<()> {
        let mut input = BufReader::new(io::stdin().lock());
        let mut line = Vec::new();
        for number in 1_usize.. {
            line.clear();
            if input.read_until(b'\n', &mut line).context("cannot read standard input")? == 0 {
                break;
            }
            if line.len() > LINE_LEN_MAX {
                self.complain("line", number, "the line is too long for a name")?;
                continue;
            }
            match std::str::from_utf8(&line) {
                Ok(text) if text.trim().is_empty() => (),
                Ok(text) => self.name(text, "line", number)?,
                Err(_) => self.complain("line", number, "the line is not UTF-8")?,
            }
            // Whoever waits for an answer before the next line gets it; a file is served in large pieces.
            if input.buffer().is_empty() {
                self.out.flush()?;
            }
        }
        Ok(())
    }

    fn name(&mut self, text: &str, place: &str, number: usize) -> anyhow::Result<()> {
        match names::parse(text) {
            Ok(name) => self.judge(&name),
            Err(error) => self.complain(place, number, &error.to_string()),
        }
    }

    fn judge(&mut self, name: &Name) -> anyhow::Result<()> {
        let text = name.text();
        let host = policy::host(&self.policy.knowledge, &text, self.now);
        let findings = policy::examine(&self.policy.knowledge, &host, self.now, &Seen::UNKNOWN);
        let verdict = policy::decide(self.policy, PolicyId(0), name, &host, &findings);
        self.found |= verdict.action.changes_answer()
            || (self.check.fail_on == FailOn::Log && verdict.action == Action::Log);
        if self.check.json {
            self.line.clear();
            json::write_check(
                &text,
                &name::to_unicode(&text),
                host.registrable,
                &verdict,
                &mut self.line,
            );
            self.line.push('\n');
            self.out.write_all(self.line.as_bytes())?;
            return Ok(());
        }
        self.person(&text, &host, &verdict)?;
        Ok(())
    }

    fn person(&mut self, text: &str, host: &Host<'_>, verdict: &Verdict) -> io::Result<()> {
        let style = paint::action(verdict.action);
        let shown = if text.is_empty() { "." } else { text };
        let unicode = name::to_unicode(text);
        let unicode = if unicode == text { String::new() } else { format!(" ({unicode})") };
        let doing = match (verdict.action, verdict.applied) {
            (action, applied) if action == applied => action.as_str().to_owned(),
            (action, _) => format!("would {action}"),
        };
        let score =
            if verdict.score > 0 { format!(", score {}", verdict.score) } else { String::new() };
        writeln!(self.out, "{style}{doing:<14}{style:#} {shown}{unicode}{score}")?;
        let faint = paint::FAINT;
        for reason in &verdict.reasons {
            let note = if reason.overridden { " (overridden)" } else { "" };
            writeln!(self.out, "    {}{note}", reason.finding.why)?;
            let sum = reason.finding.sum();
            if !sum.is_empty() {
                writeln!(self.out, "    {faint}{sum}{faint:#}")?;
            }
            let line = policy::silence(reason, host);
            if !line.is_empty() && !reason.overridden {
                let line = line.replace('\n', "\n                ");
                writeln!(self.out, "    {faint}to silence: {line}{faint:#}")?;
            }
        }
        // The owner of a platform is not the owner of its tenants.
        let is_tenant = host.hosting.is_some_and(|it| !it.tenant.is_empty());
        if verdict.reasons.is_empty()
            && !is_tenant
            && let Some(owner) = self.policy.knowledge.engine.owner_of(host)
        {
            writeln!(self.out, "    {faint}owned by {owner}{faint:#}")?;
        }
        Ok(())
    }

    fn complain(&mut self, place: &str, number: usize, what: &str) -> anyhow::Result<()> {
        self.bad = true;
        self.out.flush()?;
        writeln!(anstream::stderr(), "error: {place} {number}: {what}")?;
        Ok(())
    }
}
