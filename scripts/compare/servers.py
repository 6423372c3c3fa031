"""The servers that are compared: how each is configured and started as a caching forwarder on loopback with one thread."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

READY_SECS = 120
SERVER_CPU, LOAD_CPU = "1", "0"


def pinned(cpus):
    """What goes before a command to keep it on these cores."""
    return ["taskset", "-c", cpus]


def ahead():
    """Run in a child before its command: a session of its own, ahead of whatever else the machine does, where that is allowed."""
    os.setsid()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        os.nice(-20)
        pathlib.Path("/proc/self/autogroup").write_text("-20")
    except OSError:
        pass


class Server:
    """A running server, pinned to a core."""

    def __init__(self, name, command, ports, folder, cpus=SERVER_CPU, env=None):
        self.name, self.command, self.ports = name, command, ports
        self.log = open(folder / f"{name.replace(' ', '-')}.log", "w")

        self.process = subprocess.Popen(
            [*pinned(cpus), *command], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, preexec_fn=ahead, cwd=folder, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def wait_until_ready(self, name="probe.example", rcode=0):
        """Asks until an answer with this rcode comes; tells the seconds that took."""
        start = time.monotonic()
        labels = b"".join(bytes([len(it)]) + it.encode() for it in name.split("."))
        query = b"\0\7\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
        while time.monotonic() - start < READY_SECS:
            if self.process.poll() is not None:
                break
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(0.1)
                try:
                    asking.connect(("127.0.0.1", self.ports["dns"]))
                    asking.send(query)
                    if asking.recv(1500)[3] & 15 == rcode:
                        return time.monotonic() - start
                except OSError:
                    time.sleep(0.02)
        self.stop()
        raise SystemExit(f"{self.name} does not answer; see {self.log.name}")

    def cpu_secs(self):
        """Seconds of user and system time of all threads."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((it / "schedstat").read_text().split()[0]) for it in tasks) / 1e9

    def resident_mb(self, what="VmRSS"):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        line = next(it for it in status.splitlines() if it.startswith(what))
        return int(line.split()[1]) / 1000

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def free_port():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                try:
                    other.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue


class Field:
    """Where servers are set up: binaries, a folder, a certificate, the upstream, and the list."""

    def __init__(self, folder, binaries):
        self.folder, self.binaries = folder, binaries
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", self.key, "-out", self.certificate],
            check=True, capture_output=True)
        port = free_port()
        self.upstream_port = port
        self.upstream = Server("upstream", [binaries / "echo", f"127.0.0.1:{port}", "--answer"],
                               {"dns": port}, folder, cpus=LOAD_CPU)
        self.upstream.wait_until_ready()

    def path(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, name, **options):
        """Starts a server by its name; `options`: blocklist (a path), history, size_mb, workers, cpus."""
        ports = {it: free_port() for it in ("dns", "dot", "doh")}
        command = MAKERS[name](self, ports, options)
        env = options.get("env")
        return Server(options.get("label", name), command, ports, self.folder,
                      cpus=options.get("cpus", SERVER_CPU), env=env)


def echo(field, ports, _):
    return [field.binaries / "echo", f"127.0.0.1:{ports['dns']}"]


def squint(field, ports, options):
    name = f"squint-{ports['dns']}"
    text = f"""
[server]
listen = ["127.0.0.1:{ports['dns']}"]
listen_tls = ["127.0.0.1:{ports['dot']}"]
listen_https = ["127.0.0.1:{ports['doh']}"]
workers = {options.get('workers', 0)}
[tls]
certificate = "{field.certificate}"
key = "{field.key}"
[upstream]
servers = ["udp://127.0.0.1:{field.upstream_port}"]
[cache]
size_mb = {options.get('size_mb', 64)}
[history]
enabled = {str(options.get('history', False)).lower()}
file_bytes_max = 1099511627776
"""
    if "blocklist" in options:
        text += f'[[list]]\nname = "list"\npath = "{options["blocklist"]}"\naction = "nxdomain"\n'
    config = field.path(f"{name}.toml", text)
    return [field.binaries.parent / "squint", "serve", "--config", config, "--data-dir", field.folder / name]


def unbound(field, ports, options):
    blocklist = f'include: "{options["blocklist"]}.unbound"' if "blocklist" in options else ""
    config = field.path(f"unbound-{ports['dns']}.conf", f"""
server:
    directory: "{field.folder}"
    username: ""
    chroot: ""
    pidfile: ""
    use-syslog: no
    num-threads: 1
    interface: 127.0.0.1@{ports['dns']}
    interface: 127.0.0.1@{ports['dot']}
    interface: 127.0.0.1@{ports['doh']}
    tls-port: {ports['dot']}
    https-port: {ports['doh']}
    tls-service-key: "{field.key}"
    tls-service-pem: "{field.certificate}"
    incoming-num-tcp: 200
    outgoing-range: 4096
    num-queries-per-thread: 2048
    msg-cache-size: 512m
    rrset-cache-size: 1024m
    so-rcvbuf: 4m
    module-config: "iterator"
    do-not-query-localhost: no
    minimal-responses: yes
    access-control: 127.0.0.0/8 allow
    {blocklist}
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{field.upstream_port}
""")
    return ["unbound", "-d", "-c", config]


def dnsdist(field, ports, options):
    blocklist = ""
    if "blocklist" in options:
        blocklist = f"""
names = newSuffixMatchNode()
for line in io.lines("{options['blocklist']}") do names:add(line) end
addAction(SuffixMatchNodeRule(names), RCodeAction(DNSRCode.NXDOMAIN))"""
    config = field.path(f"dnsdist-{ports['dns']}.lua", f"""
setSecurityPollSuffix("")
setACL({{"127.0.0.0/8"}})
setMaxUDPOutstanding(65535)
addLocal("127.0.0.1:{ports['dns']}", {{}})
addTLSLocal("127.0.0.1:{ports['dot']}", "{field.certificate}", "{field.key}", {{}})
addDOHLocal("127.0.0.1:{ports['doh']}", "{field.certificate}", "{field.key}", "/dns-query", {{}})
newServer({{address="127.0.0.1:{field.upstream_port}", healthCheckMode="up", sockets=4}})
setServerPolicy(firstAvailable)
getPool(""):setCache(newPacketCache(4000000, {{maxTTL=86400}})){blocklist}
""")
    return ["dnsdist", "--supervised", "--disable-syslog", "-C", config]


def pdns(field, ports, options):
    folder = field.folder / f"pdns-{ports['dns']}"
    folder.mkdir()
    extra = ""
    if "blocklist" in options:
        rpz = field.path(f"pdns-{ports['dns']}.lua", f"""
rpzFile("{options['blocklist']}.rpz", {{defpol=Policy.NXDOMAIN, policyName="block"}})""")
        extra = f"lua-config-file={rpz}"
    (folder / "recursor.conf").write_text(f"""
socket-dir={folder}
local-address=127.0.0.1
local-port={ports['dns']}
allow-from=127.0.0.0/8
dont-query=
forward-zones-recurse=.=127.0.0.1:{field.upstream_port}
threads=1
pdns-distributes-queries=no
dnssec=off
quiet=yes
loglevel=3
max-cache-entries=4000000
max-packetcache-entries=4000000
packetcache-ttl=86400
max-mthreads=8192
write-pid=no
daemon=no
security-poll-suffix=
any-to-tcp=no
disable-syslog=yes
max-tcp-clients=512
max-tcp-per-client=0
{extra}
""")
    return ["pdns_recursor", f"--config-dir={folder}"]


def bind(field, ports, options):
    zone, policy = "", ""
    if "blocklist" in options:
        zone = f'zone "rpz.local" {{ type primary; file "{options["blocklist"]}.rpz"; check-names ignore; }};'
        policy = 'response-policy { zone "rpz.local"; } qname-wait-recurse no;'
    config = field.path(f"named-{ports['dns']}.conf", f"""
tls local {{ key-file "{field.key}"; cert-file "{field.certificate}"; }};
options {{
    directory "{field.folder}";
    pid-file none; session-keyfile none;
    listen-on port {ports['dns']} {{ 127.0.0.1; }};
    listen-on port {ports['dot']} tls local {{ 127.0.0.1; }};
    listen-on port {ports['doh']} tls local http default {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes; allow-query {{ any; }}; allow-recursion {{ any; }};
    forwarders {{ 127.0.0.1 port {field.upstream_port}; }}; forward only;
    dnssec-validation no; empty-zones-enable no;
    max-cache-size 2g; recursive-clients 20000; tcp-clients 1000;
    minimal-responses yes; querylog no; {policy}
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
{zone}
""")
    return ["named", "-f", "-n", "1", "-c", config]


def knot(field, ports, options):
    folder = field.folder / f"kresd-{ports['dns']}"
    folder.mkdir()
    blocklist = ""
    if "blocklist" in options:
        blocklist = f"policy.add(policy.rpz(policy.DENY, '{options['blocklist']}.rpz'))"
    config = field.path(f"kresd-{ports['dns']}.lua", f"""
net.listen('127.0.0.1', {ports['dns']}, {{ kind = 'dns' }})
net.listen('127.0.0.1', {ports['dot']}, {{ kind = 'tls' }})
net.tls('{field.certificate}', '{field.key}')
net.ipv6 = false
cache.size = 1024 * MB
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('priming')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
log_level('err')
{blocklist}
policy.add(policy.all(policy.STUB('127.0.0.1@{field.upstream_port}')))
""")
    return ["kresd", "-n", "-q", "-c", config, folder]


def dnsmasq(field, ports, options):
    blocklist = f"conf-file={options['blocklist']}.dnsmasq" if "blocklist" in options else ""
    config = field.path(f"dnsmasq-{ports['dns']}.conf", f"""
port={ports['dns']}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
server=127.0.0.1#{field.upstream_port}
cache-size=2000000
dns-forward-max=4096
user=root
group=root
pid-file=
{blocklist}
""")
    return ["dnsmasq", "-k", "-C", config]


def hickory(field, ports, options):
    zone = ""
    config = field.path(f"hickory-{ports['dns']}.toml", f"""
listen_addrs_ipv4 = ["127.0.0.1"]
listen_port = {ports['dns']}
tls_listen_port = {ports['dot']}
tls_cert = {{ path = "{field.certificate}", private_key = "{field.key}" }}
user = "root"
group = "root"
[[zones]]
zone = "."
zone_type = "External"
[zones.stores]
type = "forward"
name_servers = [{{ ip = "127.0.0.1", trust_negative_responses = true, connections = [{{ port = {field.upstream_port}, protocol = {{ type = "udp" }} }}] }}]
[zones.stores.options]
cache_size = 4000000
max_active_requests = 100000
{zone}""")
    return ["hickory-dns", "-q", "--workers", "1", "-c", config, "-z", field.folder]


def echo_h2(field, ports, _):
    return [field.binaries / "echo_h2", f"127.0.0.1:{ports['doh']}", field.certificate, field.key]


MAKERS = {"echo": echo, "squint": squint, "unbound": unbound, "dnsdist": dnsdist, "pdns": pdns, "bind": bind,
          "knot": knot, "dnsmasq": dnsmasq, "hickory": hickory, "echo_h2": echo_h2}
PEERS = ["unbound", "dnsdist", "pdns", "bind", "knot", "dnsmasq", "hickory"]
