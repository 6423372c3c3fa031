"""Names for the comparison, the same on every machine: a million to block, ten thousand to allow, and a mix of both."""

import random

SEED = 5
BLOCKED, ALLOWED, ASKED = 1_000_000, 10_000, 50_000
BLOCKED_SHARE = 0.2
SYLLABLES = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "in")]
FRONTS = ["", "", "", "", "", "ad-", "cdn-", "track-", "media-", "pixel-", "shop-", "my-"]
SUFFIXES = ["com"] * 12 + ["net", "net", "org", "info", "xyz", "top", "site", "online", "de", "fr", "co.uk",
                           "com.br", "io", "ru", "cn", "shop", "club"]
HOSTS = ["", "", "", "www.", "www.", "cdn.", "img.", "api.", "m.", "a.b."]


def domain(rng):
    label = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 5)))
    number = str(rng.randint(0, 9999)) if rng.random() < 0.2 else ""
    return f"{rng.choice(FRONTS)}{label}{number}.{rng.choice(SUFFIXES)}"


def distinct(rng, count, taken):
    found = []
    while len(found) < count:
        name = domain(rng)
        if name not in taken:
            taken.add(name)
            found.append(name)
    return found


def make(folder):
    """Writes `list` (and the same for servers that need another form), and `mix`, what is asked; tells their paths and a
    blocked name."""
    rng, taken = random.Random(SEED), set()
    blocked = distinct(rng, BLOCKED, taken)
    allowed = [rng.choice(HOSTS) + it for it in distinct(rng, ALLOWED, taken)]
    hits = [rng.choice(HOSTS) + it for it in rng.sample(blocked, int(ASKED * BLOCKED_SHARE))]
    mix = [rng.choice(allowed) for _ in range(ASKED - len(hits))] + hits
    rng.shuffle(mix)
    head = "$TTL 3600\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n"

    def write(name, lines, before=""):
        with open(folder / name, "w") as file:
            file.write(before)
            file.writelines(it + "\n" for it in lines)

    write("list", blocked)
    write("list.rpz", (f"{it} CNAME .\n*.{it} CNAME ." for it in blocked), head)
    write("list.unbound", (f'local-zone: "{it}." always_nxdomain' for it in blocked))
    write("list.dnsmasq", (f"local=/{it}/" for it in blocked))
    write("mix", mix)
    return folder / "list", folder / "mix", blocked[-1]
