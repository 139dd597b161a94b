-- The proof of what was done.

CREATE TABLE saas.platform_audit_logs (
  id               uuid NOT NULL,
  occurred_at      timestamptz NOT NULL DEFAULT now(),
  xid              xid8 NOT NULL DEFAULT pg_current_xact_id(),
  epoch            text NOT NULL,
  actor_type       text NOT NULL CHECK (actor_type IN ('user', 'api_key', 'database_role')),
  actor_id         uuid,
  database_role    text NOT NULL,
  on_behalf_of     uuid,
  impersonation_id uuid,
  session_id       uuid,
  request_id       uuid,
  tenant_id        uuid,
  action           text NOT NULL CHECK (action <> ''),
  target_type      text NOT NULL,
  target_id        text,
  outcome          text NOT NULL DEFAULT 'success' CHECK (outcome IN ('success', 'denied', 'error')),
  reason           text,
  ip_address       inet,
  user_agent       text,
  old_values       jsonb,
  new_values       jsonb,
  row_hash         bytea NOT NULL CHECK (length(row_hash) = 32),
  PRIMARY KEY (occurred_at, id),
  CHECK ((actor_type = 'database_role') = (actor_id IS NULL))
) PARTITION BY RANGE (occurred_at);
CREATE INDEX platform_audit_logs_tenant_id_idx ON saas.platform_audit_logs (tenant_id, occurred_at);
CREATE INDEX platform_audit_logs_actor_id_idx ON saas.platform_audit_logs (actor_id, occurred_at);
CREATE INDEX platform_audit_logs_on_behalf_of_idx ON saas.platform_audit_logs (on_behalf_of) WHERE on_behalf_of IS NOT NULL;
CREATE INDEX platform_audit_logs_xid_idx ON saas.platform_audit_logs (xid);
CREATE INDEX platform_audit_logs_target_idx ON saas.platform_audit_logs (target_type, target_id);
CREATE INDEX platform_audit_logs_denied_idx ON saas.platform_audit_logs (ip_address, occurred_at) WHERE outcome = 'denied';
COMMENT ON TABLE saas.platform_audit_logs IS 'Who did what to what, when and why, in the same transaction as the change itself. Append-only.';
COMMENT ON COLUMN saas.platform_audit_logs.actor_id IS 'The person who acts: under impersonation the impersonator. NULL when a database role acted without a context.';
COMMENT ON COLUMN saas.platform_audit_logs.on_behalf_of IS 'Under impersonation the user acted for.';
COMMENT ON COLUMN saas.platform_audit_logs.epoch IS 'The cluster''s life (system identifier and timeline): transaction ids start over after a restore.';
COMMENT ON COLUMN saas.platform_audit_logs.outcome IS 'denied: it was refused, and nothing was changed. Such a row is written after the refusal, by a later transaction: new_values says when it happened and how often.';
COMMENT ON COLUMN saas.platform_audit_logs.row_hash IS 'SHA-256 over all other columns, set by trigger.';

CREATE TABLE saas.audit_seals (
  seal        bigint PRIMARY KEY CHECK (seal > 0),
  previous    bigint UNIQUE NULLS NOT DISTINCT REFERENCES saas.audit_seals (seal),
  sealed_at   timestamptz NOT NULL DEFAULT now(),
  row_count   bigint NOT NULL CHECK (row_count >= 0),
  merkle_root bytea NOT NULL CHECK (length(merkle_root) = 32),
  epoch       text NOT NULL CHECK (epoch <> ''),
  xid_before  xid8 NOT NULL,
  digest      bytea NOT NULL CHECK (length(digest) = 32),
  CHECK (previous = seal - 1 AND seal > 1 OR previous IS NULL AND seal = 1)
);
COMMENT ON TABLE saas.audit_seals IS 'Gapless chain of sealed blocks of the audit log. digest covers the block and the seal before it: export it, and later tampering shows.';
COMMENT ON COLUMN saas.audit_seals.epoch IS 'The cluster''s life in which it was made: see platform_audit_logs.epoch.';
COMMENT ON COLUMN saas.audit_seals.xid_before IS 'Every row of this cluster''s life with a smaller xid is in this seal or in one before it: no transaction that could still write one was running.';

CREATE TABLE saas.audit_seal_rows (
  seal     bigint NOT NULL REFERENCES saas.audit_seals (seal),
  position bigint NOT NULL CHECK (position > 0),
  log_id   uuid NOT NULL UNIQUE,
  occurred_at timestamptz NOT NULL,
  row_hash bytea NOT NULL CHECK (length(row_hash) = 32),
  PRIMARY KEY (seal, position)
);
COMMENT ON TABLE saas.audit_seal_rows IS 'Which audit rows a seal covers: the leaves of its Merkle tree.';

CREATE TABLE saas.audit_retirements (
  period_start timestamptz PRIMARY KEY,
  period_end   timestamptz NOT NULL CHECK (period_end > period_start),
  row_count    bigint NOT NULL CHECK (row_count >= 0),
  retired_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE saas.audit_retirements IS 'Months of the audit log that were removed as a whole, all of them sealed: their rows are gone, their seals stay.';

CREATE TABLE saas.incidents (
  id           uuid PRIMARY KEY,
  kind         text NOT NULL DEFAULT 'security' CHECK (kind IN ('security', 'availability', 'privacy')),
  severity     text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  title        text NOT NULL CHECK (btrim(title) <> ''),
  description  text,
  status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'contained', 'resolved', 'reviewed')),
  status_reason text,
  break_glass_event_id uuid UNIQUE REFERENCES saas.break_glass_events (id),
  opened_by    uuid REFERENCES saas.users (id),
  opened_at    timestamptz NOT NULL DEFAULT now(),
  contained_at timestamptz,
  resolved_at  timestamptz,
  reviewed_at  timestamptz,
  reviewed_by  uuid REFERENCES saas.users (id),
  post_mortem  text,
  CHECK (status <> 'reviewed' OR btrim(coalesce(post_mortem, '')) <> '')
);
CREATE INDEX incidents_opened_by_idx ON saas.incidents (opened_by);
CREATE INDEX incidents_reviewed_by_idx ON saas.incidents (reviewed_by);
COMMENT ON TABLE saas.incidents IS 'Security, availability and privacy incidents, from opening to the reviewed post-mortem.';
COMMENT ON COLUMN saas.incidents.status_reason IS 'Why it is in this state; what was said before is in incident_history.';
COMMENT ON COLUMN saas.incidents.break_glass_event_id IS 'The emergency access whose review is overdue; at most one incident each.';

CREATE TABLE saas.security_events (
  id          uuid PRIMARY KEY,
  occurred_at timestamptz NOT NULL DEFAULT now(),
  severity    text NOT NULL CHECK (severity IN ('info', 'low', 'medium', 'high', 'critical')),
  kind        text NOT NULL CHECK (kind <> ''),
  subject     text,
  user_id     uuid REFERENCES saas.users (id),
  tenant_id   uuid REFERENCES saas.tenants (id),
  ip_address  inet,
  evidence    jsonb NOT NULL DEFAULT '{}',
  status      text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'dismissed', 'escalated')),
  status_reason text,
  incident_id uuid REFERENCES saas.incidents (id),
  CHECK (incident_id IS NULL OR status = 'escalated')
);
CREATE INDEX security_events_user_id_idx ON saas.security_events (user_id);
CREATE INDEX security_events_tenant_id_idx ON saas.security_events (tenant_id);
CREATE INDEX security_events_incident_id_idx ON saas.security_events (incident_id);
CREATE INDEX security_events_occurred_at_idx ON saas.security_events (occurred_at);
-- Of two backends that count at once one tells.
CREATE UNIQUE INDEX security_events_repeated_failures_key ON saas.security_events (subject, (evidence ->> 'bucket'))
 WHERE kind = 'repeated_failures';
COMMENT ON TABLE saas.security_events IS 'Suspicious or exceptional activity, with its evidence. What was reported never changes; what became of it does.';
COMMENT ON COLUMN saas.security_events.status_reason IS 'Why it is in this state; what was said before is in incident_history.';

CREATE TABLE saas.incident_history (
  id                uuid PRIMARY KEY,
  incident_id       uuid REFERENCES saas.incidents (id),
  security_event_id uuid REFERENCES saas.security_events (id),
  from_state        text NOT NULL,
  to_state          text NOT NULL,
  note              text,
  moved_by          uuid REFERENCES saas.users (id),
  moved_at          timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(incident_id, security_event_id) = 1)
);
CREATE INDEX incident_history_incident_id_idx ON saas.incident_history (incident_id);
CREATE INDEX incident_history_security_event_id_idx ON saas.incident_history (security_event_id);
CREATE INDEX incident_history_moved_by_idx ON saas.incident_history (moved_by);
COMMENT ON TABLE saas.incident_history IS 'Every move of an incident or a security event, with what was said. Append-only, written by trigger.';
COMMENT ON COLUMN saas.incident_history.moved_by IS 'The person; NULL when the data owner moved it without a context.';

CREATE TABLE saas.outbox (
  id           uuid PRIMARY KEY,
  topic        text NOT NULL CHECK (topic <> ''),
  tenant_id    uuid REFERENCES saas.tenants (id) ON DELETE CASCADE,
  payload      jsonb NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz
);
CREATE INDEX outbox_tenant_id_idx ON saas.outbox (tenant_id);
CREATE INDEX outbox_pending_idx ON saas.outbox (created_at) WHERE delivered_at IS NULL;
COMMENT ON TABLE saas.outbox IS 'Messages to the outside world, written with the change they tell of and delivered afterwards.';
