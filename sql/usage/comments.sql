-- What each function is: docs/reference.md is made of this.
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
