//! Loads a DNS server on loopback over UDP, or over HTTP/2 with `--https`, and says what a query costs it.
//!
//! ```text
//! cargo run --release --example blast -- --server 127.0.0.1:5300 --pid PID [--names FILE | --made 10000]
//! ```
//!
//! Keeps `--window` queries outstanding, so that the server never waits for the generator; with `--rate`, sends that many a second
//! instead, whatever comes back, and tells how long answers took. With `--pid`, the processor time of that process is read
//! from `/proc` before and after: the figure to quote, because it does not depend on how fast the generator is. Pin both to a core of
//! their own (`taskset -c 1 …`), and measure `echo` the same way: the ratio is what carries over to another machine.
//!
//! Prints one line of `key=value` pairs; times are in microseconds.

#[cfg(target_os = "linux")]
mod https;
#[cfg(target_os = "linux")]
mod udp;

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("recvmmsg and sendmmsg are Linux calls");
}

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    #![expect(clippy::print_stdout, reason = "printing its figures is what it is for")]

    use super::{https, udp};
    use anyhow::Context as _;
    use clap::Parser as _;
    use std::{fs, net::SocketAddr, path::PathBuf, time::Instant};

    /// A step through the names without a common factor, so that they are not asked in the order in which they were remembered.
    const STEP: usize = 7_919;

    #[derive(Debug, clap::Parser)]
    pub(super) struct Args {
        /// The server, on loopback.
        #[arg(long)]
        pub(super) server: SocketAddr,
        /// The server's process, to read its processor time.
        #[arg(long)]
        pid: Option<u32>,
        /// Names to ask for, one a line; what follows a blank is ignored.
        #[arg(long)]
        names: Option<PathBuf>,
        /// How many names are made up where no file is given.
        #[arg(long, default_value_t = 10_000)]
        made: usize,
        /// Asks for every name once, in order, and stops.
        #[arg(long)]
        pub(super) once: bool,
        /// Puts a label before each name that no query before it had; a number here sets one run apart from another.
        #[arg(long)]
        pub(super) unique: Option<u16>,
        /// How long.
        #[arg(long, default_value_t = 5.0)]
        pub(super) secs: f64,
        /// Queries outstanding.
        #[arg(long, default_value_t = 128)]
        pub(super) window: usize,
        /// Queries a second, in place of a window.
        #[arg(long)]
        pub(super) rate: Option<f64>,
        /// Client addresses to send from, of 127.0.0.0/8.
        #[arg(long, default_value_t = 1)]
        pub(super) clients: u32,
        /// Asks over HTTP/2; the certificate that the server shows for `localhost`, as PEM.
        #[arg(long, conflicts_with_all = ["rate", "once", "clients"])]
        https: Option<PathBuf>,
    }

    /// What came of it.
    #[derive(Debug, Default)]
    pub(super) struct Run {
        pub(super) secs: f64,
        pub(super) answered: u64,
        pub(super) lost: u64,
        pub(super) rcodes: [u64; 16],
        /// How long each answer took, in nanoseconds; only with a rate.
        pub(super) took: Vec<u32>,
    }

    impl Run {
        /// Counts a response.
        pub(super) fn count(&mut self, response: &[u8]) {
            self.answered += 1;
            self.rcodes[usize::from(response.get(3).copied().unwrap_or_default() & 15)] += 1;
        }
    }

    pub(super) fn main() -> anyhow::Result<()> {
        let args = Args::parse();
        anyhow::ensure!(args.server.ip().is_loopback(), "the server must be on loopback");
        let mut queries = Queries::new(&args)?;
        let before = args.pid.map(cpu_secs).transpose()?;
        let mut run = match (args.rate, &args.https) {
            (None, None) => udp::saturate(&args, &mut queries)?,
            (None, Some(certificate)) => https::saturate(&args, queries, certificate)?,
            (Some(rate), _) => udp::pace(&args, &mut queries, rate)?,
        };
        let after = args.pid.map(cpu_secs).transpose()?;
        let mut line = format!(
            "qps={:.0} answered={} lost={} noerror={} nxdomain={}",
            run.answered as f64 / run.secs,
            run.answered,
            run.lost,
            run.rcodes[0],
            run.rcodes[3],
        );
        if let (Some(before), Some(after)) = (before, after) {
            line += &format!(" cpu={:.3}", (after - before) * 1e6 / run.answered as f64);
        }
        run.took.sort_unstable();
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            let at = (run.took.len() as f64 * share) as usize;
            if let Some(nanos) = run.took.get(at.min(run.took.len().saturating_sub(1))) {
                line += &format!(" {name}={:.1}", f64::from(*nanos) / 1e3);
            }
        }
        println!("{line}");
        Ok(())
    }

    /// Seconds of user and system time of a process, all threads.
    fn cpu_secs(pid: u32) -> anyhow::Result<f64> {
        // The scheduler's own sum in nanoseconds, thread by thread; `stat` counts in ticks of 10 ms.
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task")).context("no such process")? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let spent = text.split(' ').next().context("an empty schedstat")?;
            nanos += spent.parse::<u64>()?;
        }
        Ok(nanos as f64 / 1e9)
    }

    pub(super) fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
        Instant::now()
    }

    /// The queries of a run, in the order in which they are sent.
    pub(super) struct Queries {
        packets: Vec<Vec<u8>>,
        step: usize,
        unique: bool,
        next: usize,
    }

    impl Queries {
        fn new(args: &Args) -> anyhow::Result<Self> {
            let mut names: Vec<String> = match &args.names {
                Some(path) => fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?
                    .lines()
                    .filter_map(|it| it.split_ascii_whitespace().next())
                    .map(str::to_owned)
                    .collect(),
                None => (0..args.made).map(|it| format!("host-{it}.example")).collect(),
            };
            anyhow::ensure!(!names.is_empty(), "no names");
            if let Some(run) = args.unique {
                names.iter_mut().for_each(|it| *it = format!("q00000000-{run:04x}.{it}"));
            }
            let packets: Vec<Vec<u8>> = names.iter().map(|it| query(it)).collect();
            let step = if args.once || packets.len().is_multiple_of(STEP) { 1 } else { STEP };
            Ok(Self { packets, step, unique: args.unique.is_some(), next: 0 })
        }

        /// The next query, with an id that tells its place among the last 65,536.
        pub(super) fn next(&mut self) -> &mut Vec<u8> {
            let (at, number) = (self.next * self.step % self.packets.len(), self.next);
            self.next += 1;
            let packet = &mut self.packets[at];
            packet[..2].copy_from_slice(&(number as u16).to_be_bytes());
            if self.unique {
                // Twelve octets of header, one of length, then `q` and the number.
                for (place, octet) in packet[14..22].iter_mut().enumerate() {
                    *octet = b"0123456789abcdef"[number >> (28 - 4 * place) & 15];
                }
            }
            packet
        }

        /// How many different ones there are.
        pub(super) fn len(&self) -> usize {
            self.packets.len()
        }

        pub(super) fn sent(&self) -> usize {
            self.next
        }
    }

    /// A query for A with RD, its id still to be set.
    fn query(name: &str) -> Vec<u8> {
        let mut packet = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.trim_end_matches('.').split('.') {
            packet.push(label.len() as u8);
            packet.extend_from_slice(label.as_bytes());
        }
        packet.extend_from_slice(&[0, 0, 1, 0, 1]);
        packet
    }
}
