-- What the next seal covers: rows of this cluster's life $1 with an xid from $2 and below $3. The first seal of a
-- life ($4) takes what older lives left unsealed too: nobody writes there any more.
WITH unsealed AS NOT MATERIALIZED (
  SELECT l.id, l.occurred_at, l.row_hash
    FROM saas.platform_audit_logs l
   WHERE l.xid >= $2::text::xid8 AND l.xid < $3::text::xid8 AND split_part(l.epoch, '/', 1) = split_part($1, '/', 1)
     AND NOT EXISTS (SELECT FROM saas.audit_seal_rows s WHERE s.log_id = l.id)
  UNION ALL
  SELECT l.id, l.occurred_at, l.row_hash
    FROM saas.platform_audit_logs l
   WHERE $4 AND split_part(l.epoch, '/', 1) <> split_part($1, '/', 1)
     AND NOT EXISTS (SELECT FROM saas.audit_seal_rows s WHERE s.log_id = l.id)
)
