//! Who reads which rows: every table, in a database with two tenants, by everybody.
//!
//! `CASES` is the table of the SQL contract once more. What it says is turned into plain SQL over
//! memberships and assignments and compared with what each person really reads.

use postgres::{Client, GenericClient};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, one};
use uuid::Uuid;

/// Whose rows a role may read. Without a context it reads none, but for `All`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rows {
    /// Of tenants where he has the permission.
    Tenant(&'static str),
    /// With this column naming himself.
    Own(&'static str),
    /// All of them with the platform permission, else those that name him in the column.
    Platform(&'static str, Option<&'static str>),
    /// Himself, and the members of tenants where he has tenant.read.
    Colleagues,
    /// Everything, but of other tenants nothing: the catalog's own tenant column, by a look-up.
    Catalog(Option<&'static str>),
    /// Everything, with any context.
    AllInContext,
    /// Everything, without a context too.
    All,
    /// Not even the table: 42501.
    Nobody,
}
use Rows::{All, AllInContext, Catalog, Colleagues, Nobody, Own, Platform, Tenant as In};

struct Case {
    table: &'static str,
    /// Kinds app and gateway.
    app: Rows,
    admin: Rows,
    auditor: Rows,
    worker: Rows,
}

const READ: &str = "platform.tenant.read";
const MONEY: &str = "platform.billing.adjust";
const SECURITY: &str = "platform.security.view";

const fn case(table: &'static str, app: Rows, admin: Rows) -> Case {
    Case { table, app, admin, auditor: Nobody, worker: Nobody }
}

const fn audited(table: &'static str, app: Rows, admin: Rows) -> Case {
    Case { table, app, admin, auditor: All, worker: Nobody }
}

const fn for_worker(table: &'static str, app: Rows, admin: Rows) -> Case {
    Case { table, app, admin, auditor: Nobody, worker: All }
}

const CASES: &[Case] = &[
    case("tenants", In("tenant.read"), Platform(READ, None)),
    case("tenant_members", In("tenant.read"), Platform(READ, None)),
    case("tenant_invitations", In("member.invite"), Platform(READ, None)),
    case("projects", In("tenant.read"), Platform(READ, None)),
    case("usage_records", In("tenant.read"), Platform(READ, None)),
    case("usage_counter_slots", In("tenant.read"), Platform(READ, None)),
    case("usage_summaries", In("tenant.read"), Platform(READ, None)),
    case("usage_alerts", In("tenant.read"), Platform(READ, None)),
    for_worker("usage_alerts_raised", In("tenant.read"), Platform(READ, None)),
    case("spend_caps", In("billing.view"), Platform(MONEY, None)),
    case("tenant_subscriptions", In("billing.view"), Platform(MONEY, None)),
    case("subscription_changes", In("billing.view"), Platform(MONEY, None)),
    case("subscription_add_ons", In("billing.view"), Platform(MONEY, None)),
    case("payment_customers", In("billing.view"), Platform(MONEY, None)),
    case("payment_one_times", In("billing.view"), Platform(MONEY, None)),
    case("payment_invoices", In("billing.view"), Platform(MONEY, None)),
    case("payment_invoice_lines", In("billing.view"), Platform(MONEY, None)),
    case("billed_periods", In("billing.view"), Platform(MONEY, None)),
    case("advance_fees", In("billing.view"), Platform(MONEY, None)),
    case("charged_changes", In("billing.view"), Platform(MONEY, None)),
    case("usage_fees", In("billing.view"), Platform(MONEY, None)),
    case("usage_adjustments", In("billing.view"), Platform(MONEY, None)),
    case("usage_corrections", In("billing.view"), Platform(MONEY, None)),
    case("tenant_credit_ledger", In("billing.view"), Platform(MONEY, None)),
    case("credit_allocations", In("billing.view"), Platform(MONEY, None)),
    case("coupons", Nobody, Platform("platform.plan.manage", None)),
    case("coupon_redemptions", In("billing.view"), Platform(MONEY, None)),
    case("credit_notes", In("billing.view"), Platform(MONEY, None)),
    case("credit_note_lines", In("billing.view"), Platform(MONEY, None)),
    case("dunning", In("billing.view"), Platform(MONEY, None)),
    case("billing_details", In("billing.view"), Platform(MONEY, None)),
    case("tax_rates", AllInContext, AllInContext),
    case("tax_categories", AllInContext, AllInContext),
    case("credit_lots", In("billing.view"), Platform(MONEY, None)),
    case("api_keys", In("tenant.update"), Platform(SECURITY, None)),
    audited("platform_audit_logs", In("tenant.update"), Platform(SECURITY, None)),
    audited("impersonation_sessions", In("tenant.update"), Platform(SECURITY, None)),
    case("users", Colleagues, Platform(READ, None)),
    case("sessions", Own("user_id"), Platform(SECURITY, None)),
    case("accounts", Own("user_id"), Platform(SECURITY, None)),
    case("user_consents", Own("user_id"), Platform(SECURITY, None)),
    case("privacy_requests", Own("user_id"), Platform(SECURITY, None)),
    audited(
        "system_role_assignments",
        Own("assigned_user_id"),
        Platform(SECURITY, Some("assigned_user_id")),
    ),
    audited("roles", Catalog(Some("r.tenant_id")), AllInContext),
    audited("permissions", AllInContext, AllInContext),
    audited(
        "role_permissions",
        Catalog(Some("(SELECT x.tenant_id FROM saas.roles x WHERE x.id = r.role_id)")),
        AllInContext,
    ),
    case("plans", Catalog(Some("r.tenant_id")), AllInContext),
    case(
        "plan_prices",
        Catalog(Some("(SELECT x.tenant_id FROM saas.plans x WHERE x.id = r.plan_id)")),
        AllInContext,
    ),
    case(
        "plan_features",
        Catalog(Some("(SELECT x.tenant_id FROM saas.plans x WHERE x.id = r.plan_id)")),
        AllInContext,
    ),
    case(
        "plan_add_ons",
        Catalog(Some("(SELECT x.tenant_id FROM saas.plans x WHERE x.id = r.plan_id)")),
        AllInContext,
    ),
    case("features", Catalog(None), AllInContext),
    audited("state_transitions", AllInContext, AllInContext),
    audited("currencies", AllInContext, AllInContext),
    audited("countries", AllInContext, AllInContext),
    audited("break_glass_events", Nobody, Platform(SECURITY, None)),
    audited("security_events", Nobody, Platform(SECURITY, None)),
    audited("incidents", Nobody, Platform(SECURITY, None)),
    audited("incident_history", Nobody, Platform(SECURITY, None)),
    audited("personal_data_registry", Nobody, Platform(SECURITY, None)),
    audited("audit_seals", Nobody, Platform(SECURITY, None)),
    audited("audit_seal_rows", Nobody, Platform(SECURITY, None)),
    audited("audit_retirements", Nobody, Platform(SECURITY, None)),
    case("payment_events", Nobody, Platform(MONEY, None)),
    case("usage_events", Nobody, Platform(MONEY, None)),
    for_worker("close_progress", Nobody, Platform(MONEY, None)),
    for_worker("close_parked", Nobody, Platform(MONEY, None)),
    for_worker("usage_refused", Nobody, Platform(MONEY, None)),
    case("usage_event_keys", Nobody, Nobody),
    case("usage_gates", Nobody, Nobody),
    case("provider_keys", Nobody, Nobody),
    case("verifications", Nobody, Nobody),
    case("jwt_keys", Nobody, Nobody),
    case("webhook_secrets", Nobody, Nobody),
    case("outbox", Nobody, Nobody),
    case("issuers", Nobody, Nobody),
    case("settings", Nobody, Nobody),
    case("access_grants", Nobody, Nobody),
    case("schema_version", Nobody, Nobody),
    case("permission_epoch", Nobody, Nobody),
];

/// Rows of each table for one tenant; `NAME` is its name, `T` its id, `U` a user in it.
const OF_A_TENANT: &str = "
BEGIN;
INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, expires_at)
  SELECT 'T', 'NAME.invited@example.com', id, sha256('NAME'), now() + interval '1 day' FROM saas.roles WHERE key = 'tenant_guest';
INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash)
  SELECT 'T', 'U', id, 'k', 'saas_key', sha256('NAME') FROM saas.roles WHERE key = 'tenant_guest';
INSERT INTO saas.projects (tenant_id, title) VALUES ('T', 'NAME one'), ('T', 'NAME two');
INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('NAME.custom', false, 'T');
INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p
  WHERE r.key = 'NAME.custom' AND p.key = 'tenant.read';
INSERT INTO saas.plans (name, key, base_price, currency, billing_interval, is_custom, tenant_id)
  VALUES ('NAME''s', 'NAME_plan', 100, 'USD', 'monthly', true, 'T');
INSERT INTO saas.plan_prices (plan_id, currency, base_price) SELECT id, 'EUR', 90 FROM saas.plans WHERE key = 'NAME_plan';
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
  SELECT id, 'NAME.calls', 10, 1 FROM saas.plans WHERE key = 'NAME_plan';
INSERT INTO saas.plan_add_ons (plan_id, key, name, price) SELECT id, 'env', 'NAME''s', 5 FROM saas.plans WHERE key = 'NAME_plan';
INSERT INTO saas.tenant_subscriptions (tenant_id, plan_id, status, anchor, current_period_start, current_period_end)
  SELECT 'T', id, 'active', '2026-01-01', '2026-01-01', '2026-02-01' FROM saas.plans WHERE key = 'NAME_plan';
INSERT INTO saas.subscription_changes (tenant_id, subscription_id, number, day, prorated, from_plan_id, from_seats, to_plan_id, to_seats)
  SELECT 'T', id, 1, '2026-02-01', false, plan_id, 2, plan_id, 1 FROM saas.tenant_subscriptions WHERE tenant_id = 'T';
INSERT INTO saas.subscription_add_ons (tenant_id, subscription_id, number, key, quantity, day, at_once)
  SELECT 'T', id, 1, 'env', 1, '2026-02-01', true FROM saas.tenant_subscriptions WHERE tenant_id = 'T';
INSERT INTO saas.payment_invoices
    (tenant_id, subscription_id, issuer_id, period, period_start, period_end, subscription_amount, total_amount, currency)
  SELECT 'T', s.id, i.id, '2026-01-01', '2026-01-01', '2026-02-01', 100, 100, 'USD'
    FROM saas.issuers i, saas.tenant_subscriptions s WHERE i.key = 'default' AND s.tenant_id = 'T';
INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount)
  SELECT 'T', id, 1, 'subscription', 'Plan', 1, 100, 100 FROM saas.payment_invoices WHERE tenant_id = 'T';
INSERT INTO saas.billed_periods (tenant_id, subscription_id, period_start, period_end, plan_id, seats, period, invoice_id)
  SELECT 'T', s.id, '2026-01-01', '2026-02-01', s.plan_id, 1, '2026-01-01', i.id
    FROM saas.tenant_subscriptions s, saas.payment_invoices i WHERE s.tenant_id = 'T' AND i.tenant_id = 'T';
INSERT INTO saas.advance_fees (tenant_id, subscription_id, fee_start, fee_end, invoice_id)
  SELECT tenant_id, subscription_id, '2026-02-01', '2026-03-01', id FROM saas.payment_invoices WHERE tenant_id = 'T';
INSERT INTO saas.charged_changes (tenant_id, change_id, plan_id, invoice_id)
  SELECT c.tenant_id, c.id, c.to_plan_id, i.id FROM saas.subscription_changes c JOIN saas.payment_invoices i ON i.tenant_id = c.tenant_id WHERE c.tenant_id = 'T';
SELECT saas.grant_credit('T', 500, 'welcome', 'promo');
SELECT saas.finalize_invoice(id), saas.credit_invoice(id, 'sorry', 40) FROM saas.payment_invoices WHERE tenant_id = 'T';
INSERT INTO saas.dunning (tenant_id, invoice_id, status, reminder_at) SELECT 'T', id, 'reminder', now() FROM saas.payment_invoices WHERE tenant_id = 'T';
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES ('T', -100, 'used', 'billing');
SELECT saas.define_coupon('{\"code\": \"EVERYBODYS\", \"percent\": \"10\"}'), saas.apply_coupon('T', 'everybodys');
SELECT saas.set_billing_details('T', '{\"name\": \"NAME Inc.\", \"country\": \"DE\"}');
SELECT saas.record_usage('T', 'NAME.calls', 5, 'NAME-1');
INSERT INTO saas.usage_records (tenant_id, feature_key, count, period) VALUES ('T', 'NAME.calls', 7, '2026-01-01');
INSERT INTO saas.usage_summaries (tenant_id, feature_key, units_used, period) VALUES ('T', 'NAME.calls', 17, '2026-01-01');
INSERT INTO saas.usage_fees (tenant_id, feature_key, period, units, included_units, unit_price, total_amount)
  VALUES ('T', 'NAME.calls', '2026-01-01', 7, 10, 1, 7);
INSERT INTO saas.usage_adjustments (tenant_id, feature_key, period, units) VALUES ('T', 'NAME.calls', '2026-01-01', 2);
INSERT INTO saas.usage_corrections (tenant_id, event_id, recorded_at, number, feature_key, period, units_before, units, reason)
  VALUES ('T', 'NAME', '2026-01-02', 1, 'NAME.calls', '2026-01-01', 2, 3, 'told wrongly');
SELECT saas.set_usage_alert('T', 'NAME.calls', 'units', 1), saas.set_spend_cap('T', 1000), saas.raise_usage_alerts();
SELECT saas.consume('T', 'NAME.calls', 1, 'NAME-2');
INSERT INTO saas.usage_ingest (tenant_id, feature_key, units, event_id) VALUES ('T', 'NAME.calls', -1, 'NAME-3');
INSERT INTO saas.payment_customers (tenant_id, provider, provider_customer_id) VALUES ('T', 'stripe', 'cus_NAME');
INSERT INTO saas.payment_one_times (tenant_id, provider, provider_payment_id, amount, currency, reason)
  VALUES ('T', 'stripe', 'pi_NAME', 100, 'USD', 'topup');
INSERT INTO saas.payment_events (tenant_id, provider, provider_event_id, event_type, payload)
  VALUES ('T', 'stripe', 'evt_NAME', 'x', '{}');
INSERT INTO saas.impersonation_sessions (actor_id, target_user_id, tenant_id, reason, expires_at)
  SELECT id, 'U', 'T', 'ticket', now() + interval '10 min' FROM saas.users WHERE name = 'platform_support';
INSERT INTO saas.close_parked (tenant_id, subscription_id, period, sqlstate, error, parked_at)
  SELECT 'T', id, '2026-01-01', '22003', 'too much', now() FROM saas.tenant_subscriptions WHERE tenant_id = 'T';
INSERT INTO saas.security_events (severity, kind, user_id, tenant_id) VALUES ('low', 'test', 'U', 'T');
INSERT INTO saas.outbox (topic, tenant_id, payload) VALUES ('mail', 'T', '{}');
INSERT INTO saas.accounts (user_id, provider_id, account_id, password_hash, access_token, refresh_token, id_token)
  VALUES ('U', 'credential', 'NAME', 'hash', 'a', 'r', 'i');
INSERT INTO saas.verifications (user_id, identifier, purpose, token_hash, expires_at)
  VALUES ('U', 'NAME', 'mfa', sha256('NAME'), now() + interval '1 h');
INSERT INTO saas.user_consents (user_id, purpose, legal_basis, version) VALUES ('U', 'mail', 'consent', '1');
INSERT INTO saas.privacy_requests (user_id, kind, due_at) VALUES ('U', 'access', now() + interval '30 days');
COMMIT";

/// Rows of the tables that are nobody's in particular.
const OF_THE_PLATFORM: &str = "
INSERT INTO saas.incidents (severity, title) VALUES ('low', 'test');
SELECT saas.set_tax_rate('DE', 19, '2026-01-01'), saas.set_tax_category('plan', 'free', 'reduced');
UPDATE saas.incidents SET status = 'contained';
INSERT INTO saas.break_glass_events (user_id, role_id, reason, expires_at)
  SELECT assigned_user_id, role_id, 'fire', now() + interval '1 h' FROM saas.system_role_assignments LIMIT 1;
INSERT INTO saas.personal_data_registry (table_name, column_name, category, purpose, legal_basis, on_erasure)
  VALUES ('crm', 'phone', 'contact', 'support', 'consent', 'delete');
INSERT INTO saas.audit_seals (seal, row_count, merkle_root, epoch, xid_before, digest)
  VALUES (1, 1, sha256('a'), '1/1', '1', sha256('b'));
INSERT INTO saas.audit_seal_rows (seal, position, log_id, occurred_at, row_hash)
  SELECT 1, 1, id, occurred_at, row_hash FROM saas.platform_audit_logs LIMIT 1;
INSERT INTO saas.audit_retirements (period_start, period_end, row_count) VALUES ('2020-01-01Z', '2020-02-01Z', 1);
INSERT INTO saas.close_progress (period) VALUES ('2026-01-01');
INSERT INTO saas.webhook_secrets (provider, secret) VALUES ('stripe', 'whsec_0123456789abcdef');
INSERT INTO saas.jwt_keys (issuer, kid, algorithm, key) VALUES ('i', 'k', 'HS256', '{\"kty\": \"oct\"}')";

fn filled() -> Story {
    let mut story = Story::new();
    for (tenant, name) in [(&story.acme, "acme"), (&story.globex, "globex")] {
        let rows = OF_A_TENANT
            .replace("'T'", &format!("'{}'", tenant.id))
            .replace("'U'", &format!("'{}'", tenant.owner.id))
            .replace("NAME", name);
        story.data.batch_execute(&rows).unwrap();
    }
    story.data.batch_execute(OF_THE_PLATFORM).unwrap();
    story
}

/// Tables with row-level security that are no partitions.
fn tables(client: &mut Client) -> Vec<String> {
    let sql = "SELECT relname::text FROM pg_class
                WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1";
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// What tells a row from others, without its secrets.
fn key_of(client: &mut Client, table: &str) -> String {
    one(
        client,
        "SELECT coalesce(
           (SELECT 'r.id::text' FROM pg_attribute WHERE attrelid = c.oid AND attname = 'id' AND NOT attisdropped),
           (SELECT 'concat_ws(''/'', ' || string_agg(format('r.%I', a.attname), ', ' ORDER BY k.n) || ')'
              FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (number, n), pg_attribute a
             WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number),
           'r::text')
           FROM pg_class c WHERE c.oid = format('saas.%I', $1::text)::regclass",
        &[&table],
    )
}

/// The column, or look-up, that names a row's tenant.
fn tenant_of(table: &str) -> &'static str {
    if table == "tenants" { "r.id" } else { "r.tenant_id" }
}

/// Tenants where a user has a permission, by plain SQL over the tables.
fn permitted(user: Uuid, bound: Option<&Tenant>, permission: &str) -> String {
    let bound = bound.map_or(String::new(), |tenant| format!("AND m.tenant_id = '{}'", tenant.id));
    format!(
        "SELECT m.tenant_id FROM saas.tenant_members m JOIN saas.role_permissions rp ON rp.role_id = m.role_id
           JOIN saas.permissions p ON p.id = rp.permission_id
          WHERE m.user_id = '{user}' AND p.key = '{permission}' {bound}"
    )
}

/// The condition on the rows `r` that somebody reads; None where he may not read the table.
fn condition(
    rows: Rows,
    table: &str,
    who: Option<&Person>,
    bound: Option<&Tenant>,
) -> Option<String> {
    let Some(who) = who else {
        return match rows {
            Nobody => None,
            All => Some("true".into()),
            _ => Some("false".into()),
        };
    };
    let user = who.id;
    Some(match rows {
        Nobody => return None,
        All | AllInContext | Catalog(None) => "true".into(),
        In(permission) => {
            format!("{} IN ({})", tenant_of(table), permitted(user, bound, permission))
        }
        Own(column) => format!("r.{column} = '{user}'"),
        Platform(permission, own) => {
            let own = own.map_or(String::new(), |column| format!("OR r.{column} = '{user}'"));
            format!(
                "EXISTS (SELECT FROM saas.system_role_assignments a JOIN saas.role_permissions rp ON rp.role_id = a.role_id
                   JOIN saas.permissions p ON p.id = rp.permission_id
                  WHERE a.assigned_user_id = '{user}' AND a.revoked_at IS NULL AND p.key = '{permission}') {own}"
            )
        }
        Colleagues => format!(
            "r.id = '{user}' OR r.id IN (SELECT o.user_id FROM saas.tenant_members o WHERE o.tenant_id IN ({}))",
            permitted(user, bound, "tenant.read")
        ),
        Catalog(Some(tenant)) => {
            format!("{tenant} IS NULL OR {tenant} IN ({})", permitted(user, bound, "tenant.read"))
        }
    })
}

fn keys(client: &mut impl GenericClient, sql: &str) -> Result<Vec<String>, postgres::Error> {
    let mut keys: Vec<String> = client.query(sql, &[])?.iter().map(|row| row.get(0)).collect();
    keys.sort();
    Ok(keys)
}

#[test]
fn every_table_has_its_case_and_rows() {
    let mut story = filled();
    let known: Vec<String> = {
        let mut known: Vec<_> = CASES.iter().map(|case| case.table.to_owned()).collect();
        known.sort();
        known
    };
    assert_eq!(tables(&mut story.data), known, "give the new table a case here, and rows above");
    for case in CASES {
        let table = case.table;
        if table == "permission_epoch" {
            continue;
        }
        let secured: bool = one(
            &mut story.data,
            "SELECT relrowsecurity FROM pg_class WHERE oid = format('saas.%I', $1::text)::regclass",
            &[&table],
        );
        assert!(secured, "{table}");
        let has_tenant: bool = one(
            &mut story.data,
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = format('saas.%I', $1::text)::regclass AND attname = 'tenant_id')",
            &[&table],
        );
        if has_tenant || table == "tenants" {
            for tenant in [&story.acme, &story.globex] {
                let sql =
                    format!("SELECT count(*) FROM saas.{table} r WHERE {} = $1", tenant_of(table));
                assert!(one::<i64>(&mut story.data, &sql, &[&tenant.id]) > 0, "no rows in {table}");
            }
        } else {
            let sql = format!("SELECT count(*) FROM saas.{table}");
            let least = i64::from(table != "access_grants");
            assert!(one::<i64>(&mut story.data, &sql, &[]) >= least, "no rows in {table}");
        }
    }
    let unsecured: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('r', 'p') AND NOT relrowsecurity",
        &[],
    );
    assert_eq!(unsecured, 0);
}

#[test]
fn everybody_reads_exactly_his_rows() {
    let mut story = filled();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut viewers: Vec<(Option<Person>, Option<Tenant>)> = vec![
        (None, None),
        (Some(story.stranger.clone()), None),
        (Some(story.superadmin.clone()), None),
        (Some(story.platform_admin.clone()), None),
        (Some(story.support.clone()), None),
        (Some(story.both.clone()), None),
        (Some(story.both.clone()), Some(acme.clone())),
        (Some(story.both.clone()), Some(globex.clone())),
    ];
    for tenant in [&acme, &globex] {
        for person in [&tenant.owner, &tenant.admin, &tenant.member, &tenant.guest] {
            viewers.push((Some(person.clone()), None));
        }
        viewers.push((Some(tenant.owner.clone()), Some(tenant.clone())));
    }
    let key: Vec<String> = CASES.iter().map(|case| key_of(&mut story.data, case.table)).collect();
    for kind in ["app", "gateway", "admin"] {
        let mut client = story.db.kind(kind);
        for (person, bound) in &viewers {
            let mut request = match person {
                Some(person) => asking(&mut client, person, bound.as_ref()),
                None => client.transaction().unwrap(),
            };
            for (case, key) in CASES.iter().zip(&key) {
                let rows = if kind == "admin" { case.admin } else { case.app };
                let what = format!(
                    "{kind}, {:?} in {:?}: {}",
                    person,
                    bound.as_ref().map(|t| t.id),
                    case.table
                );
                let read = format!("SELECT {key} FROM saas.{} r", case.table);
                request.batch_execute("SAVEPOINT s").unwrap();
                let seen = keys(&mut request, &read);
                match condition(rows, case.table, person.as_ref(), bound.as_ref()) {
                    Some(condition) => {
                        let expected =
                            keys(&mut story.data, &format!("{read} WHERE {condition}")).unwrap();
                        assert_eq!(
                            seen.unwrap_or_else(|error| panic!("{what}: {error:?}")),
                            expected,
                            "{what}"
                        );
                        if rows == AllInContext && person.is_some() {
                            assert!(!expected.is_empty());
                        }
                    }
                    None => {
                        assert_sqlstate(seen, "42501");
                    }
                }
                request.batch_execute("ROLLBACK TO s").unwrap();
            }
        }
    }
}

#[test]
fn workers_and_auditors_have_no_user() {
    let mut story = filled();
    for kind in ["worker", "auditor"] {
        let mut client = story.db.kind(kind);
        for case in CASES {
            let rows = if kind == "worker" { case.worker } else { case.auditor };
            let read = format!(
                "SELECT {} FROM saas.{} r",
                key_of(&mut story.data, case.table),
                case.table
            );
            let seen = keys(&mut client, &read);
            if rows == Nobody {
                assert_sqlstate(seen, "42501");
            } else {
                assert_eq!(
                    seen.unwrap(),
                    keys(&mut story.data, &read).unwrap(),
                    "{kind}: {}",
                    case.table
                );
            }
        }
    }
}

#[test]
fn partitions_are_no_way_around() {
    let mut story = filled();
    let sql = "SELECT relname::text, relrowsecurity FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relispartition
                  AND relkind = 'r'";
    let partitions = story.data.query(sql, &[]).unwrap();
    assert!(partitions.len() > 4);
    for kind in ["app", "gateway", "worker", "auditor", "admin"] {
        let mut client = story.db.kind(kind);
        for partition in &partitions {
            let (name, secured): (String, bool) = (partition.get(0), partition.get(1));
            assert!(secured, "{name}");
            assert_sqlstate(client.execute(&format!("SELECT FROM saas.{name}"), &[]), "42501");
        }
    }
}

#[test]
fn the_view_of_usage_is_no_way_around() {
    let story = filled();
    let mut app = story.db.kind("app");
    let features = "SELECT feature_key FROM saas.usage_totals";
    let mut request = asking(&mut app, &story.acme.guest, None);
    let seen = keys(&mut request, features).unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|feature| feature == "acme.calls"));
    drop(request);
    let mut request = asking(&mut app, &story.stranger, None);
    assert!(keys(&mut request, features).unwrap().is_empty());
    drop(request);
    assert!(keys(&mut app, features).unwrap().is_empty());
    let mut worker = story.db.kind("worker");
    assert_sqlstate(worker.execute("SELECT FROM saas.usage_totals", &[]), "42501");
}

#[test]
fn row_security_is_not_the_clients_to_turn_off() {
    let story = filled();
    for kind in ["app", "gateway", "admin"] {
        let mut client = story.db.kind(kind);
        client.batch_execute("SET row_security = off").unwrap();
        assert_sqlstate(client.execute("SELECT title FROM saas.projects", &[]), "42501");
        assert_sqlstate(
            client.execute("ALTER TABLE saas.projects DISABLE ROW LEVEL SECURITY", &[]),
            "42501",
        );
        assert_sqlstate(client.execute("DROP POLICY app_read ON saas.projects", &[]), "42501");
        assert_sqlstate(client.execute("SET session_replication_role = replica", &[]), "42501");
        assert_sqlstate(client.execute("SET ROLE saas_owner", &[]), "42501");
    }
    // COPY goes by the same policies.
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &story.acme.guest, None);
    let mut copied = String::new();
    use std::io::Read;
    request
        .copy_out("COPY saas.projects (title) TO STDOUT")
        .unwrap()
        .read_to_string(&mut copied)
        .unwrap();
    let mut lines: Vec<_> = copied.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["acme one", "acme two"]);
}

#[test]
fn projects_are_written_by_permission() {
    let story = filled();
    let acme = story.acme.clone();
    let insert = "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'new')";
    let update = "UPDATE saas.projects SET title = 'changed' WHERE tenant_id = $1";
    let delete = "DELETE FROM saas.projects WHERE tenant_id = $1";
    for kind in ["app", "gateway"] {
        let mut client = story.db.kind(kind);
        let mut try_all = |person: &Person,
                           bound: Option<&Tenant>,
                           creates: bool,
                           updates: bool,
                           deletes: bool| {
            let mut request = asking(&mut client, person, bound);
            request.batch_execute("SAVEPOINT s").unwrap();
            let created = request.execute(insert, &[&acme.id]);
            if creates {
                assert_eq!(created.unwrap(), 1);
            } else {
                assert_sqlstate(created, "42501");
            }
            request.batch_execute("ROLLBACK TO s").unwrap();
            assert_eq!(request.execute(update, &[&acme.id]).unwrap(), if updates { 2 } else { 0 });
            assert_eq!(request.execute(delete, &[&acme.id]).unwrap(), if deletes { 2 } else { 0 });
        };
        try_all(&acme.owner, None, true, true, true);
        try_all(&acme.owner, Some(&acme), true, true, true);
        try_all(&acme.admin, None, true, true, false);
        try_all(&acme.member, None, true, true, false);
        try_all(&acme.guest, None, false, false, false);
        try_all(&story.globex.owner, None, false, false, false);
        try_all(&story.both, Some(&story.globex), false, false, false);
        try_all(&story.both, None, true, true, false);
        try_all(&story.superadmin, None, false, false, false);
        assert_sqlstate(client.execute(insert, &[&acme.id]), "42501");
        assert_eq!(client.execute(update, &[&acme.id]).unwrap(), 0);
        assert_eq!(client.execute(delete, &[&acme.id]).unwrap(), 0);
    }
}

#[test]
fn projects_stay_in_their_tenant_and_say_nothing_of_others() {
    let mut story = filled();
    let (acme, globex, both) = (story.acme.clone(), story.globex.clone(), story.both.clone());
    let foreign: Uuid =
        one(&mut story.data, "SELECT id FROM saas.projects WHERE title = 'globex one'", &[]);
    let own: Uuid =
        one(&mut story.data, "SELECT id FROM saas.projects WHERE title = 'acme one'", &[]);
    let mut app = story.db.kind("app");
    let mut refused = |person: &Person, bound: Option<&Tenant>, sql: &str, sqlstate: &str| {
        let mut request = asking(&mut app, person, bound);
        let refused = assert_sqlstate(request.batch_execute(sql), sqlstate);
        format!("{} {:?} {:?}", refused.message(), refused.detail(), refused.constraint())
    };
    // Moving a project, also by somebody who may write in both tenants, and to a tenant that is none.
    let moved =
        |to: Uuid| format!("UPDATE saas.projects SET tenant_id = '{to}' WHERE id = '{own}'");
    let there = refused(&acme.owner, None, &moved(globex.id), "55000");
    assert_eq!(there, refused(&acme.owner, None, &moved(Uuid::new_v4()), "55000"));
    refused(&both, None, &moved(globex.id), "55000");
    // Inserting elsewhere: a tenant that exists, one that does not, a key that exists there, one that does not.
    let insert = |tenant: Uuid, id: Uuid, more: &str| {
        format!(
            "INSERT INTO saas.projects (tenant_id, id, title) VALUES ('{tenant}', '{id}', 'x') {more}"
        )
    };
    let denied = refused(&acme.owner, None, &insert(globex.id, Uuid::new_v4(), ""), "42501");
    for (tenant, id) in
        [(globex.id, foreign), (Uuid::new_v4(), foreign), (Uuid::new_v4(), Uuid::new_v4())]
    {
        for more in [
            "",
            "ON CONFLICT DO NOTHING",
            "ON CONFLICT (tenant_id, id) DO UPDATE SET title = 'taken'",
        ] {
            for bound in [None, Some(&acme)] {
                assert_eq!(
                    denied,
                    refused(&acme.owner, bound, &insert(tenant, id, more), "42501"),
                    "{more}"
                );
            }
        }
    }
    refused(&both, Some(&acme), &insert(globex.id, foreign, ""), "42501");
    // Another tenant's key may be one's own too, and is no conflict.
    let mut request = asking(&mut app, &acme.owner, None);
    request.batch_execute(&insert(acme.id, foreign, "")).unwrap();
    assert_sqlstate(request.batch_execute(&insert(acme.id, foreign, "")), "23505");
    drop(request);
    // A guest can't take over by conflict what he may only read.
    let sql = insert(acme.id, own, "ON CONFLICT (tenant_id, id) DO UPDATE SET title = 'taken'");
    let mut request = asking(&mut app, &acme.guest, None);
    assert_sqlstate(request.batch_execute(&sql), "42501");
    drop(request);
    // MERGE, in any of its ways.
    let merge = |tenant: Uuid, id: Uuid| {
        format!(
            "MERGE INTO saas.projects p USING (SELECT '{tenant}'::uuid AS t, '{id}'::uuid AS i) s
                   ON p.tenant_id = s.t AND p.id = s.i
                 WHEN MATCHED THEN UPDATE SET title = 'taken'
                 WHEN NOT MATCHED THEN INSERT (tenant_id, id, title) VALUES (s.t, s.i, 'x')"
        )
    };
    let mut request = asking(&mut app, &acme.owner, None);
    assert_sqlstate(request.batch_execute(&merge(globex.id, foreign)), "42501");
    drop(request);
    let mut request = asking(&mut app, &acme.guest, None);
    assert_sqlstate(request.batch_execute(&merge(acme.id, own)), "42501");
    drop(request);
    // Nor do tenants tell their names by failing otherwise: the row is not there.
    let mut request = asking(&mut app, &acme.owner, None);
    assert_eq!(
        request.execute("UPDATE saas.projects SET title = '' WHERE id = $1", &[&foreign]).unwrap(),
        0
    );
    assert_eq!(
        request
            .query(
                "SELECT 1 / (length(title) - length(title)) FROM saas.projects WHERE id = $1",
                &[&foreign]
            )
            .unwrap()
            .len(),
        0
    );
    drop(request);
    let titles = "SELECT count(*) FROM saas.projects WHERE title IN ('taken', 'x', 'changed')";
    assert_eq!(one::<i64>(&mut story.data, titles, &[]), 0);
}
