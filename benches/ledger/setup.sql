-- Fifty tenants, their grants (some, so that the planner's statistics are of a ledger in use), and beside them the plain SQL that does the same: a balance row that is locked, an entry, an update.
SET client_min_messages = warning;
INSERT INTO saas.tenants (id, name)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Tenant ' || n FROM generate_series(1, 50) n;
SELECT count(saas.grant_credit(id, 1000000000, 'Opening', 'promo')) FROM saas.tenants \g /dev/null
SELECT count(saas.grant_credit(id, 10, 'Earlier', 'promo')) FROM saas.tenants, generate_series(1, 40) \g /dev/null

CREATE TABLE public.balances (tenant_id uuid PRIMARY KEY REFERENCES saas.tenants (id), balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE public.entries (
  tenant_id       uuid NOT NULL REFERENCES saas.tenants (id),
  id              uuid NOT NULL DEFAULT gen_random_uuid(),
  delta           bigint NOT NULL CHECK (delta <> 0),
  balance_after   bigint NOT NULL CHECK (balance_after >= 0),
  reason          text NOT NULL,
  source          text NOT NULL,
  idempotency_key text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, idempotency_key)
);
INSERT INTO public.balances SELECT id, 1000000400 FROM saas.tenants;
INSERT INTO public.entries (tenant_id, delta, balance_after, reason, source)
SELECT tenant_id, delta, balance_after, reason, source FROM saas.tenant_credit_ledger;
VACUUM ANALYZE;
