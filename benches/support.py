"""What the benchmarks of usage and of the close share: psql, medians, tables and plots."""

import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUICK = "QUICK" in os.environ


def psql(text, database, role="postgres", variables=()):
    env = os.environ | {"PGDATABASE": database, "PGUSER": role, "PGOPTIONS": "-c client_min_messages=error"}
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    for name, value in variables:
        command += ["-v", f"{name}={value}"]
    done = subprocess.run(command, env=env, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr + text[:2000])
    return done.stdout.strip()


def make_database(name):
    subprocess.run([ROOT / "scripts" / "template", name], check=True)


def write_to_disk(database):
    """The throw-away server of the tests doesn't wait for the disk; a real one does, and so does this one from now on."""
    for setting in ("fsync = on", "synchronous_commit = on", "full_page_writes = on", "max_wal_size = '8GB'"):
        psql(f"ALTER SYSTEM SET {setting}", database)
    psql("SELECT pg_reload_conf()", database)


def ratio(one, other):
    """The median over the rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(one, other))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(cells) + " |" for cells in rows]


def bars(title, rows, ends=("slower", "faster"), most=4.0):
    """A bar a ratio, from 1 to the left or to the right. rows: (label, ratio, what is asked for or None)."""
    left, top, width, height = 330, 60, 420, 18

    def x(value):
        return left + width * min(value, most) / most

    body = []
    for place, (label, value, wanted) in enumerate(rows):
        y = top + place * height
        start, end = sorted((x(1), x(value)))
        body.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{label}</text>')
        body.append(f'<rect x="{start:.1f}" y="{y + 2}" width="{max(end - start, 1.5):.1f}" height="{height - 5}" fill="#e45756"/>')
        body.append(f'<text x="{max(end, x(1)) + 5:.1f}" y="{y + 12}" class="small">{value:.2f}×</text>')
        if wanted:
            body.append(f'<line x1="{x(wanted):.1f}" x2="{x(wanted):.1f}" y1="{y}" y2="{y + height - 1}" stroke="#4c78a8" stroke-width="2"/>')
    bottom = top + len(rows) * height
    grid = [f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="{top - 6}" y2="{bottom}" stroke="#333"/>']
    grid.append(f'<text x="{x(1):.1f}" y="{top - 10}" text-anchor="middle" class="small">1×: as plain SQL</text>')
    grid.append(f'<text x="{left}" y="{top - 10}" class="small">{ends[0]}</text>')
    grid.append(f'<text x="{left + width}" y="{top - 10}" text-anchor="end" class="small">{ends[1]}</text>')
    style = "text { font: 12px sans-serif; fill: #222 } .small { font-size: 10px }"
    total = left + width + 60
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{bottom + 10}" viewBox="0 0 {total} {bottom + 10}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="white"/>\n<text x="10" y="20">{title}</text>\n'
        + "\n".join(grid + body)
        + "\n</svg>\n"
    )


def keep(name, text, plot):
    if not QUICK:
        folder = ROOT / "docs" / "benchmarks"
        (folder / f"{name}.md").write_text(text)
        (folder / f"{name}.svg").write_text(plot)
