-- What used units cost beyond the included ones, in minor units, rounded once.
CREATE FUNCTION saas.usage_price(included bigint, overage_price numeric, price_model jsonb, units bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN overage_price IS NOT NULL THEN
    pg_catalog.round(GREATEST(units - included, 0)::numeric * overage_price)::bigint
  WHEN price_model IS NOT NULL THEN
    saas.round_minor(saas.price_quantity(price_model, GREATEST(units - included, 0)::numeric))
  ELSE 0::bigint
END;

-- The first day of the period in which usage at a moment counts: of the month in the tenant's zone, or of the
-- billing period where the plan's run from the day of the contract.
CREATE FUNCTION saas.usage_period(billing_cycle text, anchor timestamptz, time_zone text, at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE billing_cycle
  WHEN 'anniversary' THEN
    pg_catalog.lower(saas.billing_days((anchor AT TIME ZONE time_zone)::date, '1 month', (at AT TIME ZONE time_zone)::date))
  ELSE pg_catalog.date_trunc('month', at AT TIME ZONE time_zone)::date
END;

-- What a tenant may use of a feature, and has used, in the period that contains a moment, or else in the one that
-- begins on a day. A subscription that has not begun, or that is paused and so not billed, gives what the free plan
-- does. included is NULL for what the plan doesn't have. No row for an unknown tenant.
CREATE FUNCTION saas.usage_allowance(of_tenant uuid, of_feature text, at timestamptz, from_day date)
RETURNS TABLE (aggregation text, plan_id uuid, currency text, suspended boolean, period_start date, starts_at timestamptz,
               ends_at timestamptz, used bigint, included bigint, overage_price numeric, priced boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT f.aggregation, p.id, nullif(t.currency, p.currency), t.suspended_at IS NOT NULL, period.start,
         period.start::timestamp AT TIME ZONE t.time_zone,
         CASE billed.billing_cycle
           WHEN 'anniversary' THEN
             upper(saas.billing_days((billed.anchor AT TIME ZONE t.time_zone)::date, '1 month', period.start))::timestamp
           ELSE period.start + interval '1 month'
         END AT TIME ZONE t.time_zone,
         coalesce(u.units, 0), pf.included_units, pf.overage_price,
         pf.overage_price IS NOT NULL OR pf.price_model IS NOT NULL
    FROM saas.tenants t
    LEFT JOIN saas.features f ON f.key = of_feature
    -- As for the events.
    LEFT JOIN LATERAL (
      SELECT s.anchor, p.billing_cycle
        FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
       WHERE s.tenant_id = t.id AND (s.status <> 'canceled' OR at < s.ended_at)
       ORDER BY s.anchor <= at DESC, s.anchor DESC LIMIT 1
    ) billed ON true
   CROSS JOIN LATERAL (
     SELECT coalesce(from_day, saas.usage_period(billed.billing_cycle, billed.anchor, t.time_zone, at)) AS start
   ) period
    LEFT JOIN saas.tenant_subscriptions s ON s.tenant_id = t.id AND s.status <> 'canceled'
    LEFT JOIN saas.plans p
      ON p.id = CASE
                  WHEN s.status <> 'paused' AND s.anchor <= at THEN s.plan_id
                  ELSE (SELECT d.id FROM saas.plans d
                         WHERE d.key = CASE WHEN s.id IS NULL THEN t.plan ELSE 'free' END AND d.is_current)
                END
    -- What has no price is the same in all currencies.
    LEFT JOIN LATERAL (
      SELECT o.included_units, o.overage_price, o.price_model
        FROM saas.plan_features o
       WHERE o.plan_id = p.id AND o.feature_key = of_feature
         AND (o.currency IS NOT DISTINCT FROM nullif(t.currency, p.currency)
              OR o.currency IS NULL AND o.overage_price IS NULL AND o.price_model IS NULL)
       ORDER BY o.currency LIMIT 1
    ) pf ON true
    LEFT JOIN saas.usage_totals u ON u.tenant_id = t.id AND u.feature_key = of_feature AND u.period = period.start
   WHERE t.id = of_tenant AND t.deleted_at IS NULL
$$;

CREATE FUNCTION saas.refuse_usage_count(tenant_id uuid, feature_key text, period date) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'tenant % has used more of "%" in the period of % than can be counted', tenant_id, feature_key, period
    USING ERRCODE = 'numeric_value_out_of_range',
          HINT = 'Correct the counter in usage_counter_slots or usage_records.';
END $$;

-- A counter's total as it is stored. One that is beyond bigint is its tenant's affair: the error names him.
CREATE FUNCTION saas.usage_count(tenant_id uuid, feature_key text, period date, total numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN total <= 9223372036854775807 THEN total::bigint
  ELSE saas.refuse_usage_count(tenant_id, feature_key, period)
END;

-- Drops the months of usage events that were recorded before a moment; returns how many events were in
-- them. The default partition, which holds what found no month of its own, goes when all in it is old.
-- A drop waits for whoever writes events, and they for it: it gives up after some seconds, until the next call.
CREATE FUNCTION saas.drop_usage_events(before timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
  partition record;
  events    bigint;
  dropped   bigint := 0;
BEGIN
  FOR partition IN
    SELECT c.relname AS name,
           (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(.+)''\)'))[1]::timestamptz AS "end"
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'saas.usage_events'::regclass AND c.relkind = 'r'
     ORDER BY c.relname
  LOOP
    CONTINUE WHEN partition."end" > before;
    BEGIN
      IF partition."end" IS NULL THEN
        CONTINUE WHEN NOT EXISTS (SELECT FROM saas.usage_events_default)
                      OR EXISTS (SELECT FROM saas.usage_events_default WHERE recorded_at >= before);
        -- From here on nobody adds to it.
        LOCK TABLE ONLY saas.usage_events IN ACCESS EXCLUSIVE MODE;
        CONTINUE WHEN EXISTS (SELECT FROM saas.usage_events_default WHERE recorded_at >= before);
      END IF;
      EXECUTE format('SELECT count(*) FROM saas.%I', partition.name) INTO events;
      EXECUTE format('DROP TABLE saas.%I', partition.name);
      UPDATE saas.settings SET usage_events_kept_since = least(coalesce(partition."end", before), now())
       WHERE usage_events_kept_since < least(coalesce(partition."end", before), now());
      IF partition."end" IS NULL THEN
        PERFORM saas.add_partitions(0);
      END IF;
      dropped := dropped + events;
    EXCEPTION WHEN lock_not_available THEN
      RAISE WARNING 'usage events in % are in use and stay for now', partition.name;
    END;
  END LOOP;
  RETURN dropped;
END $$;
