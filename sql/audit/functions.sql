-- Trigger functions in Rust: src/audit/changes.rs and src/audit/stamp.rs.

CREATE FUNCTION saas.audit_changes() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'saas_audit_changes';

CREATE FUNCTION saas.stamp_audit_log() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'saas_stamp_audit_log';

-- What a row's audit rows add up to: merge(new_values ORDER BY id).
CREATE AGGREGATE saas.merge (jsonb) (sfunc = pg_catalog.jsonb_concat, stype = jsonb);
COMMENT ON AGGREGATE saas.merge(jsonb) IS 'What a row''s audit rows add up to: merge(new_values ORDER BY id).';
COMMENT ON FUNCTION saas.audit_changes() IS 'Writes the audit rows of a statement that changed an audited table.';
COMMENT ON FUNCTION saas.stamp_audit_log() IS 'Gives an audit row what the database knows: id, transaction, epoch, role and hash.';
