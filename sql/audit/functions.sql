-- Trigger functions in Rust: src/audit/changes.rs and src/audit/stamp.rs.

CREATE FUNCTION saas.audit_changes() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'saas_audit_changes';

CREATE FUNCTION saas.stamp_audit_log() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'saas_stamp_audit_log';
