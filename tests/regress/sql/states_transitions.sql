-- A status moves only as saas.state_transitions says, whoever writes.
INSERT INTO saas.tenants (name) VALUES ('Acme');
UPDATE saas.tenants SET billing_state = 'active';
UPDATE saas.tenants SET billing_state = 'trial';
UPDATE saas.tenants SET billing_state = 'canceled';
UPDATE saas.tenants SET billing_state = 'suspended';
UPDATE saas.tenants SET billing_state = 'canceled', name = 'No move at all';
SELECT name, billing_state FROM saas.tenants;
-- A state without a way out says so.
INSERT INTO saas.incidents (severity, title) VALUES ('low', 'Late backup');
UPDATE saas.incidents SET status = 'reviewed', post_mortem = 'None.';
UPDATE saas.incidents SET status = 'resolved';
UPDATE saas.incidents SET status = 'reviewed', post_mortem = 'Alert on age.';
UPDATE saas.incidents SET status = 'open';
-- A move that a user adds is a move.
INSERT INTO saas.state_transitions VALUES ('incidents', 'reviewed', 'open');
UPDATE saas.incidents SET status = 'open';
SELECT status FROM saas.incidents;
-- What is guarded, and which states have a way out.
SELECT entity, string_agg(DISTINCT from_state, ',' ORDER BY from_state) AS states_with_a_way_out
  FROM saas.state_transitions GROUP BY entity ORDER BY entity;
SELECT tgrelid::regclass AS "table", pg_get_triggerdef(oid) ~ 'WHEN' AS only_when_it_changes
  FROM pg_trigger WHERE tgname = 'trg_state_transition' ORDER BY tgrelid::regclass::text;
