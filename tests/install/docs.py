"""Plays docs/install.md: every sample, from top to bottom."""

import re
import tempfile

from adopt import LEFT
from support import ROOT, Database, Failure, check, equal


def run(cluster):
    samples = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "docs" / "install.md").read_text(), re.M | re.S)
    check("docs/install.md has samples", len(samples) >= 10)
    shop = Database(cluster, "shop")
    with tempfile.TemporaryDirectory() as folder:
        for language, text in samples:
            title = " ".join(text.splitlines()[-1].split())[:60]
            if "DROP EXTENSION" in text or "pg_depend" in text:
                shop.sql("CREATE TABLE IF NOT EXISTS notes (id uuid DEFAULT saas.uuid_v7(), tenant_id uuid REFERENCES saas.tenants);"
                         "DROP POLICY IF EXISTS read ON notes; CREATE POLICY read ON notes USING (saas.has_tenant_permission(tenant_id, 'tenant.read'))", "shop_owner")
            if text.startswith("DROP SCHEMA"):
                later(cluster, shop)
            try:
                if language == "sh":
                    output = cluster.run("bash", "-e", "-o", "pipefail", "-c", text, cwd=folder)
                else:
                    output = shop.sql(text, "shop_owner" if text.startswith("-- as shop_owner") else "postgres")
                check(f"sample: {title}", True)
            except Failure as failure:
                check(f"sample: {title}", False, str(failure))
                continue
            if "pg_depend" in text:
                equal("what goes with the extension", output, "default value|for public.notes.id\npolicy|read on public.notes")
    equal("after the last sample nothing is left", shop.sql(LEFT), "0|0|0|0|0|0")
    equal("but the user's own table", shop.sql("SELECT count(*) FROM notes"), "0")
    for name in ("shop_restored", "shop_copy", "shop_empty"):
        Database(cluster, name).drop()
    equal("the application's roles can be dropped", Database(cluster, "shop").state("DROP ROLE shop_app; DROP ROLE shop_worker")[0], "00000")
    shop.drop()
    Database(cluster, "postgres").sql("DROP ROLE shop_owner")


def later(cluster, shop):
    """How things are before the last sample."""
    for name in ("shop_restored", "shop_copy"):
        restored = Database(cluster, name)
        equal(f"{name} is whole", restored.sql("SELECT count(*), (SELECT string_agg(role_id || ' ' || kind, ', ') FROM saas.access_grants) FROM saas.roles"), "7|shop_app app")
        equal(f"{name} needs no install()", restored.sql("SELECT saas.install(); SELECT count(*) FROM saas.platform_audit_logs WHERE action = 'roles.insert'", "shop_owner"), "0")
    equal("shop_empty is seeded", Database(cluster, "shop_empty").sql("SELECT count(*) FROM saas.roles"), "7")
    equal("shop was adopted", shop.sql("SELECT count(*) > 10 FROM pg_policies WHERE 'shop_app' = ANY (roles)"), "t")
    # The documented limits are real.
    shop.sql("INSERT INTO saas.users (email) VALUES ('a@example.com')", "shop_owner")
    target = cluster.database("shop_limits", owner="shop_owner", extension=False)
    dump = cluster.run("pg_dump", "--enable-row-security", "--inserts", "-d", "shop")
    try:
        target.sql(dump)
        outcome = "restored"
    except Failure as failure:
        outcome = failure.state
    equal("a dump with --enable-row-security does not come back", outcome, "42P07")
    target.drop()
