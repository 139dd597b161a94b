-- Keeps a correction: $1 tenant, $2 event, $3 when that was recorded, $4 number, $5 feature, $6 period, $7 units before, $8 units, $9 reason.
INSERT INTO saas.usage_corrections (tenant_id, event_id, recorded_at, number, feature_key, period, units_before, units, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
