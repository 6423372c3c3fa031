#!/usr/bin/env python3
"""Builds tests/data/ from the public lists whose licence lets them ship, and from patterns of well-known infrastructure.

Usage: test_data.py DATA
"""
import hashlib
import pathlib
import sys

from build import Suffixes, ascii_name, names, rows

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent.parent / "tests/data"
DATE = "Date: 2026-11-24."


def order(name):
    return hashlib.sha256(name.encode()).hexdigest()


def sample(found, count):
    """The same names on every run, spread over the list."""
    return sorted(sorted(set(found), key=order)[:count])


def write(file, head, lines):
    (OUT / file).write_text("".join(f"# {it}\n" for it in head) + "".join(f"{it}\n" for it in lines), "utf-8")
    print(f"{file}: {len(lines)}")


def benign(data, suffixes):
    crux = list(names(data / "benign/chromium150_top_domains.list"))
    opendns = list(names(data / "benign/opendns_top10k_2014.txt"))
    parts = [
        ("1000", "chromium", crux[:836]),
        ("10000", "chromium", sample(crux[836:], 2200)),
        ("10000", "majestic", sample(names(data / "benign/misp_majestic_million_2023-10.txt"), 1500)),
        ("1000", "opendns", sample(opendns[:1000], 500)),
        ("10000", "opendns", sample(opendns[1000:], 1000)),
        ("100000", "opendns-random", sample(names(data / "benign/opendns_random10k_2014.txt"), 2000)),
        ("100000", "china-list", sample(names(data / "benign/china_accelerated_2026.txt"), 1200)),
        ("100000", "usgov", sample(names(data / "benign/usgov_2026.txt"), 300)),
        ("100000", "bank-website", sample(names(data / "brands/misp_bank_website.txt"), 700)),
        ("100000", "twofactorauth", sample(names(data / "brands/twofactorauth_2026.tsv"), 500)),
    ]
    seen, lines = set(), []
    for bucket, source, found in parts:
        for name in found:
            registrable = suffixes.registrable(name)
            if registrable and registrable not in seen:
                seen.add(registrable)
                lines.append(f"{bucket}\t{name}\t{source}")
    write("benign/sites.tsv", [
        "Names of real sites: rank up to which they are counted (100000 where unknown), name, source. One name a registrable domain.",
        "Sources: Chromium 150 domains.list (BSD-3-Clause; Chrome UX Report, CC BY-SA 4.0), Majestic Million (CC BY 3.0), OpenDNS public domain lists,",
        "felixonmars/dnsmasq-china-list (WTFPL), cisagov/dotgov-data (CC0), MISP bank-website (CC0), 2factorauth/twofactorauth (MIT);",
        "notices in blocklists/NOTICE.md. " + DATE,
    ], sorted(lines))


def other_scripts(data, _):
    sources = ["opendns_top10k_2014", "opendns_random10k_2014", "misp_majestic_million_2023-10", "china_accelerated_2026"]
    found = {it for source in sources for it in names(data / f"benign/{source}.txt") if "xn--" in it}
    write("benign/idn_real.txt", [
        "Real sites whose names have labels in other scripts.",
        "Sources: OpenDNS public domain lists, Majestic Million (CC BY 3.0), felixonmars/dnsmasq-china-list (WTFPL); "
        "notices in blocklists/NOTICE.md. " + DATE,
    ], sorted(found))


def vectors(data, _):
    found = [row for row in rows(data / "vectors/chromium_target_embedding.tsv")][1:]
    write("vectors/embedding.tsv", [
        "A browser's own vectors for embedded targets: name, expected target (empty where none), kind.",
        "Source: Chromium 150, lookalike_url_util_unittest.cc. Licence: BSD-3-Clause, notice in blocklists/NOTICE.md. " + DATE,
    ], ["\t".join(row) for row in found if ascii_name(row[0])])


# What a resolver is asked for besides web sites: hosts under clouds, edges and services, in the shapes those operators document.
SHAPES = """
{brand}.com.edgekey.net www.{brand}.com.edgekey.net www.{brand}.com.edgesuite.net {brand}.com.akadns.net www-{brand}-com.edgekey.net
e{n}.dscb.akamaiedge.net e{n}.a.akamaiedge.net a{n}.dscd.akamai.net www.{brand}.com.cdn.cloudflare.net {brand}.map.fastly.net
{brand}.com.c.footprint.net cdn.{brand}.com.cdngc.net www.{brand}.com.w.kunluncan.com img.{brand}.com.queniuqe.com {brand}.x.incapdns.net
{brand}-prod.trafficmanager.net {brand}prod{n}.blob.core.windows.net {brand}-prod.servicebus.windows.net
{brand}-alb-{n}.us-east-1.elb.amazonaws.com {brand}-assets.s3.us-west-2.amazonaws.com ec2-52-1-2-{d}.compute-1.amazonaws.com d{x}.cloudfront.net
{brand}.mail.protection.outlook.com {brand}-com.mail.protection.outlook.com {brand}.mx1.{brand}.iphmx.com mxa-{x}.gslb.pphosted.com
{brand}-com.mail.eo.outlook.com us-smtp-inbound-1.mimecast.com {brand}.com.s{d}a1.psmtp.com cluster{d}.us.messagelabs.com
selector1-{brand}-com._domainkey.{brand}.onmicrosoft.com {x}.dkim.amazonses.com k1._domainkey.mcsv.net
rr{d}---sn-{x}.googlevideo.com {x}.safeframe.googlesyndication.com lh{d}.googleusercontent.com {d}-courier.push.apple.com p{n}-contacts.icloud.com
{x}.fls.doubleclick.net {brand}.demdex.net {brand}.sc.omtrdc.net {brand}.tt.omtrdc.net {brand}.my.salesforce.com {brand}.lightning.force.com
{brand}.zendesk.com {brand}.atlassian.net {brand}.okta.com {brand}.sharepoint.com {brand}-my.sharepoint.com {brand}.service-now.com
{brand}.webex.com {brand}.zoom.us {brand}.slack.com {brand}.my.workday.com {brand}.wd5.myworkdayjobs.com
{brand}.statuspage.io {brand}.docusign.net {brand}.box.com {brand}.looker.com {brand}.splunkcloud.com {brand}.auth0.com
_ldap._tcp.dc._msdcs.corp.{brand}.example _dmarc.{brand}.com _spf.{brand}.com _mta-sts.{brand}.com _acme-challenge.www.{brand}.com
{d}.{d}.168.192.in-addr.arpa {d}.0.0.10.in-addr.arpa lb._dns-sd._udp.0.0.168.192.in-addr.arpa
{brand}.com.fritz.box www.{brand}.com.lan www.{brand}.com.home.arpa {brand}.com.attlocal.net
{x}.avts.mcafee.com {x}.avqs.mcafee.com {brand}.com.multi.uribl.com {brand}.com.multi.surbl.org {brand}.com.dbl.spamhaus.org
gitlab.{town}clinic.com jira.{town}clinic.com confluence.{town}clinic.com outlook.{town}clinic.com webmail.{town}clinic.com zimbra.{town}clinic.com
roundcube.{town}clinic.com sharepoint.{town}clinic.com citrix.{town}clinic.com vpn.{town}clinic.com autodiscover.{town}clinic.com cpanel.{town}clinic.com
""".split()
BRANDS = """paypal microsoft amazon apple netflix facebook google adobe walmart target chase citi hsbc dhl fedex ups samsung sony nike ikea
cisco intel dell oracle siemens bosch bbc cnn ebay airbnb booking uber spotify shopify stripe dropbox github gitlab atlassian zoom""".split()
TOWNS = "riverside lakewood hillcrest northgate seaview oakdale maplewood stonebridge fairview westbrook".split()


def hosts(data, suffixes):
    lines = set()
    for at, shape in enumerate(SHAPES):
        for brand in BRANDS[: 40 if "{brand}" in shape else 1]:
            x = order(shape + brand)
            lines.add(shape.format(brand=brand, n=1000 + int(x[:3], 16), d=1 + int(x[3], 16) % 9, x=x[:13], town=TOWNS[at % 10]))
    prefixes = "www mail cdn api static img login secure account m app shop blog docs support status assets mx1 ns1 autodiscover".split()
    sites = sample(names(data / "benign/chromium150_top_domains.list"), 1500) + sample(names(data / "benign/opendns_top10k_2014.txt"), 800)
    for name in sites:
        registrable = suffixes.registrable(name)
        if registrable == name and not suffixes.on_platform("x." + name):
            lines.add(f"{prefixes[int(order(name)[:4], 16) % len(prefixes)]}.{name}")
    for name in sample(names(data / "benign/usgov_2026.txt"), 150):
        lines.add("www." + name)
    found = sorted(it for it in lines if ascii_name(it))
    write("benign/hosts.txt", [
        "Full host names as a resolver sees them: sites with usual host labels, and hosts of edges, clouds, mail and business services in their documented shapes.",
        "Sources: Chromium 150 domains.list (BSD-3-Clause), OpenDNS public domain lists, cisagov/dotgov-data (CC0) for the sites; shapes compiled for this project.",
        "Notices in blocklists/NOTICE.md. " + DATE,
    ], found)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[1])
    suffixes = Suffixes(data / "suffix/public_suffix_list.dat")
    for build in (benign, other_scripts, vectors, hosts):
        build(data, suffixes)


if __name__ == "__main__":
    main()
