"""docs/naming.md: what tables are called and why, with the list of what saas.create_domain_views makes."""

import json
import re

from catalog import joined, psql

PAGE = """\
# Names

Tables have the names that the product's people use, in the schema `saas`: `tenants`, `users`, `projects`. Where a name needs
a prefix, it says whose the rows are or where they come from:

| prefix | rows are |
|---|---|
| `tenant_` | a tenant's, and about its members, invitations, subscription and credits |
| `payment_` | what a payment provider knows too: customers, invoices, events, one-time payments |
| `usage_` | counted use, from the event to its fee |
| `platform_`, `system_` | the platform's, never a tenant's |
| `user_`, `personal_`, `privacy_` | about a person, and what was promised to him |

Columns: `id` is a row's own key and `<thing>_id` another's; `…_at` is a moment; amounts are minor units, and their currency stands
beside them or is the tenant's; `…_hash` is of a secret that is not stored; `is_…` is a boolean; `key` is what people and programs call
a thing by.

Functions are verbs (`create_tenant`, `record_usage`); what begins with `has_` or `current_` answers and changes nothing, `require_`
raises unless. A policy begins with the kind of access that it is for (`app_read`), a trigger with `trg_`.

## Names by domain

Some prefer each table under the prefix of its domain: `billing_invoices` beside `billing_plans`, `iam_roles` beside
`iam_permissions`. As views, in a schema that you name:

```sql
SELECT * FROM saas.create_domain_views('domain');
SELECT name FROM domain.billing_plans WHERE key = 'free';
--> Free
```

It returns the list below, and may be called again at any time: after an upgrade, or when you have added columns. The views are
`security_invoker`: they open nothing, row-level security is that of the table, and who may read or write the table may do so through
the view; `grant_access` and `revoke_access` keep that so. Simple as they are, they take INSERT, UPDATE and DELETE. Columns that no kind of access may
read (hashes of secrets) are not in them. `saas` stays what functions and documentation speak of.

The names are those that the product's design proposed for its tables (`iam_roles` where it had slipped into `iamRoles`; `"user"` has to be
quoted), and the same prefixes for their siblings that came later. What had a good name keeps it.

| view | table | columns under another name |
|---|---|---|
"""
QUERY = """
CREATE TEMP TABLE made AS SELECT * FROM saas.create_domain_views('names');
SELECT coalesce(jsonb_agg(jsonb_build_object('view', view_name, 'table', table_name, 'definition',
                                             pg_get_viewdef(to_regclass('names.' || quote_ident(view_name)))) ORDER BY view_name), '[]')
  FROM made;
"""


def pages(catalog, database):
    views = json.loads(psql(database, script="SET SESSION AUTHORIZATION saas_owner;" + QUERY))
    domains = {table["name"]: table["domain"] for table in catalog.tables}
    lines = [PAGE.rstrip()]
    for domain in catalog.domains:
        for view in views:
            if domains[view["table"]] == domain:
                name = '"user"' if view["view"] == "user" else view["view"]
                columns = [f"`{new}` ({old})" for old, new in re.findall(r"(\w+) AS (\w+)", view["definition"])]
                lines.append(f"| `{name}` | {view['table']} | {', '.join(columns)} |")
    yield "naming.md", joined(lines)
