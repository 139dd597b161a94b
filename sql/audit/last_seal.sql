-- The last seal and its digest; whether this cluster's life ($1) has no seal yet; the transaction from which on it
-- is unsealed; and the oldest transaction that is still running.
SELECT last.seal, last.digest, own.xid_before IS NULL, coalesce(own.xid_before::text, '0')::bigint,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint
  FROM (SELECT max(xid_before) AS xid_before FROM saas.audit_seals WHERE split_part(epoch, '/', 1) = split_part($1, '/', 1)) own
  LEFT JOIN (SELECT seal, digest FROM saas.audit_seals ORDER BY seal DESC LIMIT 1) last ON true
