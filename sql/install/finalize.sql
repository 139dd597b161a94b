-- The last part of CREATE EXTENSION: what the functions are, who may call them, and the tables.

-- Install
COMMENT ON FUNCTION saas.install() IS
'Makes the tables, seed rows, triggers and policies that are missing, as the data owner; running it again changes nothing. Errors: 42501 unless called by the database''s owner or a superuser, or when somebody else has objects in schema saas.';
COMMENT ON FUNCTION saas.version() IS 'The version of the library, as text.';
COMMENT ON FUNCTION saas.uuid_v7() IS 'A new UUID version 7 (RFC 9562): time-ordered, so that new rows stand together in an index.';
COMMENT ON FUNCTION saas.grant_access(regrole, text) IS
'Gives a database role exactly what its kind of access needs (app, gateway, worker, auditor or admin), and takes what another kind gave it. Errors: 42501 unless called by the data owner; 22023 for an unknown kind, a superuser or the data owner.';

COMMENT ON FUNCTION saas.revoke_access(regrole) IS
'Takes from a database role all that saas.grant_access gave it, so that it can be dropped. Nothing happens for a role that has no access. Errors: 42501 unless called by the data owner; 22023 for the data owner.';

-- Context
COMMENT ON FUNCTION saas.begin_request(text, uuid, uuid) IS
'Authenticates the rest of this transaction by a session token or API key, and binds it to a tenant if one is given (an API key is always bound to its own). With impersonation_id the session''s user acts in that open impersonation. Returns the user whose rights apply. Call it inside a transaction block (else warning 25P01). Errors: 28000 for a token that is unknown, expired or revoked, or of a deleted user; 42501 for a tenant that is not one of the user''s, does not exist, is suspended or deleted. After an error nobody is asking; a rollback to a savepoint brings back who asked there.';
COMMENT ON FUNCTION saas.begin_request_as(uuid, uuid) IS
'Begins a request for a user whom the calling backend has authenticated itself. Returns the user. Errors: 42501 for other kinds than gateway, and for a tenant that is not one of the user''s; 28000 for an unknown or deleted user.';
COMMENT ON FUNCTION saas.current_user_id() IS 'The user whose rights apply in this transaction (under impersonation the one acted for), or NULL.';
COMMENT ON FUNCTION saas.oneself() IS 'The current user if he himself asks: NULL with an API key and under impersonation. For policies on what is a person''s own business.';
COMMENT ON FUNCTION saas.current_tenant_id() IS 'The tenant that this request is bound to, or NULL.';
COMMENT ON FUNCTION saas.current_session_id() IS 'The session of this request, or NULL.';
COMMENT ON FUNCTION saas.current_impersonator_id() IS 'Who acts as the current user, or NULL.';
COMMENT ON FUNCTION saas.create_user(text, text) IS
'Registers a user and returns the id. Errors: 42501 for other kinds than gateway; 23505 when the e-mail address is known (without regard to case); 23514 when it is none.';
COMMENT ON FUNCTION saas.create_session(uuid, interval, inet, text) IS
'Opens a session that ends after lifetime and returns its token: 256 random bits, shown this once and stored as SHA-256. Errors: 42501 for other kinds than gateway; 28000 for an unknown or deleted user; 23514 for a lifetime that is not positive.';
COMMENT ON FUNCTION saas.revoke_session(uuid) IS
'Ends a session: one''s own, or without a context as gateway anybody''s. Ending one''s current session ends the request. Errors: 28000 without a context; 42501 for a session of somebody else.';

-- Permissions
COMMENT ON FUNCTION saas.has_tenant_permission(text) IS
'Whether the current user has the permission in the current tenant; false without either. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_tenant_permission(uuid, text) IS
'Whether the current user has the permission in that tenant: for row-level security policies. False without a user, for NULL, and for another tenant than the one this request is bound to. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_tenant_permission(uuid, uuid, text) IS
'Whether a user (first argument) has the permission in a tenant (second). Errors: 42501 when asking about somebody else without being gateway, data owner or holding platform.security.view; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_system_permission(text) IS
'Whether the current user holds a system role with the permission. Tenant roles never count. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_system_permission(uuid, text) IS
'Whether a user holds a system role with the permission. Errors: 42501 when asking about somebody else without being gateway, data owner or holding platform.security.view; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.require_tenant_permission(text) IS
'The gate of an action in the current tenant. Errors: 28000 without a user; 42501 without the permission or without a current tenant; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.require_tenant_permission(uuid, text) IS
'The gate of an action in a tenant. Errors: 28000 without a user; 42501 without the permission, and the same for a tenant that does not exist; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.require_system_permission(text) IS
'The gate of a platform action. Errors: 28000 without a user; 42501 without the permission; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.authorized_tenant_id(text) IS
'The current tenant if the current user has the permission there, else NULL: WHERE tenant_id = saas.authorized_tenant_id(''tenant.read''). Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.permitted_tenant_ids(text) IS
'All tenants in which the current user has the permission, sorted; empty without a user. Error: 42704 for an unknown permission.';

-- Tenancy
COMMENT ON FUNCTION saas.create_tenant(text, uuid) IS
'Creates a tenant with its owner and returns its id. For oneself; the data owner names the owner. Errors: 28000 without a context; 42501 for another owner or in a request that is bound to a tenant; 53400 when the user owns as many as his plans allow; 23514 for an empty name.';

-- Pure billing
COMMENT ON FUNCTION saas.price_quantity(jsonb, numeric) IS
'What a quantity costs under a price model, in minor units, not rounded. docs/cases.md shows the models. Errors: 22023 for a model without a meaning or a negative quantity; 22P02 for malformed amounts; 22003 beyond 28 digits.';
COMMENT ON FUNCTION saas.billing_period(timestamptz, interval, timestamptz, text) IS
'The billing period of a length (months or days) that contains a moment, counted from the anchor in civil time of the zone, half-open: day 31 becomes the month''s last day and never drifts. Also backwards before the anchor. Errors: 22023 for an unusable length or unknown zone; 22003 beyond what a timestamp can be.';
COMMENT ON FUNCTION saas.billing_days(date, interval, date) IS
'The billing period in whole days that contains a day, counted from the anchor: how subscriptions are billed. Errors as billing_period.';
COMMENT ON FUNCTION saas.prorate(bigint, daterange, daterange) IS
'The part of an amount (minor units) for a period that falls on the days used within it, by whole days, rounded half away from zero. Errors: 22023 when the used days are not within the period, or a range has no end.';
COMMENT ON FUNCTION saas.round_minor(numeric) IS 'Rounds to whole minor units, half away from zero. Error: 22003 beyond bigint, for NaN and infinity.';

-- Usage
COMMENT ON FUNCTION saas.record_usage(uuid, text, bigint, text, timestamptz) IS
'Counts one usage event of a tenant; false when its event_id was counted before (NULL event_id: retries may count twice). Worker, gateway and data owner. Errors: 23503 for an unknown tenant; 42704 for a feature that no plan has; 22023 for negative units, an event older than event ids are kept (400 days by default) or more than five minutes in the future; 42501 for another tenant than the request''s.';
COMMENT ON FUNCTION saas.record_usage_batch(uuid[], text[], bigint[], text[], timestamptz[]) IS
'Counts many usage events given as parallel arrays, all or none; returns how many were new. Errors as record_usage, naming the first bad event by its position from 0; 22023 for arrays of different lengths.';
COMMENT ON FUNCTION saas.roll_up_usage(date, uuid) IS
'Folds the counters of the periods that begin in a calendar month into usage_records and fixes usage_summaries of those not closed; of one tenant if given. Usage of a closed period becomes an adjustment. Returns how many summaries changed. Worker and data owner.';
COMMENT ON FUNCTION saas.assess_usage_fees(date, uuid) IS
'Prices the rolled-up usage of the current periods that begin in a calendar month, of one tenant if given, into usage_fees. Returns how many fees there are. Worker and data owner.';
COMMENT ON FUNCTION saas.usage_price(bigint, numeric, jsonb, bigint) IS
'What used units cost beyond the included ones, in minor units, rounded once; 0 without an overage price or price model.';

-- Billing
COMMENT ON FUNCTION saas.subscribe(uuid, text, integer, timestamptz, interval) IS
'Puts a tenant on the current version of a plan and returns the subscription. billing.manage may do so from now and without a trial of its own; other dates and trials need a worker, a gateway or platform.billing.adjust. Errors: 42704 for an unknown plan; 22023 for fewer than one seat or a plan that has no price, or none of what it meters, in the tenant''s currency; 53400 beyond the plan''s seats; 55000 when the tenant has a live subscription.';
COMMENT ON FUNCTION saas.generate_invoice(uuid, date) IS
'The invoice (id) of the tenant''s billing period that contains a day, with calendar billing of that month; made as a draft if it is not there yet, after earlier periods that were left open. Worker, data owner, platform.billing.adjust. Errors: 55000 while the period runs or without a subscription then; 23503 for an unknown tenant.';
COMMENT ON FUNCTION saas.finalize_invoice(uuid) IS
'Opens a draft: gives it the issuer''s next number, which is returned, and its due date. An invoice over nothing is paid at once. Called again it returns the number. Worker, data owner, platform.billing.adjust. Error: 23503 for an unknown invoice.';
COMMENT ON PROCEDURE saas.close_period(date, integer) IS
'Closes every billing period that begins in a calendar month (or earlier) and has ended: rolls up usage, assesses fees, applies credits, leaves draft invoices; commits a batch at a time. Safe to stop, to run again and to run twice at once. A tenant that can''t be billed is parked in saas.close_parked and does not stop the others. Call it outside of a transaction block. Worker and data owner. Errors: 2D000 inside of one; 55000 while the month runs; 22023 for a batch_size below 1; 23502 for a NULL.';
COMMENT ON FUNCTION saas.close_next_batch(date, integer, timestamptz) IS
'One batch of saas.close_period; false when nothing is left to close. started_at: tenants parked since then are not tried again.';
COMMENT ON FUNCTION saas.grant_credit(uuid, bigint, text, text, text, timestamptz, integer) IS
'Gives a tenant credits (minor units of its currency) and returns the ledger entry. source: billing, admin or promo. The same idempotency_key gives the same entry. Lower priority is used first, then what expires first. Data owner, platform.billing.adjust. Errors: 22023 for an amount below 1 or an expiry in the past; 23505 when the key was used for another amount; 23514 for another source.';
COMMENT ON FUNCTION saas.credit_balance(uuid) IS
'The credits that a tenant has, in minor units of its currency. Needs billing.view in the tenant, or platform.billing.adjust. Errors: 28000, 42501.';

-- Payments
COMMENT ON FUNCTION saas.ingest_payment_event(text, text, text, jsonb) IS
'Stores a provider''s event; false when its id was seen before: the first one stands, and another body under its id is a security event. Worker, gateway and data owner. Error: 22023 for a NULL; 23514 for an empty or overlong key.';
COMMENT ON FUNCTION saas.process_payment_events(integer) IS
'Applies up to max_events stored events, oldest first, each in a subtransaction with its mark; returns how many are done. One that fails keeps its error and is tried again, after half a minute first, a day at most. Safe to run in several sessions. Worker and data owner. Error: 22023 for max_events below 1.';
COMMENT ON FUNCTION saas.record_one_time_payment(uuid, text, text, bigint, text, text) IS
'Notes a pending payment (minor units) before its provider confirms it and returns its id; reason is topup or addon. The same payment again gives the same id. Worker, gateway and data owner. Errors: 23505 when the provider''s id stands for another payment; 42501 (data owner: 23503) for an unknown tenant; 23514 for an amount or reason that can''t be.';
COMMENT ON FUNCTION saas.link_provider_customer(uuid, text, text) IS
'Says who a tenant is at a payment provider. Again with another id: the tenant''s new one. Worker, gateway, platform.billing.adjust, data owner. Error: 23505 for another tenant''s customer.';
COMMENT ON FUNCTION saas.link_provider_subscription(uuid, text, text) IS
'Says which of a provider''s subscriptions the tenant''s live one is. Worker, gateway, platform.billing.adjust, data owner. Errors: 23505 for another tenant''s; 55000 without a live subscription.';
COMMENT ON FUNCTION saas.link_provider_invoice(uuid, text, text) IS
'Says which of a provider''s invoices this one is; also when it is finalized. Worker, gateway, platform.billing.adjust, data owner. Errors: 23505 for one that is linked already; 23503 for an unknown invoice.';

-- Proof
COMMENT ON FUNCTION saas.check_invariants() IS
'Every row that breaks one of the rules that docs/invariants.md lists, as invariant, object and detail; none in a healthy database. Auditor, platform.security.view, data owner. Error: 42501.';
COMMENT ON FUNCTION saas.make_partitions(integer) IS
'Makes the monthly partitions (UTC) of the audit log and of usage events for this month and the next ones (ahead); returns how many it made. Worker and data owner.';

-- PUBLIC has nothing. The data owner, who is the database's, has the schema, may call everything and
-- give it on. In a restore the dump has brought the schema, and with it its owner.
REVOKE ALL ON ALL ROUTINES IN SCHEMA saas FROM PUBLIC;
DO $$
BEGIN
  EXECUTE (
    SELECT pg_catalog.format(CASE WHEN r.rolsuper THEN 'ALTER SCHEMA saas OWNER TO %1$s;' ELSE '' END ||
                             'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA saas TO %1$s WITH GRANT OPTION',
                             CASE WHEN r.rolsuper THEN d.datdba ELSE n.nspowner END::pg_catalog.regrole)
      FROM pg_catalog.pg_namespace n
      JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
      JOIN pg_catalog.pg_database d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
     WHERE n.nspname OPERATOR(pg_catalog.=) 'saas');
END $$;

-- A dump brings the tables itself. What is restored from a dump says so by row_security = off.
SELECT saas.install() WHERE pg_catalog.current_setting('row_security')::boolean;
