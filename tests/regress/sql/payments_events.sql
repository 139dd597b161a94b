-- Payment events: stored first, processed once, in order, with effects on their own tenant only.
SET SESSION AUTHORIZATION saas_owner;
INSERT INTO saas.tenants (name) VALUES ('Acme') RETURNING id AS acme \gset
INSERT INTO saas.tenants (name) VALUES ('Globex') RETURNING id AS globex \gset
INSERT INTO saas.tenant_subscriptions (tenant_id, plan_id, status, current_period_start, current_period_end)
SELECT t.id, p.id, 'active', '2026-01-01', '2026-02-01'
  FROM saas.tenants t, saas.plans p WHERE p.key = 'free';
SELECT saas.link_provider_customer(:'acme', 'stripe', 'cus_acme'),
       saas.link_provider_customer(:'globex', 'stripe', 'cus_globex');
CREATE VIEW events AS
SELECT provider_event_id AS event, t.name AS tenant, processed, outcome, attempts, last_error
  FROM saas.payment_events LEFT JOIN saas.tenants t ON t.id = tenant_id ORDER BY received_at, payment_events.id;
CREATE VIEW state AS
SELECT t.name, t.billing_state, s.status, s.provider_subscription_id AS linked,
       (SELECT balance_after FROM saas.tenant_credit_ledger l WHERE l.tenant_id = t.id ORDER BY entry DESC LIMIT 1) AS balance
  FROM saas.tenants t JOIN saas.tenant_subscriptions s ON s.tenant_id = t.id ORDER BY t.name;
-- What Stripe would send.
CREATE FUNCTION stripe(id text, type text, at text, object jsonb) RETURNS boolean LANGUAGE sql AS $$
  SELECT saas.ingest_payment_event('stripe', id, type, jsonb_build_object(
    'id', id, 'type', type, 'created', extract(epoch FROM at::timestamptz)::bigint, 'data', jsonb_build_object('object', object)))
$$;

-- Delivered twice, processed once.
SELECT stripe('evt_1', 'customer.subscription.created', '2026-01-01',
              '{"id": "sub_1", "customer": "cus_acme", "status": "active"}');
SELECT stripe('evt_1', 'customer.subscription.created', '2026-01-01',
              '{"id": "sub_1", "customer": "cus_acme", "status": "active"}');
SELECT saas.process_payment_events();
SELECT saas.process_payment_events();
TABLE events;
TABLE state;

-- The same id with another body: the first one stands, and the matter is reported.
SELECT stripe('evt_1', 'customer.subscription.created', '2026-01-01',
              '{"id": "sub_1", "customer": "cus_globex", "status": "active"}');
SELECT severity, kind, subject, evidence ->> 'event_type' AS event_type,
       evidence ->> 'payload_sha256' = evidence ->> 'other_payload_sha256' AS same_body
  FROM saas.security_events;

-- Newer, then older; then one of a customer that is nobody's yet, and one without effect here.
SELECT stripe('evt_2', 'customer.subscription.updated', '2026-01-20',
              '{"id": "sub_1", "customer": "cus_acme", "status": "past_due"}'),
       stripe('evt_3', 'customer.subscription.updated', '2026-01-10',
              '{"id": "sub_1", "customer": "cus_acme", "status": "active"}'),
       stripe('evt_4', 'customer.subscription.updated', '2026-01-10',
              '{"id": "sub_2", "customer": "cus_initech", "status": "active"}'),
       stripe('evt_5', 'customer.created', '2026-01-10', '{"id": "cus_acme"}');
SELECT saas.process_payment_events();
TABLE events;
TABLE state;

-- A top-up: credit once, whichever events tell of it.
SELECT stripe('evt_6', 'checkout.session.completed', '2026-01-21',
              '{"id": "cs_1", "mode": "payment", "customer": "cus_acme", "payment_intent": "pi_1",
                "payment_status": "paid", "amount_total": 5000, "currency": "usd"}'),
       stripe('evt_7', 'payment_intent.succeeded', '2026-01-21',
              '{"id": "pi_1", "customer": "cus_acme", "amount": 5000, "amount_received": 5000, "currency": "usd"}');
SELECT saas.process_payment_events();
SELECT entry, delta, balance_after, source, reason, idempotency_key FROM saas.tenant_credit_ledger;
SELECT provider_payment_id, amount, currency, status, reason FROM saas.payment_one_times;

-- An event of Globex's customer about Acme's subscription.
SELECT stripe('evt_8', 'customer.subscription.deleted', '2026-01-25',
              '{"id": "sub_1", "customer": "cus_globex", "status": "canceled", "metadata": {"tenant_id": "it is mine"}}');
SELECT saas.process_payment_events();
SELECT * FROM events WHERE event > 'evt_5';
TABLE state;
SELECT kind, subject, evidence ->> 'other_tenant_id' = :'acme' AS about_acme FROM saas.security_events WHERE tenant_id = :'globex';
