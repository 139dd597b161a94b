-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.check_invoice_total() IS 'At commit, the amounts of an invoice are the sums of its lines.';
COMMENT ON FUNCTION saas.price_quantity(jsonb, numeric) IS
'What a quantity costs under a price model, not rounded. docs/cases.md shows the models.
Arguments: model, a price model; quantity, how many units, 0 or more.
Returns: minor units, with fractions.
Needs: any kind of access.
Errors: 22023 for a model without a meaning or a negative quantity; 22P02 for malformed amounts; 22003 beyond 28 digits.
Example as app:
SELECT saas.price_quantity(''{"model": "graduated", "tiers": [{"up_to": 100, "unit_amount": "10"}, {"up_to": null, "unit_amount": "7.5"}]}'', 120)';
COMMENT ON FUNCTION saas.billing_period(timestamptz, interval, timestamptz, text) IS
'The billing period that contains a moment, counted from the anchor in civil time of the zone: day 31 becomes the month''s last day and never drifts. Also backwards before the anchor.
Arguments: anchor, when the first period began; every, its length in months or days; at, the moment; time_zone, an IANA name, UTC by default.
Returns: the period, half-open.
Needs: any kind of access.
Errors: 22023 for an unusable length or unknown zone; 22003 beyond what a timestamp can be.
Example as app:
SELECT saas.billing_period(''2026-01-31Z'', ''1 month'', ''2026-02-10Z'')';
COMMENT ON FUNCTION saas.billing_days(date, interval, date) IS
'The billing period in whole days that contains a day, counted from the anchor: how subscriptions are billed.
Arguments: anchor, the first day of the first period; every, its length in months or days; day, the day.
Returns: the period, half-open.
Needs: the data owner.
Errors: as billing_period.
Example as owner:
SELECT saas.billing_days(''2026-01-31'', ''1 month'', ''2026-02-10'')';
COMMENT ON FUNCTION saas.prorate(bigint, daterange, daterange) IS
'The part of an amount for a period that falls on the days used within it, by whole days, rounded half away from zero.
Arguments: amount, minor units for the whole period; period, its days; used, the days within it that count.
Returns: minor units.
Needs: any kind of access.
Errors: 22023 when the used days are not within the period, or a range has no end.
Example as app:
SELECT saas.prorate(3000, ''[2026-06-01,2026-07-01)'', ''[2026-06-16,2026-07-01)'')';
COMMENT ON FUNCTION saas.round_minor(numeric) IS
'Rounds to whole minor units, half away from zero.
Arguments: amount, minor units with fractions.
Returns: minor units.
Needs: any kind of access.
Errors: 22003 beyond bigint and for NaN and infinity.
Example as app:
SELECT saas.round_minor(2.5)';

COMMENT ON FUNCTION saas.define_plan(jsonb) IS
'Makes the current version of a plan be what a definition says. The same definition again changes nothing. Other terms (prices, what is included, the interval) make a new version, and who has subscribed keeps his; a name and the limits change in place.
Arguments: definition, an object with "key" and "base_price" (minor units for an interval) and any of: "name"; "currency" (that of saas.settings by default); "prices", an array of {"currency", "base_price", "seat_price", "setup_fee", "minimum_amount"} in other currencies; "seat_price" for each seat beyond "included_seats" (1); "billing_interval", monthly or yearly; "billing_cycle", calendar or anniversary; "bill_in", arrears (the fees at the end of their period, with the usage) or advance (at its beginning, as a whole, with the usage of the period before); "setup_fee", once; "minimum_amount", for an interval; "trial_days"; the limits "workspace_count" (1), "guest_count" (10) and "member_seat" (100), -1 for none; "is_active", false for a plan that nobody can take any more; "is_custom" and "tenant_id", for one tenant only; "features", an array of {"feature_key", "included_units", "overage_price", "price_model", "aggregation" (sum, max or last), "currency"}; "add_ons", what can be taken beside the plan, an array of {"key", "name", "price" (for each and an interval), "most" (how many; any number by default), "currency"}. Amounts are whole minor units, overage_price and the amounts of a price_model decimal strings.
Returns: the id of the current version.
Needs: platform.plan.manage; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an unknown key (hint: the nearest known one) and for what no plan can be; 22P02 for malformed numbers; 22003 for numbers out of range; 23503 for an unknown currency or tenant; 23505 for a feature that adds up in another way on another plan; 23502 for a NULL.
Example as admin:
SELECT saas.define_plan(''{"key": "team", "name": "Team", "base_price": 5000, "seat_price": 1000, "included_seats": 3, "features": [{"feature_key": "project.create", "included_units": 5000, "overage_price": "0.8"}]}'')';
COMMENT ON FUNCTION saas.subscribe(uuid, text, integer, timestamptz, interval) IS
'Puts a tenant on the current version of a plan. The plan''s own trial is for a tenant''s first contract. What is billed in advance is charged at once, on a draft, for the days that are left of the fee''s period; after a trial or a beginning to come, by saas.advance_subscriptions.
Arguments: tenant_id, the tenant; plan_key, the plan; seats, how many, 1 by default; starts_at, when it begins, now by default, legal in the past; trial, how long nothing is due from then on, NULL for the plan''s own.
Returns: the subscription''s id.
Needs: billing.manage in the tenant, from now on and without a trial; kind worker or gateway, platform.billing.adjust or the data owner for other dates and trials.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown tenant; 42704 for an unknown plan; 22023 for fewer than one seat, or a plan that has no price, or none of what it meters, in the tenant''s currency; 53400 beyond the plan''s seats; 55000 when the tenant has a live subscription, when its last contract ended later, and in a transaction that began too long ago (settings.now_tolerance); 23502 for a NULL.
Example as worker:
SELECT saas.subscribe(:''globex'', ''pro'', seats => 3, trial => ''14 days'')';
COMMENT ON FUNCTION saas.generate_invoice(uuid, date) IS
'The invoice of the tenant''s billing period that contains a day, made as a draft if it is not there yet, after earlier periods that were left open. In place of one that was voided it makes a new draft, of the same usage and late usage at the same prices, and with the credits that there are now; so also for a fee in advance or a change whose days hold the day, and whose invoice was voided. For a tenant whose contracts have ended, today''s date bills what has come late since.
Arguments: tenant_id, the tenant; period, any day of the billing period (with calendar billing, of the month).
Returns: the invoice''s id, the same when called again.
Needs: kind worker; platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission; 55000 while the period runs or without a subscription then; 23503 for an unknown tenant; 23502 for a NULL.
Example as worker:
SELECT saas.generate_invoice(:''acme'', (now() - interval ''1 month'')::date)';
COMMENT ON FUNCTION saas.preview_invoice(uuid, timestamptz) IS
'What the invoice of a tenant''s billing period would say if the period ended with what is used so far: the same lines as those of the real one, and nothing is written. Of a period that is billed already, the lines of its invoice; of a void one, those of the invoice that would take its place. Earlier periods that are not closed yet are taken to be billed first. Of a contract that begins only when another interval or cycle comes, saas.preview_change tells.
Arguments: tenant_id, the tenant; as_of, any moment of the period, now by default, at most ten years ahead.
Returns: the lines in their order, amounts in minor units; none without a subscription then.
Needs: billing.view in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for a moment too far ahead or an infinite one; 23503 for an unknown tenant; 23502 for a NULL.
Example as app:
SELECT kind, description, amount FROM saas.preview_invoice(:''acme'')';
COMMENT ON FUNCTION saas.finalize_invoice(uuid) IS
'Opens a draft: gives it the issuer''s next number and its due date, and keeps on it what it says of issuer and recipient. An invoice over nothing is paid at once; one that charges nothing goes without a number where saas.settings.zero_invoices is skip.
Arguments: invoice_id, the draft; one that is finalized keeps its number.
Returns: the number; NULL without one.
Needs: kind worker; platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown invoice; 55000 for a draft that was voided; 23502 for a NULL.
Example as worker:
SELECT saas.finalize_invoice(:''draft'')';
COMMENT ON FUNCTION saas.void_invoice(uuid, text) IS
'Declares an invoice void, as if it had not been written: it keeps its number, the credits that it used are given back with their priorities and expiries (one that has expired since lives as long again as it had left when it was used), and those that it gave are taken back. saas.generate_invoice makes a new one for its period.
Arguments: invoice_id, a draft or an invoice that is open, failed or uncollectible; reason, in words.
Returns: nothing.
Needs: platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown invoice; 55000 for one that is paid or void, that has credit notes, or that gave credits which have been used; 22023 for an empty reason; 23502 for a NULL.
Example as admin:
SELECT saas.void_invoice(:''invoice'', ''Wrong plan'')';
COMMENT ON FUNCTION saas.mark_uncollectible(uuid, text) IS
'Gives an invoice up. It may still be paid, or voided.
Arguments: invoice_id, an invoice that is open or failed; reason, in words.
Returns: nothing.
Needs: platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown invoice; 55000 for one in another state; 22023 for an empty reason; 23502 for a NULL.
Example as admin:
SELECT saas.mark_uncollectible(:''invoice'', ''Insolvent'')';
COMMENT ON PROCEDURE saas.close_period(date, integer) IS
'Closes every billing period that begins in a calendar month (or earlier) and has ended: rolls up usage, assesses fees, applies credits, leaves draft invoices; commits a batch at a time. What has come late to tenants whose contracts have ended is billed alone. Safe to stop, to run again and to run twice at once. A tenant that can''t be billed is parked in saas.close_parked and does not stop the others. Call it outside of a transaction block.
Arguments: period, any day of the month; batch_size, how many tenants are committed together, 1000 by default. Between batches it rests while others write (settings.close_share).
Returns: nothing.
Needs: kind worker; the data owner.
Errors: 2D000 inside of a transaction block; 42501 for other kinds; 55000 while the month runs; 22023 for a batch_size below 1; 23502 for a NULL.
Example as worker:
CALL saas.close_period((now() - interval ''1 month'')::date)';
COMMENT ON FUNCTION saas.give_way() IS
'What saas.close_period does between two batches, for callers who commit themselves: while others write it rests, so that closing takes no more than settings.close_share of the time. After the last batch, and without others, it returns at once.
Arguments: none.
Returns: nothing.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds.
Example as worker:
SELECT saas.give_way()';
COMMENT ON FUNCTION saas.close_next_batch(date, integer, timestamptz) IS
'One batch of saas.close_period, for callers who commit themselves.
Arguments: period, any day of the month; batch_size, how many tenants; started_at, when this closing began: tenants that were parked since then are not tried again.
Returns: true, or false when nothing is left to close.
Needs: kind worker; the data owner.
Errors: as close_period, but 2D000.
Example as worker:
SELECT saas.close_next_batch((now() - interval ''1 month'')::date, 1000, now())';
COMMENT ON FUNCTION saas.grant_credit(uuid, bigint, text, text, text, timestamptz, integer) IS
'Gives a tenant credits. The lower priority is used first, then what expires first.
Arguments: tenant_id, the tenant; amount, minor units of its currency; reason, in words; source, one of billing, admin and promo; idempotency_key, what makes it the same grant when it is sent again; expires_at, when what is left of it ends, NULL for never; priority, 50 by default.
Returns: the ledger entry''s id, the same for the same idempotency_key.
Needs: platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission; 22023 for an amount below 1 or an expiry in the past; 23503 for an unknown tenant; 23505 when the key was used for another amount; 23514 for another source; 23502 for a NULL.
Example as admin:
SELECT saas.grant_credit(:''acme'', 1000, ''Sorry for the outage'', ''admin'', ''ticket 7'', now() + interval ''1 year'')';
COMMENT ON FUNCTION saas.spend_credit(uuid, bigint, text, text) IS
'Uses credits of a tenant for something else than its invoices. The lower priority is used first, then what expires first.
Arguments: tenant_id, the tenant; amount, minor units of its currency; reason, in words; idempotency_key, what makes it the same when it is sent again.
Returns: the ledger entry''s id, the same for the same idempotency_key.
Needs: billing.manage in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 53400 for more than the balance; 55000 in a transaction that began too long ago (settings.now_tolerance); 22023 for an amount below 1; 23514 for an empty reason or key; 23505 when the key was used for another amount; 23503 for an unknown tenant; 23502 for a NULL.
Example as app:
SELECT saas.spend_credit(:''acme'', 1, ''Voucher'', ''voucher 1'') WHERE saas.credit_balance(:''acme'') > 0';
COMMENT ON FUNCTION saas.credit_balance(uuid) IS
'The credits that a tenant has.
Arguments: tenant_id, the tenant.
Returns: minor units of its currency.
Needs: billing.view in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23502 for a NULL.
Example as app:
SELECT saas.credit_balance(:''acme'')';
COMMENT ON FUNCTION saas.invoice_sums(uuid, uuid) IS
'What the lines of an invoice add up to, column by column of payment_invoices.
Arguments: tenant_id, the tenant; invoice_id, its invoice.
Returns: one row, amounts in minor units; zeros without lines.
Needs: the data owner.
Errors: 22003 for a sum beyond bigint.
Example as owner:
SELECT total_amount FROM saas.invoice_sums(:''acme'', :''invoice'')';

COMMENT ON FUNCTION saas.usage_tiers(jsonb, numeric) IS 'Internal: the lines of a usage fee by tiers, which add up to it.';
COMMENT ON FUNCTION saas.counted_under(text, date, date) IS 'Internal: what the usage of a billing period is counted under.';
COMMENT ON FUNCTION saas.is_behind(uuid, timestamptz) IS 'Internal: whether a tenant is behind with an invoice.';
COMMENT ON FUNCTION saas.monthly_value(uuid, integer, text) IS 'Internal: what a plan with so many seats is worth a month.';
COMMENT ON FUNCTION saas.trial_after_change(uuid, uuid, uuid, integer, timestamptz) IS 'Internal: until when a trial lasts if the contract changes.';
COMMENT ON FUNCTION saas.setup_fees(uuid, uuid, uuid) IS 'Internal: the set-up fees that a contract owes, and from which day.';
COMMENT ON FUNCTION saas.add_on_days(uuid, uuid, date) IS 'Internal: the add-ons of a contract, with the days of each quantity.';
COMMENT ON FUNCTION saas.add_on_offer(uuid, text, text) IS 'Internal: what a plan says of an add-on in a currency.';
COMMENT ON FUNCTION saas.plan_price(uuid, text) IS 'Internal: what a plan costs in a currency.';
COMMENT ON FUNCTION saas.subscription_terms(uuid, uuid, date) IS 'Internal: a contract''s plan and seats on a day.';
COMMENT ON FUNCTION saas.fee_period_end(uuid, uuid, timestamptz) IS 'Internal: when the period ends that a fee covers.';
COMMENT ON FUNCTION saas.billed_amounts() IS 'Internal: what closed periods have charged for their own days.';
COMMENT ON FUNCTION saas.paid_ahead() IS 'Internal: what was charged in advance.';
COMMENT ON FUNCTION saas.fee_days(text, text, date, date) IS 'Internal: the days that a fee is for.';
COMMENT ON FUNCTION saas.fees_in_advance(uuid, uuid, timestamptz, date) IS 'Internal: the fees that a contract owes in advance.';
COMMENT ON FUNCTION saas.charges_alone_until(timestamptz, date, text) IS 'Internal: until when fees in advance come on invoices of their own.';
COMMENT ON FUNCTION saas.change_subscription(uuid, text, integer, text, timestamptz) IS
'Changes the plan or the seats of a tenant''s contract. What is worth more applies at once: the days that are left of the running period are credited at the full value of the old terms and charged at that of the new, as two lines of the period''s invoice. What is worth less waits until the period that is paid for is over; asking for the terms of now takes it back. During a trial everything applies at once and for nothing; with a plan that is worth more the trial lasts no longer than that plan''s own, counted from the beginning. A plan with another interval or cycle makes another contract, which begins where this one ends, and has what is left of the trial. A year is sold as a whole: a monthly plan waits until it is over. Where the days are paid in advance, the two lines make an invoice of their own at once, and another contract waits until they are over. A plan with a higher set-up fee owes the difference, and each day has the minimum of its own plan.
Arguments: tenant_id, the tenant; plan_key, the plan, whose current version is taken, NULL for the same; seats, NULL for as many as now; mode, auto, prorate (at once, whatever it is worth) or next_period; as_of, when, now by default.
Returns: the subscription''s id: another one if another contract has begun.
Needs: billing.manage in the tenant for a change as of now in mode auto or next_period; kind worker or gateway, platform.billing.adjust or the data owner for prorate and for other dates.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown tenant; 42704 for an unknown plan; 22023 without a change, for an unknown mode, fewer than one seat, or a plan without a price in the tenant''s currency; 53400 beyond the plan''s seats, or when members or guests would have no room; 55000 without a live contract, for one that is paused or about to end, for a plan that does not offer the add-ons that the contract has taken, for a day that is billed already or lies before another change, for another contract in mode prorate within days that are paid in advance, and in a transaction that began too long ago (settings.now_tolerance); 23502 for a NULL.
Example as worker:
SELECT saas.change_subscription(:''acme'', seats => 5)';
COMMENT ON FUNCTION saas.preview_change(uuid, text, integer, text, timestamptz) IS
'What the invoice would say that a change of the contract touches first: of the period that bills the fee (of a year its last month), or for a change that waits, of the next one; in advance, that of the change itself, or of the fee that follows. The change is made, the invoice previewed, and both undone.
Arguments: as of change_subscription.
Returns: the lines in their order, amounts in minor units.
Needs: billing.view in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: as change_subscription.
Example as app:
SELECT kind, description, amount FROM saas.preview_change(:''acme'', seats => 5)';
COMMENT ON FUNCTION saas.set_add_on(uuid, text, integer, text, timestamptz) IS
'Says how many of an add-on a tenant''s contract takes, beside its plan. More applies at once, fewer when the period that is paid for is over; as many as now takes back what waits. During a trial everything applies at once and for nothing. Each quantity is a line of the invoice that bills the plan''s fee, by its days, at the price of the plan of these days; a minimum is not filled with it. Add-ons go on with other plans, which must offer them, and with a contract of another interval; they end with the contract.
Arguments: tenant_id, the tenant; add_on_key, one of those that its plan offers; quantity, how many from then on, 0 for none; mode, auto, prorate (at once, also fewer) or next_period; as_of, when, now by default.
Returns: the subscription''s id.
Needs: billing.manage in the tenant as of now in mode auto or next_period; kind worker or gateway, platform.billing.adjust or the data owner for prorate and for other dates.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown tenant; 42704 for what the plan does not offer (hint: the nearest that it does); 22023 for a negative quantity, an unknown mode, or an add-on without a price in the tenant''s currency; 22003 for a price beyond bigint; 53400 for more than the plan offers; 55000 without a live contract, for one that is paused or about to end, when the plan that waits for its day does not offer it, for a day that is billed already or lies before another change, and in a transaction that began too long ago (settings.now_tolerance); 23502 for a NULL.
Example as worker:
SELECT saas.set_add_on(:''acme'', ''support'', 1)';
COMMENT ON FUNCTION saas.preview_add_on(uuid, text, integer, text, timestamptz) IS
'What the invoice would say that another number of add-ons touches first: of the period that bills the fee (of a year its last month), or of the next one if they wait. It is said, the invoice previewed, and both undone.
Arguments: as of set_add_on.
Returns: the lines in their order, amounts in minor units.
Needs: billing.view in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: as set_add_on.
Example as app:
SELECT kind, description, quantity, amount FROM saas.preview_add_on(:''acme'', ''support'', 1)';
COMMENT ON FUNCTION saas.cancel_subscription(uuid, boolean, timestamptz) IS
'Ends a tenant''s contract: with the period that its fee covers (a year with a yearly plan, a trial while it lasts), or at once. The last invoice comes when its period is closed, for the days until then, the last one and in any case the first included; within a trial nothing is due. What is paid in advance is not given back: saas.credit_invoice does that.
Arguments: tenant_id, the tenant; at_period_end, true by default; as_of, when this is said, now by default.
Returns: nothing.
Needs: billing.manage in the tenant as of now; kind worker or gateway, platform.billing.adjust or the data owner for other dates, and to end a year before its end, which is then billed by its days, if it was not billed in advance.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown tenant; 55000 without a live contract, for a day that is billed already or lies before another change, at a period''s end for a paused one, and in a transaction that began too long ago (settings.now_tolerance); 23502 for a NULL.
Example as worker:
SELECT saas.cancel_subscription(:''acme'')';
COMMENT ON FUNCTION saas.pause_subscription(uuid, timestamptz) IS
'Pauses a tenant''s contract on a monthly plan that is billed in arrears: from this day on the plan gives what the free plan gives, and no day is billed until it is resumed.
Arguments: tenant_id, the tenant; as_of, the first day of the pause, today by default.
Returns: nothing.
Needs: kind worker or gateway, platform.billing.adjust, or the data owner: days that are not billed are given by whoever bills.
Errors: as cancel_subscription; 55000 also for a yearly plan, one that is billed in advance and one that is paused already.
Example as worker:
SELECT saas.pause_subscription(:''acme'')';
COMMENT ON FUNCTION saas.resume_subscription(uuid, timestamptz) IS
'Lets a paused contract go on, in the billing period that holds the day: what was due until the pause is invoiced first. Terms that came due in the pause apply from that day on. Of a contract that is about to end, or to change, takes that back. A tenant that is behind with an invoice is past_due again.
Arguments: tenant_id, the tenant; as_of, the first day that is billed again, today by default; of a paused contract no day to come.
Returns: nothing.
Needs: as cancel_subscription.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown tenant; 55000 when there is nothing to resume; 23502 for a NULL.
Example as worker:
SELECT saas.cancel_subscription(:''acme'');
SELECT saas.resume_subscription(:''acme'')';
COMMENT ON FUNCTION saas.advance_subscriptions(timestamptz) IS
'Applies what has come due: trials end, terms that waited apply, contracts end, and fees in advance are charged that come with no period''s invoice. Closing a period does the same for its tenant first. Call it every hour or so; tenants that somebody else is changing are left for the next call, and those for whom it fails are left out with a warning.
Arguments: as_of, by when, now by default.
Returns: how many changes were made, and drafts.
Needs: kind worker; the data owner.
Errors: 42501 for others; 22023 for an infinite as_of; 23502 for a NULL.
Example as worker:
SELECT saas.advance_subscriptions()';
