-- Audit rows that are not what the seals and their own hashes say: seal and problem. $1: this cluster's life.
WITH lives AS (
  SELECT split_part(epoch, '/', 1) AS life, max(xid_before) AS xid_before, max(seal) = (SELECT max(seal) FROM saas.audit_seals) AS is_last
    FROM saas.audit_seals GROUP BY 1
),
checked AS (
  SELECT s.seal, coalesce(l.id, s.log_id) AS id, l.id IS NULL AS is_gone, l.epoch, l.xid, s.occurred_at,
         -- What src/audit/stamp.rs hashes.
         saas.audit_hash(ARRAY[
           uuid_send(l.id), timestamptz_send(l.occurred_at), xid8send(l.xid), convert_to(l.epoch, getdatabaseencoding()),
           convert_to(l.actor_type, getdatabaseencoding()), uuid_send(l.actor_id), convert_to(l.database_role, getdatabaseencoding()),
           uuid_send(l.on_behalf_of), uuid_send(l.impersonation_id), uuid_send(l.session_id), uuid_send(l.request_id), uuid_send(l.tenant_id),
           convert_to(l.action, getdatabaseencoding()), convert_to(l.target_type, getdatabaseencoding()),
           convert_to(l.target_id, getdatabaseencoding()), convert_to(l.outcome, getdatabaseencoding()),
           convert_to(l.reason, getdatabaseencoding()), inet_send(l.ip_address), convert_to(l.user_agent, getdatabaseencoding()),
           convert_to(l.old_values::text, getdatabaseencoding()), convert_to(l.new_values::text, getdatabaseencoding())])
           IS DISTINCT FROM l.row_hash OR s.row_hash <> l.row_hash AS is_changed
    FROM saas.audit_seal_rows s
    FULL JOIN saas.platform_audit_logs l ON l.id = s.log_id AND l.occurred_at = s.occurred_at
  OFFSET 0
)
SELECT c.seal, format(CASE WHEN c.is_gone THEN 'audit row %s is gone' ELSE 'audit row %s was changed' END, c.id)
  FROM checked c
 WHERE c.seal IS NOT NULL
   AND CASE WHEN c.is_gone
            -- A month that was removed as a whole is told of.
            THEN NOT EXISTS (SELECT FROM saas.audit_retirements r WHERE c.occurred_at >= r.period_start AND c.occurred_at < r.period_end)
            ELSE c.is_changed END
UNION ALL
SELECT (SELECT min(a.seal) FROM saas.audit_seals a
         WHERE a.xid_before > c.xid AND split_part(a.epoch, '/', 1) = split_part(c.epoch, '/', 1)),
       format(CASE WHEN c.is_changed THEN 'audit row %s, which is not sealed, is not what its hash says'
                   WHEN split_part(c.epoch, '/', 1) <> $1 OR c.xid < v.xid_before THEN 'audit row %s was inserted into what is sealed'
                   ELSE 'audit row %s is of a transaction that has not begun' END, c.id)
  FROM checked c
  LEFT JOIN lives v ON v.life = split_part(c.epoch, '/', 1)
 WHERE c.seal IS NULL
   AND (c.is_changed OR c.xid < v.xid_before
        -- A life is over with the first seal of another one: that took all there was.
        OR NOT v.is_last OR split_part(c.epoch, '/', 1) <> $1 AND EXISTS (SELECT FROM lives WHERE life = $1)
        OR split_part(c.epoch, '/', 1) = $1 AND c.xid >= pg_snapshot_xmax(pg_current_snapshot())
           AND c.xid IS DISTINCT FROM pg_current_xact_id_if_assigned())
 ORDER BY 1, 2
