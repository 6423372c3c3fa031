"""Measures what a query costs each server, and prints one table. Started by `scripts/bench`."""

import argparse
import datetime
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

import names
import picture
from servers import LOAD_CPU, PEERS, Field, ahead, pinned

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "release" / "examples"
CURVE_RATES = [2_000, 20_000, 50_000, 80_000, 110_000, 140_000, 170_000, 200_000]
CURVE_SERVERS = ["echo", "squint", "unbound", "dnsdist", "pdns", "knot"]


class Bench:
    """What all rows share."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.field = Field(folder, TARGET)
        self.running = []
        self.rows = []
        self.commands = {}
        self.servers = {}

    def peers(self, wanted):
        """Those of the peers that are wanted and installed."""
        programs = {"pdns": "pdns_recursor", "bind": "named", "knot": "kresd", "hickory": "hickory-dns"}
        return [it for it in wanted if it in self.args.peers and shutil.which(programs.get(it, it))]

    def start(self, name, probe=None, **options):
        server = self.field.start(name, **options)
        self.running.append(server)
        # One line a program: what sets two runs of it apart stands in its file.
        told = " ".join(map(str, server.command)).replace(str(self.folder) + "/", "").replace(str(TARGET.parent) + "/", "")
        self.servers.setdefault(name, re.sub(r"\d{4,}", "PORT", told))
        if name != "echo_h2":
            server.ready_secs = server.wait_until_ready(*(probe or ("probe.example", 0)))
        return server

    def stop(self):
        for server in self.running:
            server.stop()
        self.running.clear()

    def blast(self, server, *more, cpus=LOAD_CPU, secs=None, port="dns"):
        """Runs the load generator; its figures by name."""
        command = [TARGET / "blast", "--server", f"127.0.0.1:{server.ports[port]}", "--pid", str(server.pid),
                   "--secs", str(secs or self.args.secs), *more]
        told = ["blast", "--secs", str(secs or self.args.secs), *more]
        self.commands[" ".join(map(str, told)).replace(str(self.folder) + "/", "")] = None
        done = subprocess.run([*pinned(cpus), *map(str, command)], capture_output=True, text=True, preexec_fn=ahead)
        if done.returncode != 0:
            say(f"{server.name}: {done.stderr.strip()[:200]}")
            return {}
        return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", done.stdout)}

    def dnsperf(self, server, over, mix):
        """Runs dnsperf over kept connections; its figures by name."""
        port = server.ports["dns" if over == "tcp" else over]
        told = ["dnsperf", "-m", over, "-c", "10", "-q", "200", "-l", str(self.args.secs)]
        self.commands[" ".join(told)] = None
        before = server.cpu_secs()
        done = subprocess.run([*pinned(LOAD_CPU), *told, "-s", "127.0.0.1", "-p", str(port), "-d", mix, "-t", "2"],
                              capture_output=True, text=True, preexec_fn=ahead)
        spent = server.cpu_secs() - before
        answered = int(re.search(r"Queries completed: +(\d+)", done.stdout).group(1))
        lost = int(re.search(r"Queries lost: +(\d+)", done.stdout).group(1))
        if answered == 0 or "NOERROR" not in done.stdout or lost > answered / 100:
            say(f"{server.name}: {done.stdout.strip()[-400:]} {done.stderr.strip()[-200:]}")
            return {}
        return {"answered": answered, "lost": lost, "cpu": spent * 1e6 / answered, "qps": answered / self.args.secs}

    def rounds(self, servers, *more, **how):
        """All servers in turn, round after round; the medians by server."""
        found = {it.name: [] for it in servers}
        for number in range(self.args.rounds):
            for server in servers:
                extra = ["--unique", str(number)] if how.get("unique") else []
                if "over" in how:
                    got = self.dnsperf(server, how["over"], how["names"])
                else:
                    got = self.blast(server, *more, *extra, secs=how.get("secs"), port=how.get("port", "dns"))
                if got:
                    found[server.name].append(got)
        return {name: median(got) for name, got in found.items() if got}

    def row(self, what, goal, found, floor="echo", unit="cpu", note=""):
        """Notes a row. `goal` is a function of the figures by server, and tells words and whether it is met."""
        self.rows.append((what, goal(found), found, floor, unit, note))
        say(f"  {what}: " + ", ".join(f"{name} {got[unit]:.2f}" for name, got in found.items()) + f" {note}")


def median(runs):
    return {key: statistics.median(it[key] for it in runs if key in it) for key in runs[0]}


def say(text):
    print(text, file=sys.stderr, flush=True)


def ratio(limit, floor="echo", unit="cpu"):
    """Squint at most `limit` times the floor."""
    def goal(found):
        got = found["squint"][unit] / found[floor][unit]
        return f"≤ {limit} × {floor}", f"{got:.2f} ×", got <= limit
    return goal


def at_most(limit, unit="cpu"):
    """Squint at most so many microseconds."""
    def goal(found):
        got = found["squint"][unit]
        return f"≤ {limit} µs", f"{got:.2f} µs", got <= limit
    return goal


def warm(bench, server, *more):
    for _ in range(2):
        bench.blast(server, "--once", "--window", "50", *more)


def cached(bench):
    servers = [bench.start(it) for it in ["echo", "squint", *bench.peers(PEERS)]]
    for server in servers:
        warm(bench, server)
    bench.row("cached, 10,000 names", ratio(1.25), bench.rounds(servers))


def blocked(bench):
    path, mix, name = names.make(bench.folder)
    servers = [bench.start("echo")]
    for it in ["squint", *bench.peers(["unbound", "dnsdist", "pdns", "bind", "knot", "dnsmasq"])]:
        servers.append(bench.start(it, probe=(name, 3), blocklist=path))
    for server in servers:
        warm(bench, server, "--names", mix)
    found = bench.rounds(servers, "--names", mix)
    for server in servers:
        if server.name in found:
            found[server.name]["mb"] = server.resident_mb()
    ready = next(it.ready_secs for it in servers if it.name == "squint")

    def goal(found):
        times, megabytes = found["squint"]["cpu"] / found["echo"]["cpu"], found["squint"]["mb"]
        return "≤ 1.35 × echo, ≤ 40 MB resident", f"{times:.2f} ×, {megabytes:.0f} MB", times <= 1.35 and megabytes <= 40
    bench.row("a list of a million names, 20 % of queries blocked", goal, found,
              note=f"serving {ready:.2f} s after its start")


def recorded(bench):
    plain = bench.start("squint", label="squint, not recording")
    server = bench.start("squint", history=True)
    clients = ["--clients", "100000"]
    for it in (plain, server):
        warm(bench, it, *clients)
    found = {plain.name: [], "squint": []}
    for _ in range(bench.args.rounds):
        for it in (plain, server):
            found[it.name].append(bench.blast(it, *clients))
    found = {name: median(runs) for name, runs in found.items()}
    folder = bench.folder / f"squint-{server.ports['dns']}"
    server.stop()
    # What came in, as the server itself counts it: the generator takes what comes late for lost.
    asked = int(re.findall(r"(?m)^ *queries_udp +(\d+)", pathlib.Path(server.log.name).read_text())[-1])
    lines = re.compile(rb'"count":(\d+)\}')
    events = 0
    for file in folder.glob("events.jsonl*"):
        with open(file, "rb") as text:
            events += sum(int(lines.search(it).group(1)) for it in text)
        file.unlink()
    lost = asked - events

    def goal(found):
        more = found["squint"]["cpu"] - found[plain.name]["cpu"]
        return "≤ 2.5 µs more, none lost", f"{more:.2f} µs more, {lost} of {asked} lost", more <= 2.5 and lost == 0
    bench.row("every query recorded, 100,000 client addresses", goal, found, floor=plain.name)


def reloaded(bench):
    """The longest answer while a million entries are read again, once a second: no gap of the worker's loop is longer. The echo, which
    reads nothing, tells what of that is the machine's."""
    path, mix, name = names.make(bench.folder)
    echo = bench.start("echo")
    server = bench.start("squint", probe=(name, 3), blocklist=path)
    warm(bench, server, "--names", mix)
    before = server.resident_mb()
    runs = {"echo": [], "squint": []}
    load = ["--names", mix, "--rate", "5000"]
    for _ in range(bench.args.rounds):
        runs["echo"].append(bench.blast(echo, *load, secs=4))
        timers = [threading.Timer(at, os.kill, (server.pid, signal.SIGHUP)) for at in (0.5, 1.5, 2.5)]
        for it in timers:
            it.start()
        runs["squint"].append(bench.blast(server, *load, secs=4))
        for it in timers:
            it.join()
    highest = server.resident_mb("VmHWM")
    # The longest of all, not the usual one.
    found = {name: {**median(got), "max": max(it["max"] for it in got)} for name, got in runs.items()}

    def goal(found):
        got = found["squint"]["max"]
        return "≤ 5 ms", f"{got / 1000:.1f} ms", got <= 5000
    bench.row("the longest answer while a list of a million names is read again", goal, found, unit="max",
              note=f"{before:.0f} MB before, {highest:.0f} MB at the most")


def forwarded(bench):
    servers = [bench.start(it, **({"size_mb": 64})) for it in ["squint", *bench.peers(PEERS)]]
    found = bench.rounds(servers, unique=True)
    goal = ratio(1.0, "dnsdist") if "dnsdist" in found else at_most(11.3)
    bench.row("forwarded, every name unique", goal, found, floor="dnsdist")


def stream(over, what, goal, wanted):
    def run(bench):
        servers = [bench.start(it) for it in ["squint", *bench.peers(wanted)]]
        for server in servers:
            warm(bench, server)
        path = bench.folder / "cached"
        path.write_text("".join(f"host-{it}.example A\n" for it in range(10_000)))
        found = bench.rounds(servers, over=over, names=path)
        bench.row(what, goal, found)
    return run


def doh(bench):
    servers = [bench.start(it) for it in ["echo_h2", "squint", *bench.peers(["unbound", "dnsdist", "bind"])]]
    for server in servers[1:]:
        warm(bench, server)
    found = bench.rounds(servers, "--window", "200", "--https", bench.field.certificate, port="doh")
    bench.row("DNS over HTTPS (HTTP/2), kept connections", doh_goal, found, floor="echo_h2")


def doh_goal(found):
    floor = found["squint"]["cpu"] / found["echo_h2"]["cpu"]
    below = "dnsdist" not in found or found["squint"]["cpu"] < found["dnsdist"]["cpu"]
    return "≤ 1.1 × echo_h2, below dnsdist", f"{floor:.2f} ×", floor <= 1.1 and below


def latency(bench):
    servers = [bench.start(it) for it in ["echo", "squint", *bench.peers(PEERS)]]
    for server in servers:
        warm(bench, server)
    found = bench.rounds(servers, "--rate", "2000", secs=max(3, bench.args.secs))
    bench.row("half of the answers at 2,000 queries a second within", ratio(1.05, unit="p50"), found, unit="p50")


def two_workers(bench):
    found = {}
    more = ["--rate", "60000", "--clients", "1000"]
    servers = []
    for count in (1, 2):
        label = "squint" if count == 2 else "squint, one worker"
        servers.append(bench.start("squint", label=label, workers=count, cpus=f"{LOAD_CPU},1"))
        warm(bench, servers[-1], "--clients", "1000")
    runs = {it.name: [] for it in servers}
    for _ in range(bench.args.rounds):
        for it in servers:
            runs[it.name].append(bench.blast(it, *more, cpus=f"{LOAD_CPU},1"))
    found = {name: median(got) for name, got in runs.items()}
    bench.row("two workers, 60,000 queries a second", ratio(1.1, "squint, one worker"), found, floor="squint, one worker")


def million(bench):
    small = bench.start("squint", label="squint, 10,000 names")
    large = bench.start("squint", size_mb=210)
    echo = bench.start("echo")
    warm(bench, small)
    warm(bench, large, "--made", "1000000")
    clients = ["--clients", "100000"]
    runs = {it.name: [] for it in (echo, small, large)}
    for _ in range(bench.args.rounds):
        for it, made in ((echo, "10000"), (small, "10000"), (large, "1000000")):
            runs[it.name].append(bench.blast(it, "--made", made, *clients))
    found = {name: median(got) for name, got in runs.items()}
    memory = large.resident_mb()
    fetched = found["squint"]
    bench.row("1,000,000 names in the cache, 100,000 client addresses", ratio(1.3, small.name), found, floor=small.name,
              note=f"Squint resident {memory:.0f} MB (goal 256), {fetched['qps']:.0f} queries/s")


def curve(bench):
    """The picture: how long answers take at growing rates."""
    servers = [bench.start(it) for it in CURVE_SERVERS if it in ("echo", "squint") or bench.peers([it])]
    for server in servers:
        warm(bench, server)
    lines = {it.name: [] for it in servers}
    for rate in CURVE_RATES:
        for server in servers:
            runs = [bench.blast(server, "--rate", str(rate), secs=max(2, bench.args.secs)) for _ in range(bench.args.rounds)]
            got = median([it for it in runs if it] or [{}]) if any(runs) else {}
            # A server that loses answers is past what it can do; its curve ends before.
            if got and got["lost"] <= 0.01 * got["answered"]:
                lines[server.name].append((rate, got))
                say(f"  {rate}: {server.name} {got['p50']:.0f} {got['p99']:.0f} {got['p999']:.0f}")
    path = pathlib.Path(bench.args.picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(picture.draw(lines, f"{datetime.date.today()}, {machine()}"))


ROWS = {
    "cached": cached,
    "list": blocked,
    "reloaded": reloaded,
    "recorded": recorded,
    "forwarded": forwarded,
    "tcp": stream("tcp", "TCP, kept connections", at_most(5.6), PEERS),
    "dot": stream("dot", "DNS over TLS, kept connections", at_most(8.5), ["unbound", "dnsdist", "bind", "knot", "hickory"]),
    "doh": doh,
    "latency": latency,
    "workers": two_workers,
    "million": million,
    "curve": curve,
}


def machine():
    model = next((it.split(":")[1].strip() for it in open("/proc/cpuinfo") if it.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release().split('-')[0]}"


def table(bench):
    """The rows in Markdown."""
    lines = ["| measure | floor | Squint | goal | peers |", "|---|---|---|---|---|"]
    for what, (goal, got, met), found, floor, unit, note in bench.rows:
        base = found.get(floor)

        def told(name):
            value = found[name][unit]
            times = f" ({value / base[unit]:.2f} ×)" if base and name != floor else ""
            memory = f", {found[name]['mb']:.0f} MB" if "mb" in found[name] else ""
            return f"{value:.2f} µs{times}{memory}"

        peers = sorted((it for it in found if it not in ("squint", floor)), key=lambda it: found[it][unit])
        shown = f"{floor} {told(floor)}" if base else "-"
        more = f"; {note}" if note else ""
        lines.append(f"| {what} | {shown} | {told('squint')}{more} | {goal}: {got}, {'met' if met else 'missed'} | "
                     + ", ".join(f"{it} {told(it)}" for it in peers) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--rows", default=",".join(ROWS), help=", ".join(ROWS))
    parser.add_argument("--peers", default=",".join(PEERS), help="all by default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--secs", type=float, default=2.0, help="of load, for each server and round")
    parser.add_argument("--picture", default="docs/latency.svg", help="where the picture goes")
    args = parser.parse_args()
    args.peers = args.peers.split(",")
    rows = args.rows.split(",")
    unknown = [it for it in rows if it not in ROWS]
    if unknown:
        parser.error(f"unknown rows: {', '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="squint-bench-") as folder:
        bench = Bench(args, pathlib.Path(folder))
        try:
            for row in rows:
                say(row)
                try:
                    ROWS[row](bench)
                finally:
                    bench.stop()
        finally:
            bench.field.upstream.stop()
    print(f"{datetime.date.today()}, {machine()}; microseconds of processor time a query (user and system) on one core, medians of "
          f"{args.rounds} rounds of {args.secs:g} s\n")
    print(table(bench))
    print("\nServers, one core each, set up by scripts/compare/servers.py: " + "; ".join(f"`{it}`" for it in bench.servers.values()))
    print("\nLoad: " + "; ".join(f"`{it}`" for it in bench.commands))


main()
