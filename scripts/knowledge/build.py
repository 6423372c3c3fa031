#!/usr/bin/env python3
"""Builds the generated files under blocklists/ from a directory of public lists.

Usage: build.py DATA owners|known-good|words|risky-tlds

DATA holds `brands/`, `benign/`, `phishing/` and `suffix/` with the public lists under the file names used below (blocklists/NOTICE.md
says where those come from that ship; the others serve only to measure risky-tlds).
brands.tsv, keywords.tsv, homoglyphs.tsv, infrastructure.tsv and carried.tsv are kept by hand.
"""
import collections
import json
import math
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
LISTS = HERE.parent.parent / "blocklists"
KNOWN_GOOD_MAX = 20_000
NAME = re.compile(r"^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$")


def ascii_name(text):
    """The name in lower-case A-labels, or None."""
    text = text.strip().strip(".").lower()
    if not text.isascii():
        try:
            text = text.encode("idna").decode()
        except UnicodeError:
            return None
    return text if NAME.match(text) and not re.fullmatch(r"[\d.]+", text) else None


class Suffixes:
    """The Public Suffix List: what a registrable domain is by the ICANN section."""

    def __init__(self, path):
        self.icann, self.private, section = set(), set(), None
        for line in path.read_text("utf-8").splitlines():
            if "BEGIN ICANN" in line:
                section = self.icann
            elif "BEGIN PRIVATE" in line:
                section = self.private
            rule = line.split("//")[0].strip()
            if rule and section is not None:
                try:
                    section.add(rule if rule.isascii() else rule.encode("idna").decode())
                except UnicodeError:
                    pass

    def suffix_len(self, labels):
        best = 1
        for at in range(len(labels)):
            rest = ".".join(labels[at:])
            if "!" + rest in self.icann:
                return len(labels) - at - 1
            if rest in self.icann or ".".join(["*", *labels[at + 1:]]) in self.icann:
                best = max(best, len(labels) - at)
        return best

    def registrable(self, name):
        labels = name.split(".")
        size = self.suffix_len(labels)
        return ".".join(labels[-size - 1:]) if len(labels) > size else None

    def on_platform(self, name):
        labels = name.split(".")
        return any(".".join(labels[at:]) in self.private or ".".join(["*", *labels[at + 1:]]) in self.private
                   for at in range(1, len(labels)))


def rows(path):
    """Lines of a file, comments and blank lines left out, split at tabs."""
    for line in path.read_text("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split("\t")


def names(path, column=0):
    for row in rows(path):
        if len(row) > column:
            name = ascii_name(row[column])
            if name:
                yield name


def write(file, head, lines):
    text = "".join(f"# {it}\n" for it in head) + "".join(f"{it}\n" for it in lines)
    (LISTS / file).write_text(text, "utf-8")
    print(f"{file}: {len(lines)}")


def brands():
    return [(label, domains.split(","), owner) for label, domains, owner, *_ in rows(LISTS / "brands.tsv")]


def shared(suffixes):
    """Suffixes of the private section that no platform table classes: below them stands who registered there, not their owner.

    Names under a classed platform are judged tenant by tenant, so its owner may own it.
    """
    platforms = {row[0] for path in sorted((LISTS / "platforms").glob("*.tsv")) for row in rows(path)}
    return suffixes.private - platforms


# Lists of v2fly/domain-list-community by owner, where the list is not named like a label.
LISTS_OF = {
    "agilebits": "1Password", "alphabet": "Google", "amazontrust": "Amazon", "apple-dev": "Apple", "apple-music": "Apple",
    "apple-pki": "Apple", "apple-podcasts": "Apple", "apple-tvplus": "Apple", "apple-update": "Apple", "att": "AT&T",
    "aws": "Amazon", "beats": "Apple", "bing": "Microsoft", "boc": "Bank of China", "bytedance": "ByteDance",
    "cbs": "Paramount", "ccb": "China Construction Bank", "citic": "CITIC", "cmb": "China Merchants Bank", "ctrip": "Trip.com",
    "docker": "Docker", "ea": "Electronic Arts", "facebook-dev": "Meta", "firebase": "Google", "gaijin": "Gaijin",
    "globo": "Globo", "gmo-internet": "GMO", "google-gemini": "Google", "google-play": "Google",
    "google-scholar": "Google", "google-trust-services": "Google", "googlefcm": "Google", "hbo": "Warner Bros. Discovery",
    "hp": "HP", "huaweicloud": "Huawei", "icloudprivaterelay": "Apple", "ibkr": "Interactive Brokers",
    "internet-archive": "Internet Archive", "jd": "JD.com", "kindle": "Amazon", "mailru-group": "VK", "mdn": "Mozilla",
    "microsoft-dev": "Microsoft", "microsoft-pki": "Microsoft", "nbcuniversal": "Comcast", "netease": "NetEase",
    "ok": "VK", "origin": "Electronic Arts", "ozon": "Ozon", "progress": "Progress", "python": "Python Software Foundation",
    "qcloud": "Tencent", "raiffeisenbank": "Raiffeisen", "riot": "Riot Games", "rockstar": "Take-Two", "sber": "Sberbank",
    "sf-express": "SF Express", "signal": "Signal", "sina": "Sina", "snap": "Snap", "squareup": "Block",
    "stackexchange": "Stack Overflow", "symantec-pki": "Broadcom", "t2-ru": "Tele2", "take-two": "Take-Two",
    "tencent-games": "Tencent", "tencent-tme": "Tencent", "vk": "VK", "x": "X Corp.",
    "xai": "X Corp.", "xiaomi-ai": "Xiaomi", "xiaomi-iot": "Xiaomi", "kakao": "Kakao", "activision-blizzard": "Microsoft",
    "mihoyo-cn": "HoYoverse",
}
# Lists that share a label's name and nothing else.
NOT_LISTS = {"dcard", "connectivity-check", "raiffeisenbank-cz"}


def owners(data, suffixes):
    """brands.tsv's owners with every other domain that they are known to hold."""
    owner_of_label = {label: owner for label, _, owner in brands()}
    owner_of = {}
    for _, domains, owner in brands():
        for domain in domains:
            registrable = suffixes.registrable(domain)
            if registrable:
                owner_of[registrable] = owner
    # By domain, the owners that a source names, each with the size of the list it stands in: the smaller list knows better.
    found = collections.defaultdict(dict)

    def hold(domain, owner, size):
        found[domain][owner] = min(size, found[domain].get(owner, size))

    sizes = collections.Counter(name for name, _ in rows(data / "brands/v2fly_owner_domains.tsv"))
    for name, domain in rows(data / "brands/v2fly_owner_domains.tsv"):
        owner = LISTS_OF.get(name) or owner_of_label.get(name.replace("-", ""))
        domain = ascii_name(domain)
        if owner and name not in NOT_LISTS and domain and suffixes.registrable(domain) == domain:
            hold(domain, owner, sizes[name])
    for entry in json.loads((data / "brands/apple_shared_credentials.json").read_text("utf-8")):
        group = {suffixes.registrable(it) for key in ("shared", "from", "to") for it in entry.get(key, [])} - {None}
        holders = {owner_of[it] for it in group if it in owner_of}
        if len(holders) == 1:
            for domain in group:
                hold(domain, *holders, 1)
    for row in rows(data / "brands/twofactorauth_2026.tsv"):
        main = suffixes.registrable(row[0])
        for domain in (it for it in row[3].split(",") if it and main in owner_of):
            registrable = suffixes.registrable(domain)
            if registrable:
                hold(registrable, owner_of[main], 1)
    for owner, domains in rows(HERE / "owners.tsv"):
        for domain in domains.split():
            hold(domain, owner, 1)
    # A suffix that others register or host under says nothing of who owns the names below it.
    foreign = shared(suffixes) | {row[0] for row in rows(LISTS / "infrastructure.tsv")} | {row[0] for row in rows(HERE / "not-owned.txt")}
    # Blogs under a country's suffix are in no platform table.
    foreign |= {domain for name, domain in rows(data / "brands/v2fly_owner_domains.tsv") if name == "blogspot"}
    lines = []
    for domain, holders in found.items():
        if domain not in owner_of and domain not in foreign:
            lines.append(f"{min(holders, key=lambda it: (holders[it], it))}\t{domain}")
    write("owners.tsv", [
        "Other domains of the companies behind the names in brands.tsv, defensive registrations included: owner, domain.",
        "Domains that brands.tsv names are not repeated; registry and infrastructure suffixes are left out.",
        "Sources: v2fly/domain-list-community (MIT), apple/password-manager-resources (MIT), 2factorauth/twofactorauth (MIT),",
        "and facts gathered for this project (scripts/knowledge/owners.tsv); notices in NOTICE.md. Date: 2026-11-24.",
    ], sorted(lines, key=lambda it: it.split("\t")))


EXEMPT = re.compile(r"(^|\.)((gov|mil|edu|int)|(gov|gob|gouv|gub|govt|go|mil|edu|ac|sch)\.[a-z]{2})$")


def known_good(data, suffixes):
    """Sites in wide use, most valuable first, cut at the limit."""
    taken = {row[1] for row in rows(LISTS / "owners.tsv")}
    for _, domains, _ in brands():
        taken |= {suffixes.registrable(it) for it in domains}
    score = collections.Counter()

    def add(path, weight, column=0):
        seen = set()
        for at, name in enumerate(names(data / path, column)):
            registrable = suffixes.registrable(name)
            if registrable and registrable not in seen:
                seen.add(registrable)
                score[registrable] += weight(at)

    add("benign/chromium150_top_domains.list", lambda at: 6 if at < 836 else 4)
    add("benign/misp_majestic_million_2023-10.txt", lambda _: 3)
    add("brands/twofactorauth_2026.tsv", lambda _: 4)
    add("brands/misp_bank_website.txt", lambda _: 3.5)
    add("benign/opendns_top10k_2014.txt", lambda at: 2.5 if at < 3000 else 1)
    add("benign/opendns_random10k_2014.txt", lambda _: 0.5)
    for entry in json.loads((data / "brands/apple_shared_credentials.json").read_text("utf-8")):
        for domain in {it for key in ("shared", "from", "to") for it in entry.get(key, [])}:
            score[suffixes.registrable(domain) or domain] += 2
    more = {suffixes.registrable(it) for it in names(data / "benign/china_accelerated_2026.txt")}
    for domain in more & set(score):
        score[domain] += 0.5
    drop = {row[0] for row in rows(HERE / "not-known-good.txt")} | shared(suffixes)
    ranked = sorted((-points, domain) for domain, points in score.items()
                    if domain not in taken and domain not in drop and not EXEMPT.search(domain))
    write("known-good.txt", [
        "Sites in wide use: registrable domains, one a line. Domains of brands.tsv and owners.tsv are not repeated.",
        "Sources: Chromium 150 domains.list (BSD-3-Clause; made from the Chrome UX Report, CC BY-SA 4.0), Majestic Million (CC BY 3.0),",
        "OpenDNS public domain lists, 2factorauth/twofactorauth (MIT), apple/password-manager-resources (MIT), MISP bank-website (CC0);",
        "notices in NOTICE.md. Date: 2026-11-24.",
    ], sorted(domain for _, domain in ranked[:KNOWN_GOOD_MAX]))


def words(data, _):
    """The segmentation dictionary without brands that are no words."""
    plain = {label for label, *_, flags in (row for row in rows(LISTS / "brands.tsv")) if "common" not in flags.split(",")}
    own = {row[0] for row in rows(LISTS / "keywords.tsv")}
    more = {row[0] for row in rows(HERE / "words.txt")}
    found = {it[0].strip().lower() for it in rows(data / "brands/chromium_common_words_10k.txt")} | more | own
    write("words.txt", [
        "Words that a label is split into: common words and keywords, brands that are no words left out.",
        "Sources: Chromium 150 common words (BSD-3-Clause, from P. Norvig's word counts, MIT), keywords.tsv; notices in NOTICE.md. Date: 2026-11-24.",
    ], sorted(it for it in found if re.fullmatch(r"[a-z0-9]{3,}", it) and it not in plain))


PHISHING = ("openphish_2024-10_2025-12.tsv", "jpcert_2019_2023.tsv", "jarelllama_light_2025.tsv", "discord_antiscam_2026.tsv",
            "discord_nikolaischunk_2024.tsv", "cryptoscamdb_2022.tsv", "pdd_phishtank_2019.tsv", "durablenapkin_2026.tsv")
# One registry's cheap suffixes, and suffixes made for lures: graded 1 where the collections are too small to tell.
RISKY_BY_KIND = """accountant autos beauty bid boats bond cricket date download faith gdn hair homes icu lat loan lol makeup men mom
motorcycles party qpon quest racing review rest sbs science skin stream trade webcam win yachts gift gifts claims claim refund""".split()


def risky_tlds(data, suffixes):
    """Suffixes by lift: their share among deceptive names over their share among sites in use."""
    used, total = collections.Counter(), 0
    for path, column in (("benign/cloudflare_radar_2026-08_halfA.tsv", 1), ("benign/adblock_sites_dev.txt", 0)):
        for name in names(data / path, column):
            used[name.rsplit(".", 1)[1]] += 1
            total += 1
    lifts, seen = collections.defaultdict(list), collections.Counter()
    for file in PHISHING:
        sites = {suffixes.registrable(it) for it in names(data / "phishing" / file, 1) if not suffixes.on_platform(it)} - {None}
        count = collections.Counter(it.rsplit(".", 1)[1] for it in sites)
        for tld in set(count) | set(used):
            expected = (used[tld] + 4) / (total + 4000) * len(sites)
            lifts[tld].append(math.log((count[tld] + 1) / (expected + 1)))
            seen[tld] += count[tld]
    graded = {}
    for tld, values in lifts.items():
        mean = sum(values) / len(PHISHING)
        sources = sum(value > math.log(2) for value in values)
        if (len(tld) > 2 or tld in ("tk", "ml", "ga", "cf", "gq", "cc", "pw", "ws", "cm", "su")) and seen[tld] >= 25 and sources >= 2:
            grade = 3 if mean > 1.2 and sources >= 4 else 2 if mean > 0.6 and sources >= 3 else 1 if mean > 0.2 or sources >= 3 else 0
            if grade:
                graded[tld] = grade
    for tld in RISKY_BY_KIND:
        graded.setdefault(tld, 1)
    for tld in ("net", "org", "com", "app", "dev", "edu", "gov"):
        graded.pop(tld, None)
    write("risky-tlds.txt", [
        "Suffixes under which deceptive names are registered more often than sites in use: suffix, grade (3 far more, 2 much more, 1 more).",
        "By lift over eight public phishing collections: the share among their registrable domains, platforms left out, over the share among sites in use.",
        "Source: measured for this project (scripts/knowledge/build.py). Licence: as the project. Date: 2026-11-24.",
    ], [f"{tld}\t{graded[tld]}" for tld in sorted(graded)])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[1])
    suffixes = Suffixes(data / "suffix/public_suffix_list.dat")
    build = {"owners": owners, "known-good": known_good, "words": words, "risky-tlds": risky_tlds}[sys.argv[2]]
    build(data, suffixes)


if __name__ == "__main__":
    main()
