-- Before a month is closed: what was used in it, in four rows a counter, and credits.
INSERT INTO saas.usage_counter_slots (tenant_id, feature_key, period, slot, units, last_at)
SELECT t.id, f.key, :'month', slot, 300, :'month'::timestamp AT TIME ZONE 'UTC' FROM saas.tenants t, saas.features f, generate_series(0, 3) slot;
INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) SELECT id, 1000, 'Welcome', 'promo' FROM saas.tenants;
INSERT INTO plain.slots SELECT * FROM saas.usage_counter_slots WHERE period = :'month';
WITH granted AS (
  INSERT INTO plain.ledger (tenant_id, id, entry, delta, balance_after, reason, source)
  SELECT t.id, saas.uuid_v7(), coalesce(last.entry, 0) + 1, 1000, coalesce(last.balance_after, 0) + 1000, 'Welcome', 'promo'
    FROM saas.tenants t
    LEFT JOIN LATERAL (SELECT l.entry, l.balance_after FROM plain.ledger l WHERE l.tenant_id = t.id ORDER BY l.entry DESC LIMIT 1) last ON true
  RETURNING tenant_id, id, entry, priority
)
INSERT INTO plain.lots (tenant_id, grant_id, entry, priority, remaining) SELECT tenant_id, id, entry, priority, 1000 FROM granted;
VACUUM ANALYZE;
CHECKPOINT;
