-- The leaves of each seal, in their order.
SELECT seal, position, uuid_send(log_id) || timestamptz_send(occurred_at) || row_hash
  FROM saas.audit_seal_rows
 ORDER BY seal, position
