-- One event for whoever, or whatever address, was refused too often within the window, and none while there is a recent one.
-- Who is being changed in another way at this moment is named by the subject only: nobody waits here.
INSERT INTO saas.security_events (id, severity, kind, subject, user_id, ip_address, evidence)
SELECT saas.uuid_v7(), 'medium', 'repeated_failures', quiet.subject,
       (SELECT u.id FROM saas.users u WHERE u.id = quiet.user_id AND u.deleted_at IS NULL FOR KEY SHARE SKIP LOCKED),
       quiet.ip_address,
       jsonb_build_object('failures', failed.times, 'window_seconds', extract(epoch FROM quiet.failure_window)::bigint,
                          'bucket', floor(extract(epoch FROM now()) / extract(epoch FROM quiet.failure_window)))
  FROM (SELECT s.*, c.failure_limit, c.failure_window
          FROM (SELECT 'user ' || id AS subject, id AS user_id, NULL::inet AS ip_address FROM unnest($1::uuid[]) id
                UNION ALL
                SELECT 'address ' || host(a::inet), NULL, a::inet FROM unnest($2::text[]) a) s
         CROSS JOIN saas.settings c
         WHERE NOT EXISTS (SELECT FROM saas.security_events e
                            WHERE e.kind = 'repeated_failures' AND e.subject = s.subject
                              AND e.occurred_at > now() - c.failure_window)
        OFFSET 0) quiet
 CROSS JOIN LATERAL (
       SELECT sum(times) AS times
         FROM (SELECT (l.new_values ->> 'count')::bigint AS times
                 FROM saas.platform_audit_logs l
                WHERE l.actor_id = quiet.user_id AND l.outcome = 'denied' AND l.occurred_at > now() - quiet.failure_window
               UNION ALL
               SELECT (l.new_values ->> 'count')::bigint
                 FROM saas.platform_audit_logs l
                WHERE l.ip_address = quiet.ip_address AND l.outcome = 'denied' AND l.occurred_at > now() - quiet.failure_window
                  AND l.action = 'request.refused') rows) failed
 WHERE failed.times >= quiet.failure_limit
    ON CONFLICT DO NOTHING
