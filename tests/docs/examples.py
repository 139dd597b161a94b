"""The example of each function's comment, run in the world of world.sql as the database role of the kind that it names."""

import hashlib
import hmac
import json
import re
import time

from support import HERE  # noqa: I001
from catalog import Catalog, create_database, described, drop_database, psql

WORLD = "docs_world"
ONE_CALL = "docs_call"
# What has begun when an example runs.
BEGUN = {"app": "SELECT saas.begin_request(:'alice_token', :'acme') \\g /dev/null\n",
         "admin": "SELECT saas.begin_request(:'root_token') \\g /dev/null\n"}
VARIABLES = ["acme", "globex", "alice", "bob", "carol", "root", "sam", "alice_token", "carol_token", "alice_jwt", "root_token", "session", "draft", "invoice",
             "emergency", "impersonation", "credit_note"]


# What world.sql adds as Stripe's secret, and an event that Stripe would send.
WEBHOOK_SECRET = "whsec_0123456789abcdef0123456789abcdef"
WEBHOOK_BODY = '{"id": "evt_9", "type": "customer.updated"}'


def signed(body):
    """The headers of a webhook from Stripe, signed now."""
    at = int(time.time())
    signature = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return json.dumps({"Stripe-Signature": f"t={at},v1={signature}"})


def outcome(database, kind, example, settings, transaction):
    """SQLSTATE and message of the first statement that fails; 00000 if none does."""
    statements = [BEGUN.get(kind, ""), example.rstrip().rstrip(";") + ";\n"]
    if transaction:
        statements = ["BEGIN;\n", *statements, "ROLLBACK;\n"]
    script = f"SET SESSION AUTHORIZATION saas_{kind};\n\\set ON_ERROR_STOP 1\n\\set VERBOSITY verbose\n" + "".join(statements)
    try:
        psql(database, *settings, script=script)
        return "00000"
    except RuntimeError as failure:
        found = re.search(r"(?:ERROR|FATAL):  (\w{5}: .*)", str(failure))
        return found[1] if found else str(failure)


def run():
    create_database(WORLD)
    made = psql(WORLD, script="SET SESSION AUTHORIZATION saas_owner;\n" + (HERE / "world.sql").read_text()
                + "".join(f"\\echo {name} :{name}\n" for name in VARIABLES))
    values = dict(line.split(" ", 1) for line in made.splitlines() if line)
    values |= {"webhook_headers": signed(WEBHOOK_BODY), "webhook_body": WEBHOOK_BODY}
    settings = [part for name, value in values.items() for part in ("-v", f"{name}={value}")]
    yield "the world has no broken invariant", psql(WORLD, "-c", "SELECT * FROM saas.check_invariants()").strip()
    for function in Catalog(WORLD).functions:
        parts = described(function)
        if not parts:
            continue
        what = f"{function['name']}({function['identity']}) as {parts['kind']}"
        if re.search(r"\bCALL\b", parts["example"]):
            # A procedure commits: in a world of its own, without a transaction around it.
            drop_database(ONE_CALL)
            psql("postgres", "-c", f"CREATE DATABASE {ONE_CALL} TEMPLATE {WORLD} OWNER saas_owner")
            state = outcome(ONE_CALL, parts["kind"], parts["example"], settings, False)
            drop_database(ONE_CALL)
        else:
            state = outcome(WORLD, parts["kind"], parts["example"], settings, True)
        yield what, "" if state == "00000" else f"{parts['example']}\n{state}"
    drop_database(WORLD)
