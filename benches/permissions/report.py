"""The table and the plot of a run."""

import statistics

WAYS = {
    "const": "without RLS, tenants in the query",
    "setting": "tenant_id = current_setting(…), one tenant only",
    "array": "hand-tuned, = ANY (ARRAY(SELECT …))",
    "in": "hand-tuned, IN (SELECT …)",
    "ours": "saas.has_tenant_permission, naive",
    "joins": "SQL function a row",
    "claims": "PL/pgSQL function a row",
}
COLOURS = {"const": "#8a8f98", "setting": "#b7bcc4", "array": "#4c78a8", "in": "#72b7b2", "ours": "#e45756", "joins": "#b279a2", "claims": "#d8b365"}


class Run:
    def __init__(self, rows):
        self.times = {}
        for tenants, query, way, run, ms in rows:
            self.times.setdefault((int(tenants), query, way), {})[int(run)] = float(ms)

    def questions(self):
        return list(dict.fromkeys((tenants, query) for tenants, query, _way in self.times))

    def median(self, tenants, query, way):
        times = self.times.get((tenants, query, way))
        return statistics.median(times.values()) if times else None

    def ratio(self, tenants, query, way, to):
        """The median of a way's time divided by the other's in the same round."""
        one, other = self.times.get((tenants, query, way)), self.times.get((tenants, query, to))
        if not one or not other:
            return None
        return statistics.median(one[run] / other[run] for run in one if run in other)

    def to_tuned(self, tenants, query):
        """Ours to the better of those tuned by hand."""
        ratios = [self.ratio(tenants, query, "ours", way) for way in ("array", "in")]
        return max((ratio for ratio in ratios if ratio is not None), default=None)


def milliseconds(ms):
    if ms is None:
        return ""
    if ms == float("inf"):
        return "> 30,000"
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}" if ms >= 0.1 else f"{ms:.3f}"


def times(ratio):
    return "" if ratio is None else f"{ratio:.2f}×"


def write(rows, cold, seen, clients, storms, count, version):
    run = Run(rows)
    lines = [
        "# What a permission check costs",
        "",
        f"Written by `make bench`: PostgreSQL {version}, {count:,} rows of 1,000 tenants, a user in 1, 20 and 1,000 of them, a release build.",
        "Medians in milliseconds. The ways take turns within each round; a ratio is the median over the rounds of the ratio in one round,",
        "so that what else the machine does at that time is in both.",
        "",
        "![Ratios to the best hand-tuned policy](permissions.svg)",
        "",
        "| tenants | query | " + " | ".join(WAYS.values()) + " | ours to the best tuned | ours to no RLS |",
        "|--:|---|" + "--:|" * (len(WAYS) + 2),
    ]
    for tenants, query in sorted(run.questions(), key=lambda question: question[0]):
        cells = [milliseconds(run.median(tenants, query, way)) for way in WAYS]
        cells += [times(run.to_tuned(tenants, query)), times(run.ratio(tenants, query, "ours", "const"))]
        lines.append(f"| {tenants:,} | {query} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "`prepared`: planned once; the others are planned each time. `sequential scan`: indexes switched off; without RLS it is filtered by",
        "`tenant_id = const`. The functions a row are asked once, for the user in 20 tenants.",
        "",
        "## A point look-up as a client sees it",
        "",
        "Medians in microseconds of a round trip over a socket (pgbench), within a request. A query that is planned each time pays for",
        "having a policy at all: PostgreSQL copies it into the query and plans with it, also the plainest one that there can be.",
        "",
        "| protocol | without RLS | policy tenant_id = '…' | saas.has_tenant_permission, naive | ours to no RLS | ours to the plainest policy |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for protocol in ("simple", "prepared"):
        without, plainest, ours = (clients[protocol, way] for way in ("const", "plainest", "ours"))
        cells = [f"{statistics.median(way):.1f}" for way in (without, plainest, ours)]
        cells += [f"{statistics.median(one / other for one, other in zip(ours, way)):.2f}×" for way in (without, plainest)]
        lines.append(f"| {protocol} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "## A cold cache",
        "",
        "The first check of a fresh backend, and the first after a change of the user's memberships, beside SQL in its place: the query",
        "that answers the same question about one tenant, and the one that lists all tenants of the user with this permission. A request",
        "that is not bound to a tenant loads all of them, one that is bound to a tenant loads that one.",
        "",
        "| | tenants | check, ms | SQL about one, ms | SQL about all, ms | to one | to all |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    of = {}
    for what, ms in cold:
        of.setdefault(what, []).append(float(ms))
    of = {what: statistics.median(all) for what, all in of.items()}
    for when, text in (("cold", "fresh backend"), ("again", "after a change")):
        for tenants in (1, 20, 1000):
            one, all = (of[f"{when}, {tenants} tenants: {way}"] for way in ("plain", "list"))
            for bound in ("", ", bound"):
                ours = of.get(f"{when}, {tenants} tenants{bound}: ours")
                if ours:
                    lines.append(f"| {text}{bound} | {tenants:,} | {ours:.3f} | {one:.3f} | {all:.3f} | {ours / one:.2f}× | {ours / all:.2f}× |")
    loading, loaded = (of[f"library: first call{how}"] for how in ("", ", preloaded"))
    lines += [
        "",
        f"Loading the library takes a backend {loading - loaded:.1f} ms more at its first call; with `session_preload_libraries` or",
        "`shared_preload_libraries = 'saas_core'` that is over before the first statement.",
        "",
        "## A revocation",
        "",
        f"{seen[2]:.0f} revocations while another session asks all the time: the first answer `false` is there {seen[0]:,.0f} µs after the revoking",
        f"session's COMMIT has returned (99 of 100: {seen[1]:,.0f} µs). Statements that began after it and were still allowed: {seen[3]:.0f}.",
        "",
        "## An invalidation storm",
        "",
        "One reader, each time a request of its own over two hours of documents, while two connections write.",
        "",
        "| meanwhile | writes a second | reader, median ms | 99 of 100, ms | requests a second |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, (median, slowest, tps, rate) in storms.items():
        lines.append(f"| {name} | {rate:,.0f} | {median:.2f} | {slowest:.2f} | {tps:,.0f} |")
    return "\n".join(lines) + "\n", plot(run)


def plot(run):
    """Bars of each query's ways, as ratios to the best that was tuned by hand, on a logarithmic scale."""
    questions = [(tenants, query) for tenants, query in sorted(run.questions(), key=lambda question: question[0]) if run.median(tenants, query, "array")]
    left, top, width, bar, gap = 230, 96, 620, 9, 12
    lowest, highest = 0.25, 16.0
    import math

    def x(ratio):
        share = math.log(min(max(ratio, lowest), highest) / lowest) / math.log(highest / lowest)
        return left + width * share

    body, y = [], top
    body.append(f'<text x="10" y="72">Time relative to the better of the two policies that are tuned by hand; to the left is faster. Query, tenants of the user:</text>')
    for tenants, query in questions:
        best = min(ms for ms in (run.median(tenants, query, way) for way in ("array", "in")) if ms)
        tuned = min((run.median(tenants, query, way), way) for way in ("array", "in") if run.median(tenants, query, way))[1]
        shown = [way for way in WAYS if run.median(tenants, query, way)]
        height = bar * len(shown)
        body.append(f'<text x="{left - 10}" y="{y + height / 2 + 4}" text-anchor="end">{query}, {tenants:,}</text>')
        for way in shown:
            ratio = run.ratio(tenants, query, way, tuned) if way in ("const", "setting", "array", "in", "ours") else run.median(tenants, query, way) / best
            start, end = sorted((x(1), x(ratio)))
            body.append(f'<rect x="{start:.1f}" y="{y}" width="{max(end - start, 1.5):.1f}" height="{bar - 1}" fill="{COLOURS[way]}"/>')
            if ratio > highest:
                label = "> 30 s" if ratio == float("inf") else f"{ratio:,.0f}×"
                body.append(f'<text x="{end + 4:.1f}" y="{y + bar - 2}" class="small">{label}</text>')
            y += bar
        y += gap
    grid = []
    for ratio in (0.25, 0.5, 1, 2, 4, 8, 16):
        strong = ' stroke="#333"' if ratio == 1 else ' stroke="#ddd"'
        grid.append(f'<line x1="{x(ratio):.1f}" x2="{x(ratio):.1f}" y1="{top - 8}" y2="{y}"{strong}/>')
        grid.append(f'<text x="{x(ratio):.1f}" y="{top - 12}" text-anchor="middle" class="small">{ratio:g}×</text>')
    legend, at = [], left - 220
    for place, (way, text) in enumerate(WAYS.items()):
        column, row = place % 3, place // 3
        legend.append(f'<rect x="{at + column * 310}" y="{10 + row * 18}" width="10" height="10" fill="{COLOURS[way]}"/>')
        legend.append(f'<text x="{at + column * 310 + 15}" y="{19 + row * 18}">{text}</text>')
    style = "text { font: 12px sans-serif; fill: #222 } .small { font-size: 10px }"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{y + 10}" viewBox="0 0 {left + width + 80} {y + 10}">'
        f"<style>{style}</style><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" + "\n".join(legend + grid + body) + "\n</svg>\n"
    )
