-- What was used. Keys keep counting exactly-once, events are the record, slots take the
-- writes, usage_records is the counter they are folded into.

CREATE TABLE saas.usage_event_keys (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  event_id    text NOT NULL CHECK (event_id <> '' AND length(event_id) <= 255),
  feature_key text NOT NULL,
  units       bigint NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, event_id)
);
-- For retention: rows lie in the order of time, so that a few bytes a block find the old ones.
CREATE INDEX usage_event_keys_recorded_at_idx ON saas.usage_event_keys USING brin (recorded_at);
COMMENT ON TABLE saas.usage_event_keys IS 'Every event id that was counted, for as long as events may arrive late (settings.usage_id_retention). A second event with the same id is not counted.';

CREATE TABLE saas.usage_events (
  tenant_id   uuid NOT NULL,
  feature_key text NOT NULL,
  units       bigint NOT NULL CHECK (units >= 0),
  period      date NOT NULL,
  event_id    text,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (recorded_at);
CREATE INDEX usage_events_tenant_id_idx ON saas.usage_events (tenant_id, feature_key, occurred_at);
COMMENT ON TABLE saas.usage_events IS 'Every usage event as it was counted. Append-only, partitioned by the month in which it was recorded, so that old months are dropped at once.';

CREATE TABLE saas.usage_records (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id          uuid NOT NULL,
  feature_key text NOT NULL CHECK (feature_key <> ''),
  count       bigint NOT NULL CHECK (count >= 0),
  period      date NOT NULL CHECK (isfinite(period)),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, feature_key, period)
);
CREATE INDEX usage_records_id_idx ON saas.usage_records (id);
COMMENT ON TABLE saas.usage_records IS 'Counters: units used of a feature in a period (its first day; YYYY-MM-01 for calendar billing). The newest units may still be in usage_counter_slots: read usage_totals.';

CREATE TABLE saas.usage_counter_slots (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  feature_key text NOT NULL,
  period      date NOT NULL,
  slot        smallint NOT NULL CHECK (slot >= 0),
  units       bigint NOT NULL CHECK (units >= 0),
  last_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, feature_key, period, slot)
) WITH (fillfactor = 50);
COMMENT ON TABLE saas.usage_counter_slots IS 'Several rows a counter, so that one busy tenant''s writers don''t queue on one row. Folded into usage_records by roll_up_usage.';

CREATE TABLE saas.usage_summaries (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id),
  id          uuid NOT NULL,
  feature_key text NOT NULL CHECK (feature_key <> ''),
  period      date NOT NULL CHECK (isfinite(period)),
  units_used  bigint NOT NULL CHECK (units_used >= 0),
  rolled_up_at timestamptz NOT NULL DEFAULT now(),
  closed_at   timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, feature_key, period)
);
CREATE INDEX usage_summaries_id_idx ON saas.usage_summaries (id);
COMMENT ON TABLE saas.usage_summaries IS 'Final usage of a feature in a period: what billing reads. Immutable once the period is closed.';

CREATE TABLE saas.usage_fees (
  tenant_id      uuid NOT NULL REFERENCES saas.tenants (id),
  id             uuid NOT NULL,
  period         date NOT NULL CHECK (isfinite(period)),
  feature_key    text NOT NULL CHECK (feature_key <> ''),
  units          bigint NOT NULL CHECK (units >= 0),
  included_units bigint NOT NULL DEFAULT 0 CHECK (included_units >= 0),
  unit_price     numeric NOT NULL CHECK (unit_price >= 0 AND unit_price < 1e20),
  price_model    jsonb,
  total_amount   bigint NOT NULL CHECK (total_amount >= 0),
  created_at     timestamptz NOT NULL DEFAULT now(),
  closed_at      timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, feature_key, period)
);
CREATE INDEX usage_fees_id_idx ON saas.usage_fees (id);
COMMENT ON TABLE saas.usage_fees IS 'What usage beyond the plan costs, in minor units. Immutable once the period is closed.';
COMMENT ON COLUMN saas.usage_fees.units IS 'Units beyond the included ones.';
COMMENT ON COLUMN saas.usage_fees.unit_price IS 'Minor units for one unit; with a price model the average. By tiers the invoice has the price of each.';

CREATE TABLE saas.usage_adjustments (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id),
  id          uuid NOT NULL,
  feature_key text NOT NULL,
  period      date NOT NULL,
  units       bigint NOT NULL CHECK (units <> 0),
  amount      bigint,
  invoice_id  uuid,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  FOREIGN KEY (tenant_id, feature_key, period) REFERENCES saas.usage_summaries (tenant_id, feature_key, period),
  CHECK (invoice_id IS NULL OR amount IS NOT NULL)
);
CREATE INDEX usage_adjustments_id_idx ON saas.usage_adjustments (id);
CREATE INDEX usage_adjustments_invoice_id_idx ON saas.usage_adjustments (tenant_id, invoice_id);
CREATE INDEX usage_adjustments_period_idx ON saas.usage_adjustments (tenant_id, feature_key, period);
CREATE INDEX usage_adjustments_pending_idx ON saas.usage_adjustments (tenant_id) WHERE amount IS NULL;
COMMENT ON TABLE saas.usage_adjustments IS 'Usage that arrived, or was corrected, after its period was closed: billed as an adjustment line on the next invoice.';
COMMENT ON COLUMN saas.usage_adjustments.amount IS 'Minor units; NULL until it is billed. What costs nothing may be billed without an invoice.';
COMMENT ON COLUMN saas.usage_adjustments.period IS 'The closed period in which the units were used.';
COMMENT ON COLUMN saas.usage_adjustments.units IS 'Units more than were billed, or less.';

CREATE TABLE saas.usage_corrections (
  tenant_id    uuid NOT NULL REFERENCES saas.tenants (id),
  id           uuid NOT NULL,
  event_id     text NOT NULL,
  recorded_at  timestamptz NOT NULL,
  number       integer NOT NULL CHECK (number > 0),
  feature_key  text NOT NULL,
  period       date NOT NULL,
  units_before bigint CHECK (units_before >= 0),
  units        bigint CHECK (units >= 0),
  reason       text NOT NULL CHECK (reason <> ''),
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, event_id, recorded_at, number),
  CHECK (units IS DISTINCT FROM units_before)
);
CREATE INDEX usage_corrections_id_idx ON saas.usage_corrections (id);
COMMENT ON TABLE saas.usage_corrections IS 'What usage events that were recorded wrongly count for in truth: the newest correction of an event stands in its place. Append-only.';
COMMENT ON COLUMN saas.usage_corrections.recorded_at IS 'When the event was recorded, which tells it from another one that came when its id was forgotten.';
COMMENT ON COLUMN saas.usage_corrections.number IS 'Of the event''s corrections, from 1.';
COMMENT ON COLUMN saas.usage_corrections.period IS 'The period in which the event counts.';
COMMENT ON COLUMN saas.usage_corrections.units_before IS 'What the event counted for; NULL: it was void.';
COMMENT ON COLUMN saas.usage_corrections.units IS 'What it counts for from now on; NULL: it is void, as if it had never happened.';

CREATE TABLE saas.usage_gates (
  tenant_id uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  gate      text NOT NULL,
  passed    bigint NOT NULL DEFAULT 1 CHECK (passed > 0),
  PRIMARY KEY (tenant_id, gate)
) WITH (fillfactor = 50);
COMMENT ON TABLE saas.usage_gates IS 'Where sessions that consume up to a limit pass one by one: a row for each limited feature, and '''' for a spend cap. What was used is in the counters.';
COMMENT ON COLUMN saas.usage_gates.passed IS 'Written by each that passes, so that under REPEATABLE READ a second one fails instead of deciding on an old sum.';

CREATE TABLE saas.spend_caps (
  tenant_id  uuid PRIMARY KEY REFERENCES saas.tenants (id) ON DELETE CASCADE,
  amount     bigint NOT NULL CHECK (amount >= 0),
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE saas.spend_caps IS 'What a tenant''s usage beyond its plan may cost in a period, in minor units of its currency: saas.consume refuses what would cost more.';

CREATE TABLE saas.usage_alerts (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id          uuid NOT NULL,
  feature_key text NOT NULL REFERENCES saas.features (key),
  kind        text NOT NULL CHECK (kind IN ('percent', 'units', 'forecast')),
  threshold   numeric NOT NULL CHECK (threshold > 0 AND threshold < 1e20),
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, feature_key, kind, threshold)
);
CREATE INDEX usage_alerts_id_idx ON saas.usage_alerts (id);
CREATE INDEX usage_alerts_feature_key_idx ON saas.usage_alerts (feature_key);
COMMENT ON TABLE saas.usage_alerts IS 'What a tenant wants to be told of, once a period: usage_alerts_raised.';
COMMENT ON COLUMN saas.usage_alerts.kind IS 'percent: of the included units; units: used; forecast: percent of the included units at the end of the period, if usage goes on as it did since its beginning.';

CREATE TABLE saas.usage_alerts_raised (
  tenant_id   uuid NOT NULL,
  alert_id    uuid NOT NULL,
  period      date NOT NULL,
  feature_key text NOT NULL,
  kind        text NOT NULL,
  threshold   numeric NOT NULL,
  used        bigint NOT NULL,
  included    bigint,
  raised_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, alert_id, period),
  FOREIGN KEY (tenant_id, alert_id) REFERENCES saas.usage_alerts (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE saas.usage_alerts_raised IS 'Alerts whose threshold was reached, with what had been used by then. NOTIFY saas_usage_alert tells that there is a new one.';

CREATE VIEW saas.usage_totals WITH (security_invoker = true) AS
SELECT u.tenant_id, u.feature_key, u.period,
       -- Beyond bigint the largest one is shown, so that one tenant's counter hides nobody else's; roll-up refuses it.
       CASE f.aggregation
         WHEN 'sum' THEN least(sum(u.units), 9223372036854775807)
         WHEN 'max' THEN max(u.units)
         ELSE (array_agg(u.units ORDER BY u.last_at DESC, u.slot))[1]
       END::bigint AS units
  FROM (SELECT tenant_id, feature_key, period, count AS units, timestamptz '-infinity' AS last_at, -1 AS slot
          FROM saas.usage_records
        UNION ALL
        SELECT tenant_id, feature_key, period, units, last_at, slot
          FROM saas.usage_counter_slots) u
  JOIN saas.features f ON f.key = u.feature_key
 GROUP BY u.tenant_id, u.feature_key, u.period, f.aggregation;
COMMENT ON VIEW saas.usage_totals IS 'Units used of each feature in each period, up to this moment.';

-- A view for inserting only: its triggers count what comes.
CREATE VIEW saas.usage_ingest WITH (security_invoker = true) AS
SELECT NULL::uuid AS tenant_id, NULL::text AS feature_key, NULL::bigint AS units, NULL::text AS event_id, NULL::timestamptz AS occurred_at
 WHERE false;
COMMENT ON VIEW saas.usage_ingest IS 'Where usage is loaded in bulk, by COPY or INSERT: each row is an event as of record_usage, counted by the end of the statement. Without occurred_at it is of now. What can''t be counted is in usage_refused; a notice says how many there were.';

CREATE TABLE saas.usage_refused (
  load_id     uuid NOT NULL,
  position    bigint NOT NULL CHECK (position >= 0),
  tenant_id   uuid,
  feature_key text,
  units       bigint,
  event_id    text,
  occurred_at timestamptz,
  sqlstate    text NOT NULL,
  message     text NOT NULL,
  refused_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (load_id, position)
);
CREATE INDEX usage_refused_refused_at_idx ON saas.usage_refused (refused_at);
COMMENT ON TABLE saas.usage_refused IS 'Events of bulk loads that could not be counted, and why. Kept for as long as event ids.';
COMMENT ON COLUMN saas.usage_refused.load_id IS 'The statement that loaded it, as its notice says.';
COMMENT ON COLUMN saas.usage_refused.position IS 'Its place in the load, from 0.';
COMMENT ON COLUMN saas.usage_refused.tenant_id IS 'As it came: there may be no such tenant.';
