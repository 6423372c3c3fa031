"""The picture of latencies: three panels (half, 99 % and 99.9 % of answers), a line for each server."""

import math

COLOURS = {"echo": "#888888", "squint": "#d62728", "unbound": "#1f77b4", "dnsdist": "#2ca02c", "pdns": "#9467bd",
           "knot": "#8c564b"}
PANELS = [("p50", "half of the answers"), ("p99", "99 % of the answers"), ("p999", "99.9 % of the answers")]
WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 260, 60, 50, 30
LOW, HIGH = 20, 100_000


def draw(lines, subtitle):
    """`lines`: by server, pairs of a rate and the figures at it, in microseconds."""
    rates = [rate for points in lines.values() for rate, _ in points]
    most = max(rates, default=1)
    total = LEFT + 3 * (WIDTH + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {HEIGHT + 130}" font-family="sans-serif" font-size="12">',
             f'<rect width="{total}" height="{HEIGHT + 130}" fill="white"/>',
             '<text x="10" y="18" font-size="15">How long an answer takes from the cache, by queries a second</text>',
             f'<text x="10" y="34" fill="#555">{subtitle}; one core for the server</text>']

    def y(micros):
        share = math.log(min(max(micros, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
        return TOP + HEIGHT * (1 - share)

    for panel, (key, title) in enumerate(PANELS):
        left = LEFT + panel * (WIDTH + GAP)
        parts.append(f'<text x="{left}" y="{TOP + HEIGHT + 34}">{title} within</text>')
        for micros, label in [(100, "0.1 ms"), (1_000, "1 ms"), (10_000, "10 ms"), (100_000, "100 ms")]:
            parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y(micros):.1f}" y2="{y(micros):.1f}" stroke="#ddd"/>')
            if panel == 0:
                parts.append(f'<text x="{left - 6}" y="{y(micros) + 4:.1f}" text-anchor="end">{label}</text>')
        for rate in sorted(set(rates))[::2]:
            x = left + WIDTH * rate / most
            parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{rate // 1000}k</text>')
        for name, points in lines.items():
            at = " ".join(f"{left + WIDTH * rate / most:.1f},{y(got[key]):.1f}" for rate, got in points if key in got)
            width = 2.5 if name == "squint" else 1.5
            parts.append(f'<polyline points="{at}" fill="none" stroke="{COLOURS.get(name, "black")}" stroke-width="{width}"/>')
    for place, name in enumerate(lines):
        x = LEFT + place * 120
        colour = COLOURS.get(name, "black")
        parts.append(f'<rect x="{x}" y="{HEIGHT + 104}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{HEIGHT + 110}">{"Squint" if name == "squint" else name}</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)
