//! The command line: arguments, subcommands, exit codes.

mod check;
mod config_check;
mod names;
mod paint;
mod protect;

use crate::app::{self, Options};
use clap::{Args, Parser, Subcommand};
use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

/// Something is wrong with what was given: arguments, configuration, names, the port.
const EXIT_BAD_INPUT: u8 = 2;

/// A DNS filter proxy that looks twice at every name.
#[derive(Parser)]
#[command(name = "squint", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer DNS queries: judge every name, act, forward, remember, record.
    Serve(Serve),
    /// Judge names and say why, without a running server.
    Check(check::Check),
    /// Find out which domains to protect, and what that would flag.
    #[command(subcommand)]
    Protect(protect::Protect),
    /// Work with configuration files.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Args)]
struct Serve {
    /// Configuration file; else `./config.toml`, `/etc/squint/config.toml`, the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on, UDP and TCP; may be given several times.
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Upstream to forward to (`udp://192.0.2.1:53`, `tcp://192.0.2.1`); may be given several times.
    #[arg(long, value_name = "URL")]
    upstream: Vec<crate::upstream::Url>,
    /// Where state is kept; else `$STATE_DIRECTORY`, `$XDG_STATE_HOME/squint`, `~/.local/state/squint`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a configuration file, and show which settings differ from the default.
    Check {
        /// The file; else the one that `serve` would read.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Runs the program with the process's arguments.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(it) => app::serve(&Options {
            config: it.config,
            listen: it.listen,
            upstream: it.upstream,
            data_dir: it.data_dir,
        })
        .map(|()| ExitCode::SUCCESS),
        Command::Check(it) => check::run(&it),
        Command::Protect(it) => protect::run(&it),
        Command::Config(ConfigCommand::Check { file }) => config_check::run(file.as_deref()),
    };
    done.unwrap_or_else(|error| {
        // The reader of a pipe may have left; that is no fault of ours.
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
        {
            return ExitCode::SUCCESS;
        }
        complain(&error);
        ExitCode::from(EXIT_BAD_INPUT)
    })
}

fn complain(error: &anyhow::Error) {
    let text = format!("{error:#}");
    // Errors of the configuration open with the place and bring their own heading.
    let heading = if text.starts_with("error") { "" } else { "error: " };
    // Where standard error is gone there is nobody left to tell.
    let _gone = writeln!(anstream::stderr(), "{heading}{text}");
}
