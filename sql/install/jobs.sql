-- What has to run regularly, by name: when (minute hour day month weekday, in UTC) and what. What this version does not
-- have is left out.
SELECT 'saas_core ' || j.name, j.schedule, j.command
  FROM (VALUES
    (1, 'payments',    '* * * * *',    'SELECT saas.process_payment_events()', 'process_payment_events'),
    (2, 'usage',       '*/5 * * * *',  'SELECT saas.roll_up_usage(now()::date)', 'roll_up_usage'),
    (3, 'alerts',      '2-59/5 * * * *', 'SELECT saas.raise_usage_alerts()', 'raise_usage_alerts'),
    (4, 'subscriptions', '11 * * * *', 'SELECT saas.advance_subscriptions()', 'advance_subscriptions'),
    -- The month before and whatever earlier ones left open.
    (5, 'close',       '23 * * * *',   'CALL saas.close_period((now() - interval ''1 month'')::date)', 'close_period'),
    (7, 'seals',       '*/10 * * * *', 'SELECT saas.seal_audit_log()', 'seal_audit_log'),
    (8, 'reviews',     '7 * * * *',    'SELECT saas.escalate_break_glass()', 'escalate_break_glass'),
    (9, 'partitions',  '37 1 * * *',   'SELECT saas.make_partitions()', 'make_partitions'),
    (10, 'retention',  '17 2 * * *',   'SELECT saas.apply_retention()', 'apply_retention')
  ) AS j (position, name, schedule, command, needs)
 WHERE EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'saas'::regnamespace AND p.proname = j.needs)
 ORDER BY j.position
