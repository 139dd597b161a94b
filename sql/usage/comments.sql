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
COMMENT ON FUNCTION saas.roll_up_usage(date, uuid) IS
'Folds the counters of the periods that begin in a calendar month into usage_records, and fixes usage_summaries of those that are not closed. Usage of a closed period becomes an adjustment.
Arguments: period, any day of the month; tenant_id, the only tenant to do so for, NULL for all.
Returns: how many summaries changed.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL period.
Example as worker:
SELECT saas.roll_up_usage(current_date, :''acme'')';
COMMENT ON FUNCTION saas.assess_usage_fees(date, uuid) IS
'Prices the rolled-up usage of the current periods that begin in a calendar month into usage_fees.
Arguments: period, any day of the month; tenant_id, the only tenant to do so for, NULL for all.
Returns: how many fees there are.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL period.
Example as worker:
SELECT saas.assess_usage_fees(current_date, :''acme'')';
COMMENT ON FUNCTION saas.usage_price(bigint, numeric, jsonb, bigint) IS
'What used units cost beyond the included ones, rounded once.
Arguments: included, units that cost nothing; overage_price, minor units for each further one; price_model, in its place, as of price_quantity; units, how many were used.
Returns: minor units; 0 with neither an overage price nor a price model.
Needs: the data owner.
Errors: as price_quantity and round_minor.
Example as owner:
SELECT saas.usage_price(1000, 10, NULL, 1200)';
