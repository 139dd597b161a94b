"""What the demo's workspaces owe, counted again from its files and from the plans as they are advertised.

Nothing here comes from the database: amounts are decimals of minor units, rounded once a line, half away from zero.
"""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

# Hours ahead of UTC in January and February 2026: no clock in these zones changes then.
AHEAD = {"UTC": 0, "America/New_York": -5, "Europe/Berlin": 1, "Asia/Kolkata": 5.5, "Asia/Tokyo": 9}
MONTHS = {1: (date(2026, 1, 1), date(2026, 2, 1)), 2: (date(2026, 2, 1), date(2026, 3, 1))}
WELCOME = {"Acme": 1000}

# (plan, currency) → price, price of a seat, seats included
BASE = {
    ("plus", "USD"): (2000, 0, 1),
    ("plus", "JPY"): (3000, 0, 1),
    ("team", "USD"): (1000, 800, 3),
    ("scale", "USD"): (9900, 0, 1),
}
# (plan, currency, feature) → units included, price of those beyond
METERED = {
    ("plus", "USD", "project.create"): (1000, lambda units: units * Decimal(10)),
    ("plus", "JPY", "project.create"): (1000, lambda units: units * Decimal(15)),
    ("team", "USD", "project.create"): (500, lambda units: units * Decimal(12)),
    ("scale", "USD", "project.create"): (50, lambda units: units * Decimal("2.5")),
    ("scale", "USD", "api.call"): (5000, lambda units: (
        units * Decimal("0.5") if units <= 10000 else 10000 * Decimal("0.5") + 100 + (units - 10000) * Decimal("0.25"))),
}


def rounded(amount):
    return int(Decimal(amount).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass
class Workspace:
    zone: str
    currency: str
    plan: str
    seats: int
    starts: date | None
    customer: str
    balance: int = 0
    # (month, feature) → units: those in time, and those that came after their month was closed
    units: dict = field(default_factory=lambda: defaultdict(int))
    late: dict = field(default_factory=lambda: defaultdict(int))


def read(folder):
    workspaces = {}
    with open(folder / "tenants.csv", newline="") as file:
        for row in csv.DictReader(file):
            starts = date.fromisoformat(row["starts_on"]) if row["starts_on"] else None
            workspaces[row["tenant"]] = Workspace(
                row["time_zone"], row["currency"], row["plan"], int(row["seats"]), starts, row["customer"],
                WELCOME.get(row["tenant"], 0))
    seen = set()
    with open(folder / "usage.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in [r for r in rows if r["arrives"] == "january"] + [r for r in rows if r["arrives"] == "february"]:
        event = row["tenant"], row["event_id"]
        if event in seen:
            continue
        seen.add(event)
        workspace = workspaces[row["tenant"]]
        utc = datetime.strptime(row["occurred_at"], "%Y-%m-%dT%H:%M:%SZ")
        month = (utc + timedelta(hours=AHEAD[workspace.zone])).month
        late = month == 1 and row["arrives"] == "february"
        (workspace.late if late else workspace.units)[month, row["feature_key"]] += int(row["units"])
    return workspaces


def top_ups(folder):
    """customer → amount, each payment once."""
    payments = {}
    for path in (folder / "events").glob("*.json"):
        event = json.loads(path.read_text())
        if event["type"] == "payment_intent.succeeded":
            payments[event["id"]] = event["data"]["object"]
    return [(payment["customer"], payment["amount_received"]) for payment in payments.values()]


def lines(workspace, month):
    """kind → amount, before credits."""
    begin, end = MONTHS[month]
    days, length = (end - max(begin, workspace.starts)).days, (end - begin).days
    base, seat, included_seats = BASE[workspace.plan, workspace.currency]
    result = {
        "subscription": rounded(Decimal(base * days) / length),
        "seat": rounded(Decimal(seat * max(0, workspace.seats - included_seats) * days) / length),
        "usage": 0,
        "adjustment": 0,
    }
    for (plan, currency, feature), (included, price) in METERED.items():
        if (plan, currency) != (workspace.plan, workspace.currency):
            continue

        def fee(units):
            return rounded(price(Decimal(max(0, units - included))))

        result["usage"] += fee(workspace.units[month, feature])
        if month == 2:
            billed = workspace.units[1, feature]
            result["adjustment"] += fee(billed + workspace.late[1, feature]) - fee(billed)
    return result


def recount(folder):
    """(workspace, month) → kind → amount, with `credit` and `total`; workspace → credit that is left;
    "workspace feature month" → units used, billed or not."""
    workspaces = read(folder)
    invoices = {}
    for month in MONTHS:
        for name, workspace in workspaces.items():
            if workspace.starts is None:
                continue
            invoice = lines(workspace, month)
            owed = sum(invoice.values())
            credit = min(owed, workspace.balance)
            workspace.balance -= credit
            invoices[name, month] = {**invoice, "credit": -credit, "total": owed - credit}
        if month == 1:
            for customer, amount in top_ups(folder):
                for workspace in workspaces.values():
                    workspace.balance += amount if workspace.customer == customer else 0
    used = defaultdict(int)
    for name, workspace in workspaces.items():
        for (month, feature), units in [*workspace.units.items(), *workspace.late.items()]:
            used[f"{name} {feature} {month}"] += units
    balances = {name: workspace.balance for name, workspace in workspaces.items()}
    return invoices, balances, {key: units for key, units in used.items() if units}
