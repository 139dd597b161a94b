//! Tenants, plans and their bills: what the tests of usage and billing begin with.
#![allow(dead_code)] // each test program uses a part

use postgres::Client;
use postgres::types::{FromSqlOwned, ToSql};
use saas_core_tests::{TestDb, story};
use uuid::Uuid;

pub type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

pub struct Books {
    pub db: TestDb,
    /// The data owner's connection.
    pub data: Client,
    pub worker: Client,
}

/// `plus` as in the seed's story: 2000 a month, 1000 projects included, 10 for each further one.
const PLANS: &str = "
UPDATE saas.settings SET usage_id_retention = '1000 years';
INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
SELECT id, 'project.create', 1000, 10 FROM saas.plans WHERE key = 'plus';
";

impl Books {
    #[allow(clippy::new_without_default)] // as of TestDb
    pub fn new() -> Books {
        let db = TestDb::new();
        let mut data = db.owner();
        data.batch_execute(PLANS).unwrap();
        Books { worker: db.kind("worker"), data, db }
    }

    pub fn run(&mut self, sql: &str) {
        if let Err(error) = self.data.batch_execute(sql) {
            panic!("{sql}: {error:?}");
        }
    }

    /// The first column of the one row, as the data owner sees it.
    #[track_caller]
    pub fn one<T: FromSqlOwned>(&mut self, sql: &str, args: Args) -> T {
        story::one(&mut self.data, sql, args)
    }

    pub fn count(&mut self, sql: &str) -> i64 {
        self.one(&format!("SELECT count(*) FROM {sql}"), &[])
    }

    /// A plan of 1000 a month, and what is different about it: columns and their values.
    pub fn plan(&mut self, key: &str, columns: &str, values: &str) {
        let (comma, more) = if columns.is_empty() { ("", "") } else { (", ", values) };
        self.run(&format!(
            "INSERT INTO saas.plans (key, name, currency{}{comma}{columns})
             VALUES ('{key}', initcap('{key}'), 'USD'{}{comma}{more})",
            [("base_price", ", base_price"), ("billing_interval", ", billing_interval")]
                .iter()
                .filter(|(name, _)| !columns.contains(name))
                .map(|(_, text)| *text)
                .collect::<String>(),
            [("base_price", ", 1000"), ("billing_interval", ", 'monthly'")]
                .iter()
                .filter(|(name, _)| !columns.contains(name))
                .map(|(_, text)| *text)
                .collect::<String>(),
        ));
    }

    /// `price`: an overage price or, as JSON, a price model.
    pub fn feature(&mut self, plan: &str, key: &str, included: i64, price: Option<&str>) {
        let model = price.filter(|price| price.starts_with('{'));
        let overage = price.filter(|price| !price.starts_with('{'));
        self.data
            .execute(
                "INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price, price_model)
                 SELECT id, $2, $3, $4::text::numeric, $5::text::jsonb FROM saas.plans WHERE key = $1",
                &[&plan, &key, &included, &overage, &model],
            )
            .unwrap();
    }

    pub fn tenant(&mut self, name: &str) -> Uuid {
        self.one("INSERT INTO saas.tenants (name) VALUES ($1) RETURNING id", &[&name])
    }

    pub fn tenant_in(&mut self, zone: &str, currency: &str) -> Uuid {
        self.one(
            "INSERT INTO saas.tenants (name, time_zone, currency) VALUES ($1, $1, $2) RETURNING id",
            &[&zone, &currency],
        )
    }

    /// By the worker, in whose session's time zone nothing may be computed.
    pub fn subscribe(
        &mut self,
        tenant: Uuid,
        plan: &str,
        seats: i32,
        from: &str,
        trial: Option<&str>,
    ) -> Uuid {
        // Audit rows of two sessions are in the order of their milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(2));
        subscribe(&mut self.worker, tenant, plan, seats, from, trial).unwrap()
    }

    /// A tenant on a plan with one seat.
    pub fn subscribed(&mut self, plan: &str, from: &str) -> Uuid {
        let tenant = self.tenant(&format!("{plan} from {from}"));
        self.subscribe(tenant, plan, 1, from, None);
        tenant
    }

    pub fn used(&mut self, tenant: Uuid, feature: &str, units: i64, at: &str) {
        assert!(record(&mut self.worker, tenant, feature, units, None, at).unwrap());
    }

    pub fn credit(
        &mut self,
        tenant: Uuid,
        amount: i64,
        priority: i32,
        expires_at: Option<&str>,
    ) -> Uuid {
        self.one(
            "SELECT saas.grant_credit($1, $2, 'Present', 'promo', NULL, $4::text::timestamptz, $3)",
            &[&tenant, &amount, &priority, &expires_at],
        )
    }

    pub fn balance(&mut self, tenant: Uuid) -> i64 {
        self.one("SELECT saas.credit_balance($1)", &[&tenant])
    }

    pub fn close(&mut self, day: &str) {
        close(&mut self.worker, day, 1000).unwrap();
    }

    /// Makes the invoice of the period that contains the day, and tells its lines:
    /// `subscription 2000, usage 2000 = 4000`.
    pub fn bill(&mut self, tenant: Uuid, day: &str) -> String {
        let id = generate(&mut self.worker, tenant, day).unwrap();
        self.told(id)
    }

    pub fn told(&mut self, invoice: Uuid) -> String {
        self.one(
            "SELECT coalesce((SELECT string_agg(concat_ws(' ', kind, amount), ', ' ORDER BY position)
                                FROM saas.payment_invoice_lines WHERE invoice_id = i.id), 'nothing') || ' = ' || total_amount
               FROM saas.payment_invoices i WHERE i.id = $1",
            &[&invoice],
        )
    }

    /// Calls one of the worker's functions for a tenant, as of a moment: `pause_subscription($1, $2::text::timestamptz)`.
    pub fn work(&mut self, call: &str, tenant: Uuid, at: &str) -> Result<u64, postgres::Error> {
        self.worker.execute(&format!("SELECT saas.{call}"), &[&tenant, &at])
    }

    pub fn to(&mut self, tenant: Uuid, plan: &str, mode: &str, at: &str) -> Uuid {
        change(&mut self.worker, tenant, Some(plan), None, mode, at).unwrap()
    }

    /// The lines that the invoice of the period would have: `subscription 2000, usage 2000`.
    pub fn preview(&mut self, tenant: Uuid, at: &str) -> String {
        self.one(
            "SELECT coalesce(string_agg(concat_ws(' ', kind, amount), ', ' ORDER BY position), 'nothing')
               FROM saas.preview_invoice($1, $2::text::timestamptz)",
            &[&tenant, &at],
        )
    }

    /// All invoices of a tenant: `2026-01-15 subscription 1000 = 1000`.
    pub fn invoices(&mut self, tenant: Uuid) -> Vec<String> {
        let sql = "SELECT id, period_start::text FROM saas.payment_invoices WHERE tenant_id = $1 ORDER BY period_start, id";
        let rows = self.data.query(sql, &[&tenant]).unwrap();
        rows.iter()
            .map(|row| format!("{} {}", row.get::<_, String>(1), self.told(row.get(0))))
            .collect()
    }

    /// `first day - day after the last` of what was billed, in the chain's order.
    pub fn periods(&mut self, tenant: Uuid) -> Vec<String> {
        let sql = "SELECT period_start || ' - ' || period_end FROM saas.billed_periods WHERE tenant_id = $1 ORDER BY period_start";
        self.data.query(sql, &[&tenant]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// What holds whatever happened: sums, chains, balances, counters.
    #[track_caller]
    pub fn balanced(&mut self) {
        for (what, sql) in BALANCED {
            let wrong = self.data.query(*sql, &[]).unwrap();
            assert!(wrong.is_empty(), "{what}: {} rows, the first {:?}", wrong.len(), wrong[0]);
        }
        let wrong = self
            .data
            .query(
                "SELECT invariant || ' ' || object || ' ' || detail FROM saas.check_invariants()",
                &[],
            )
            .unwrap();
        assert!(
            wrong.is_empty(),
            "{:?}",
            wrong.iter().map(|row| row.get(0)).collect::<Vec<String>>()
        );
    }
}

const BALANCED: &[(&str, &str)] = &[
    (
        "invoices are the sums of their lines",
        "SELECT i.id::text FROM saas.payment_invoices i LEFT JOIN saas.payment_invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
          GROUP BY i.tenant_id, i.id
         HAVING i.total_amount <> coalesce(sum(l.amount), 0)
             OR i.usage_amount <> coalesce(sum(l.amount) FILTER (WHERE l.kind = 'usage'), 0)
             OR i.credit_amount <> coalesce(-sum(l.amount) FILTER (WHERE l.kind = 'credit'), 0)",
    ),
    (
        "each rate's tax is of its discounted sum, rounded once; a contained one adds nothing",
        "SELECT invoice_id::text FROM (
           SELECT l.tenant_id, l.invoice_id, l.tax_percent, l.contains_tax,
                  sum(l.amount) FILTER (WHERE l.kind <> 'tax') AS base, sum(l.amount) FILTER (WHERE l.kind = 'tax') AS tax,
                  sum(l.taxable_amount) AS taxable, count(*) FILTER (WHERE l.kind = 'tax') AS taxes
             FROM saas.payment_invoice_lines l WHERE l.tax_percent IS NOT NULL GROUP BY 1, 2, 3, 4) t
          WHERE taxes <> 1
             OR tax <> CASE WHEN contains_tax THEN round(base * tax_percent / (100 + tax_percent)) ELSE round(base * tax_percent / 100) END
             OR taxable <> CASE WHEN contains_tax THEN base - tax ELSE base END",
    ),
    (
        "discounts are what the coupons say, and no coupon is used too often",
        "SELECT r.id::text FROM saas.coupon_redemptions r
           JOIN saas.payment_invoice_lines l ON l.tenant_id = r.tenant_id AND l.source_id = r.id AND l.kind = 'discount'
           JOIN saas.payment_invoices i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id
          WHERE i.status <> 'void' AND i.billing_reason <> 'change' GROUP BY r.tenant_id, r.id HAVING count(DISTINCT i.id) > r.invoice_count",
    ),
    (
        "one invoice a subscription and period",
        "SELECT subscription_id::text FROM saas.payment_invoices WHERE status <> 'void' AND billing_reason IN ('period', 'advance') GROUP BY billing_reason, subscription_id, period_start HAVING count(*) > 1",
    ),
    (
        "every invoice of a contract that is not void has its billed period and each period its invoice",
        "SELECT coalesce(b.invoice_id, i.id)::text FROM saas.billed_periods b FULL JOIN saas.payment_invoices i
             ON i.tenant_id = b.tenant_id AND i.id = b.invoice_id AND (i.period_start, i.period_end) = (b.period_start, b.period_end)
          WHERE i.id IS NULL AND b.kind = 'billed' OR b.invoice_id IS NULL AND i.billing_reason = 'period' AND i.status <> 'void'",
    ),
    (
        "each day's fee is charged once in advance, on one line of one invoice",
        "SELECT f.invoice_id::text FROM saas.advance_fees f
           FULL JOIN (SELECT l.tenant_id, l.invoice_id, i.subscription_id, l.period_start, l.period_end
                        FROM saas.payment_invoice_lines l
                        JOIN saas.payment_invoices i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id AND i.status <> 'void'
                        JOIN saas.tenant_subscriptions s ON s.tenant_id = i.tenant_id AND s.id = i.subscription_id
                        JOIN saas.plans p ON p.id = s.plan_id AND p.bill_in = 'advance'
                       WHERE l.kind = 'subscription') l
             ON (l.tenant_id, l.invoice_id, l.subscription_id, l.period_start, l.period_end)
              = (f.tenant_id, f.invoice_id, f.subscription_id, f.fee_start, f.fee_end)
          WHERE f.tenant_id IS NULL
             OR l.tenant_id IS NULL AND NOT EXISTS (SELECT FROM saas.payment_invoices v WHERE v.tenant_id = f.tenant_id AND v.id = f.invoice_id AND v.status = 'void')",
    ),
    (
        "no gap in the numbers",
        "SELECT s.key FROM saas.issuers s LEFT JOIN saas.payment_invoices i ON i.issuer_id = s.id AND i.number IS NOT NULL
          GROUP BY s.id HAVING count(i.number) <> s.last_number OR count(DISTINCT i.number) <> s.last_number",
    ),
    (
        "balances run",
        "SELECT tenant_id::text FROM (
           SELECT tenant_id, entry, balance_after, sum(delta) OVER w AS balance, row_number() OVER w AS place
             FROM saas.tenant_credit_ledger WINDOW w AS (PARTITION BY tenant_id ORDER BY entry)) l
          WHERE entry <> place OR balance_after <> balance OR balance < 0",
    ),
    (
        "what was used came from grants, none beyond its amount",
        "SELECT l.id::text FROM saas.tenant_credit_ledger l
           LEFT JOIN saas.credit_allocations a ON a.tenant_id = l.tenant_id AND l.id = CASE WHEN l.delta < 0 THEN a.entry_id ELSE a.grant_id END
          GROUP BY l.tenant_id, l.id HAVING CASE WHEN l.delta < 0 THEN coalesce(sum(a.amount), 0) <> -l.delta ELSE sum(a.amount) > l.delta END",
    ),
    (
        "credits on invoices are those in the ledger",
        "SELECT i.id::text FROM saas.payment_invoices i
          WHERE CASE WHEN i.status = 'void' THEN 0 ELSE i.credit_amount END
             <> (SELECT coalesce(-sum(l.delta), 0) FROM saas.tenant_credit_ledger l
                  WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id AND (l.delta < 0 OR i.status = 'void'))",
    ),
    (
        "counters are the events, as they were corrected",
        "SELECT tenant_id::text FROM (
           SELECT e.tenant_id, e.feature_key, e.period,
                  coalesce(CASE f.aggregation WHEN 'sum' THEN sum(e.units) ELSE max(e.units) END, 0) AS units
             FROM (SELECT e.tenant_id, e.feature_key, e.period, CASE WHEN c.number IS NULL THEN e.units ELSE c.units END AS units
                     FROM saas.usage_events e
                     LEFT JOIN (SELECT DISTINCT ON (tenant_id, event_id, recorded_at) tenant_id, event_id, recorded_at, number, units
                                  FROM saas.usage_corrections ORDER BY tenant_id, event_id, recorded_at, number DESC) c
                    USING (tenant_id, event_id, recorded_at)) e
             JOIN saas.features f ON f.key = e.feature_key
            WHERE f.aggregation <> 'last' GROUP BY e.tenant_id, e.feature_key, e.period, f.aggregation) e
           FULL JOIN (SELECT u.* FROM saas.usage_totals u JOIN saas.features f ON f.key = u.feature_key
                       WHERE f.aggregation <> 'last') t USING (tenant_id, feature_key, period)
          WHERE e.units IS DISTINCT FROM t.units",
    ),
    (
        "each event id has one event",
        "SELECT tenant_id::text FROM saas.usage_event_keys k FULL JOIN
           (SELECT tenant_id, event_id, count(*) AS events FROM saas.usage_events WHERE event_id IS NOT NULL GROUP BY 1, 2) e
           USING (tenant_id, event_id) WHERE e.events IS DISTINCT FROM 1",
    ),
    (
        "of a closed period every unit is in its summary or an adjustment, once it was folded",
        "SELECT r.tenant_id::text FROM saas.usage_records r
           JOIN saas.usage_summaries s USING (tenant_id, feature_key, period)
          WHERE s.closed_at IS NOT NULL
            AND r.count <> s.units_used + (SELECT coalesce(sum(a.units), 0) FROM saas.usage_adjustments a
                  WHERE (a.tenant_id, a.feature_key, a.period) = (r.tenant_id, r.feature_key, r.period))",
    ),
];

pub fn subscribe(
    client: &mut Client,
    tenant: Uuid,
    plan: &str,
    seats: i32,
    from: &str,
    trial: Option<&str>,
) -> Result<Uuid, postgres::Error> {
    let sql = "SELECT saas.subscribe($1, $2, $3, $4::text::timestamptz, $5::text::interval)";
    Ok(client.query_one(sql, &[&tenant, &plan, &seats, &from, &trial])?.get(0))
}

/// For [`Books::work`].
pub const CANCEL: &str = "cancel_subscription($1, true, $2::text::timestamptz)";
pub const CANCEL_NOW: &str = "cancel_subscription($1, false, $2::text::timestamptz)";
pub const PAUSE: &str = "pause_subscription($1, $2::text::timestamptz)";
pub const RESUME: &str = "resume_subscription($1, $2::text::timestamptz)";

pub fn change(
    client: &mut Client,
    tenant: Uuid,
    plan: Option<&str>,
    seats: Option<i32>,
    mode: &str,
    at: &str,
) -> Result<Uuid, postgres::Error> {
    let sql = "SELECT saas.change_subscription($1, $2, $3, $4, $5::text::timestamptz)";
    Ok(client.query_one(sql, &[&tenant, &plan, &seats, &mode, &at])?.get(0))
}

pub fn record(
    client: &mut Client,
    tenant: Uuid,
    feature: &str,
    units: i64,
    event: Option<&str>,
    at: &str,
) -> Result<bool, postgres::Error> {
    let sql = "SELECT saas.record_usage($1, $2, $3, $4, $5::text::timestamptz)";
    Ok(client.query_one(sql, &[&tenant, &feature, &units, &event, &at])?.get(0))
}

pub fn close(client: &mut Client, day: &str, batch: i32) -> Result<(), postgres::Error> {
    client.batch_execute(&format!("CALL saas.close_period('{day}', {batch})"))
}

pub fn generate(client: &mut Client, tenant: Uuid, day: &str) -> Result<Uuid, postgres::Error> {
    Ok(client
        .query_one("SELECT saas.generate_invoice($1, $2::text::date)", &[&tenant, &day])?
        .get(0))
}

pub fn finalize(client: &mut Client, invoice: Uuid) -> Result<String, postgres::Error> {
    Ok(client.query_one("SELECT saas.finalize_invoice($1)", &[&invoice])?.get(0))
}

/// For a lock, in this database.
pub fn until_somebody_waits(client: &mut Client) {
    until_so_many_wait(client, 1);
}

pub fn until_so_many_wait(client: &mut Client, count: i64) {
    let sql = "SELECT count(DISTINCT pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()";
    for _ in 0..2000 {
        if story::one::<i64>(client, sql, &[]) >= count {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("nobody waits");
}
