-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.price_quantity(jsonb, numeric) IS
'What a quantity costs under a price model, in minor units, not rounded. docs/cases.md shows the models. Errors: 22023 for a model without a meaning or a negative quantity; 22P02 for malformed amounts; 22003 beyond 28 digits.';
COMMENT ON FUNCTION saas.billing_period(timestamptz, interval, timestamptz, text) IS
'The billing period of a length (months or days) that contains a moment, counted from the anchor in civil time of the zone, half-open: day 31 becomes the month''s last day and never drifts. Also backwards before the anchor. Errors: 22023 for an unusable length or unknown zone; 22003 beyond what a timestamp can be.';
COMMENT ON FUNCTION saas.billing_days(date, interval, date) IS
'The billing period in whole days that contains a day, counted from the anchor: how subscriptions are billed. Errors as billing_period.';
COMMENT ON FUNCTION saas.prorate(bigint, daterange, daterange) IS
'The part of an amount (minor units) for a period that falls on the days used within it, by whole days, rounded half away from zero. Errors: 22023 when the used days are not within the period, or a range has no end.';
COMMENT ON FUNCTION saas.round_minor(numeric) IS 'Rounds to whole minor units, half away from zero. Error: 22003 beyond bigint, for NaN and infinity.';

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
