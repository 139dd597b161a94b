-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.record_usage(uuid, text, bigint, text, timestamptz) IS
'Counts one usage event of a tenant, once.
Arguments: tenant_id, whose; feature_key, what, as plans call it; units, how many, 0 or more; event_id, what makes it the same event when it is sent again, 1 to 255 characters (NULL: retries may count twice); occurred_at, when, now by default.
Returns: true, or false when this event_id was counted before: the first one stands.
Needs: kind worker or gateway; the data owner.
Errors: 42501 for other kinds, and for another tenant than the request''s; 23503 for an unknown tenant; 42704 for a feature that no plan has; 22023 for negative units, an unusable event_id, and an event that is older than event ids are kept (400 days by default) or more than five minutes in the future; 23502 for a NULL.
Example as worker:
SELECT saas.record_usage(:''acme'', ''project.create'', 1, ''project 4711'')';
COMMENT ON FUNCTION saas.record_usage_batch(uuid[], text[], bigint[], text[], timestamptz[]) IS
'Counts many usage events, all or none.
Arguments: tenant_ids, feature_keys and units, arrays of one length, an event a position, as of record_usage; event_ids and occurred_at, arrays of that length too, or NULL for no ids and for now.
Returns: how many events were new.
Needs: kind worker or gateway; the data owner.
Errors: as record_usage, naming the first bad event by its position from 0; 22023 for arrays of different lengths and for a NULL within one.
Example as worker:
SELECT saas.record_usage_batch(ARRAY[:''acme'', :''acme'']::uuid[], ARRAY[''project.create'', ''project.create''], ARRAY[1, 3], ARRAY[''import 1'', ''import 2''])';
COMMENT ON FUNCTION saas.record_usage_batch_report(uuid[], text[], bigint[], text[], timestamptz[]) IS
'Counts those of many usage events that can be counted, and says which can''t and why.
Arguments: as of record_usage_batch; a NULL within an array is that event''s fault.
Returns: a row for each event that was left out: position, its place in the arrays from 0; sqlstate and message, the error that record_usage would have raised. No row: all were counted, now or before.
Needs: kind worker or gateway; the data owner.
Errors: 42501 for other kinds; 22023 for arrays of different lengths; 23502 for a NULL in place of an array.
Example as worker:
SELECT * FROM saas.record_usage_batch_report(ARRAY[:''acme'', :''acme'']::uuid[], ARRAY[''project.create'', ''project.crate''], ARRAY[1, 3])';
COMMENT ON FUNCTION saas.entitlement(uuid, text, timestamptz) IS
'What a tenant''s plan gives it of a feature in the current period, and what of it is used, up to this moment. The plan is that of the live subscription; without one, before it begins and while it is paused, the free plan.
Arguments: tenant_id, the tenant; feature_key, the feature; as_of, a moment of the period, now by default.
Returns: one row: included units; used units; remaining of the included ones; overage_price, minor units for each further one, NULL without a price or with a price model; allowed, whether one unit more would be let through by consume. A feature that the plan does not have: nothing included, not allowed.
Needs: tenant.read in that tenant; platform.tenant.read; kind gateway or worker without a context; the data owner.
Errors: 28000 without a user; 42501 without the permission or for a tenant that is not one''s own (for those who need none: 23503); 42704 for a feature that no plan has; 23502 for a NULL.
Example as app:
SELECT * FROM saas.entitlement(:''acme'', ''project.create'')';
COMMENT ON FUNCTION saas.consume(uuid, text, bigint, text) IS
'Records usage as record_usage does, if the plan allows it: within the included units, or where further ones have a price, as far as the tenant''s spend cap goes. Sessions that count up to a limit pass one by one until they commit, so that together they don''t exceed it, whatever their isolation level.
Arguments: tenant_id, whose; feature_key, what; units, how many, 0 or more; event_id, what makes it the same event when it is sent again (NULL: retries may count twice).
Returns: true, or false when this event_id was counted before, also when the limit has been reached since.
Needs: kind worker or gateway; the data owner.
Errors: as record_usage; 53400 beyond what the plan or the spend cap allows; 55000 for a suspended tenant; 40001 under REPEATABLE READ and SERIALIZABLE when another session has consumed meanwhile. Nothing is recorded then.
Example as gateway:
SELECT saas.consume(:''acme'', ''project.create'', 1, ''project 4712'')';
COMMENT ON FUNCTION saas.correct_usage(uuid, text, bigint, text) IS
'Says what a usage event that was recorded wrongly counts for in truth. The event and its id stay as they are, so that a retry of it still counts nothing; the correction is a row of usage_corrections, and the newest one stands. The counter changes at once. Of a closed period the difference becomes a row of usage_adjustments: the next invoice prices it, as what all units cost less what was billed, and what it takes back beyond that invoice becomes credits. Alerts that were raised stay.
Arguments: tenant_id, whose; event_id, the event, as it was recorded; units, how many it counts for, 0 or more; reason, why, which the tenant''s people with billing.view can read.
Returns: true, or false when the event counts for as many already.
Needs: kind worker without a context; platform.billing.adjust, in a request bound to no tenant; the data owner.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown tenant, and for an event that it does not have or whose id is no longer kept (400 days by default); 22023 for negative units and an empty reason; 23502 for a NULL; 55000 when the events are no longer kept from which the counter would be worked out, which those of max and last are; 22003 for a counter beyond bigint; 23514 for one that somebody has made too small by hand; 40001 under REPEATABLE READ and SERIALIZABLE when usage was folded or a period closed meanwhile.
Example as worker:
SELECT saas.correct_usage(:''acme'', ''last month'', 1020, ''Counted twice by our importer'')';
COMMENT ON FUNCTION saas.void_usage(uuid, text, text) IS
'Takes a usage event back, as if it had never happened; else as correct_usage, which also gives it back. Of a last-value meter the value before it is the last one again, which correct_usage with 0 units would not say.
Arguments: tenant_id, whose; event_id, the event, as it was recorded; reason, why, which the tenant''s people with billing.view can read.
Returns: true, or false when it was void already.
Needs: as correct_usage.
Errors: as correct_usage.
Example as worker:
SELECT saas.void_usage(:''acme'', ''last month'', ''A test of ours'')';
COMMENT ON FUNCTION saas.set_spend_cap(uuid, bigint) IS
'Caps what a tenant''s usage beyond its plan''s included units may cost in a period. consume refuses what would cost more; record_usage, which tells of what has happened, does not.
Arguments: tenant_id, the tenant; amount, minor units of its currency, 0 or more; NULL takes the cap away.
Returns: nothing.
Needs: billing.manage in that tenant; platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission or for a tenant that is not one''s own (for the data owner 23503); 22023 for a negative amount; 23502 for a NULL tenant.
Example as app:
SELECT saas.set_spend_cap(:''acme'', 50000)';
COMMENT ON FUNCTION saas.set_usage_alert(uuid, text, text, numeric) IS
'Says that a tenant wants to be told when its usage of a feature reaches a threshold: once a period, as a row of usage_alerts_raised and by NOTIFY saas_usage_alert (without a payload, since anybody may listen). Looked for by consume, roll_up_usage and raise_usage_alerts.
Arguments: tenant_id, the tenant; feature_key, the feature; kind, percent (of the included units), units, or forecast (percent of the included units at the period''s end, if usage goes on as it did since its beginning); threshold, above 0.
Returns: the alert''s id; the same alert again has the same.
Needs: billing.manage in that tenant; platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission or for a tenant that is not one''s own (for the data owner 23503); 42704 for a feature that no plan has; 22023 for another kind or an unusable threshold; 53400 beyond a hundred alerts; 23502 for a NULL.
Example as app:
SELECT saas.set_usage_alert(:''acme'', ''project.create'', ''percent'', 80)';
COMMENT ON FUNCTION saas.remove_usage_alert(uuid, uuid) IS
'Takes a usage alert away, with what was raised by it.
Arguments: tenant_id, the tenant; alert_id, the alert.
Returns: nothing.
Needs: billing.manage in that tenant; platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission or for a tenant that is not one''s own; 23503 for an alert that the tenant does not have; 23502 for a NULL.
Example as app:
SELECT saas.remove_usage_alert(:''acme'', saas.set_usage_alert(:''acme'', ''project.create'', ''units'', 500))';
COMMENT ON FUNCTION saas.raise_usage_alerts(timestamptz) IS
'Raises all alerts whose thresholds are reached and that were not raised in this period. record_usage looks for none, so as to stay quick: call this as often as tenants shall be told.
Arguments: as_of, the moment that says which period and how much of it is over, now by default.
Returns: how many alerts are new.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL.
Example as worker:
SELECT saas.raise_usage_alerts()';
COMMENT ON FUNCTION saas.roll_up_usage(date, uuid) IS
'Folds the counters of the periods that begin in a calendar month into usage_records, and fixes usage_summaries of those that are not closed. Usage of a closed period becomes an adjustment. A tenant whose counter is beyond bigint is left out with a warning.
Arguments: period, any day of the month; tenant_id, the only tenant to do so for, NULL for all.
Returns: how many summaries changed.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL period; 22023 for an infinite one; 22003 when the one tenant''s counter is beyond bigint; 40001 under REPEATABLE READ and SERIALIZABLE when usage was folded or a period closed meanwhile.
Example as worker:
SELECT saas.roll_up_usage(current_date, :''acme'')';
COMMENT ON FUNCTION saas.assess_usage_fees(date, uuid) IS
'Prices the rolled-up usage of the current periods that begin in a calendar month into usage_fees. A tenant whose usage can''t be priced is left out with a warning.
Arguments: period, any day of the month; tenant_id, the only tenant to do so for, NULL for all.
Returns: how many fees there are.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL period; 22023 for an infinite one; 22003 when the one tenant''s usage can''t be priced; 40001 as of roll_up_usage.
Example as worker:
SELECT saas.assess_usage_fees(current_date, :''acme'')';
COMMENT ON FUNCTION saas.apply_usage_retention(timestamptz) IS
'Deletes event ids, and drops months of usage events, that are older than settings.usage_id_retention and usage_event_retention say (events are kept for ever where the latter is NULL). Counters, summaries, corrections and invoices stay. Ids are deleted a day later than they need to be, and events that old are refused from then on, so that no retry counts twice. apply_retention does this too.
Arguments: as_of, the moment to count from, now by default; ids are deleted as of now at most.
Returns: how many ids and events went.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL.
Example as worker:
SELECT saas.apply_usage_retention()';
COMMENT ON FUNCTION saas.usage_price(bigint, numeric, jsonb, bigint) IS
'What used units cost beyond the included ones, rounded once.
Arguments: included, units that cost nothing; overage_price, minor units for each further one; price_model, in its place, as of price_quantity; units, how many were used.
Returns: minor units; 0 with neither an overage price nor a price model.
Needs: the data owner.
Errors: as price_quantity and round_minor.
Example as owner:
SELECT saas.usage_price(1000, 10, NULL, 1200)';
COMMENT ON FUNCTION saas.usage_count(uuid, text, date, numeric) IS
'A counter''s total as bigint.
Arguments: tenant_id, feature_key and period, whose counter it is, for the message; total, the units.
Returns: the units.
Needs: the data owner.
Errors: 22003 beyond bigint, naming the tenant.
Example as owner:
SELECT saas.usage_count(:''acme'', ''project.create'', ''2026-01-01'', 1200)';
COMMENT ON FUNCTION saas.drop_usage_events(timestamptz) IS
'Drops the partitions of usage events of which all events were recorded before a moment: the work of apply_usage_retention.
Arguments: before, the moment.
Returns: how many events went.
Needs: the data owner.
Errors: none; a partition in use stays, with a warning.
Example as owner:
SELECT saas.drop_usage_events(now() - interval ''3 years'')';
COMMENT ON FUNCTION saas.usage_period(text, timestamptz, text, timestamptz) IS
'The period in which usage at a moment counts.
Arguments: billing_cycle, calendar or anniversary; anchor, when the contract began; time_zone, the tenant''s; at, the moment.
Returns: its first day in that zone.
Needs: the data owner.
Errors: 22023 for an unknown zone.
Example as owner:
SELECT saas.usage_period(''calendar'', NULL, ''Asia/Kolkata'', ''2026-01-31 18:30Z'')';
COMMENT ON FUNCTION saas.usage_allowance(uuid, text, timestamptz, date) IS
'What a tenant may use of a feature and has used: the row behind entitlement, consume and alerts.
Arguments: of_tenant and of_feature, whose and what; at, a moment of the period; from_day, the period''s first day, NULL for the one that contains the moment.
Returns: one row, or none for an unknown tenant. included is NULL for what the plan doesn''t have; currency is NULL for the plan''s own.
Needs: the data owner.
Errors: none.
Example as owner:
SELECT * FROM saas.usage_allowance(:''acme'', ''project.create'', now(), NULL)';
COMMENT ON FUNCTION saas.refuse_usage_count(uuid, text, date) IS
'Internal: the error of usage_count, which names the tenant.';
COMMENT ON FUNCTION saas.ingest_usage() IS 'Counts what is inserted into usage_ingest, and keeps what can''t be counted in usage_refused.';
