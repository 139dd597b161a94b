-- What they may do. Tenant roles and system roles live in one catalog and never meet:
-- members and system assignments reference (id, is_system) with a constant on their side.

CREATE TABLE saas.roles (
  id             uuid PRIMARY KEY,
  key            text NOT NULL UNIQUE CHECK (key <> '' AND length(key) <= 200),
  is_system      boolean NOT NULL DEFAULT true,
  is_break_glass boolean NOT NULL DEFAULT false,
  tenant_id      uuid REFERENCES saas.tenants (id) ON DELETE CASCADE,
  created_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (id, is_system),
  CHECK (is_system OR NOT is_break_glass),
  CHECK (tenant_id IS NULL OR NOT is_system)
);
CREATE INDEX roles_tenant_id_idx ON saas.roles (tenant_id) WHERE tenant_id IS NOT NULL;
COMMENT ON TABLE saas.roles IS 'Role catalog. is_system: a platform role, given by system_role_assignments only; otherwise a tenant role, given by tenant_members only. tenant_id: a tenant''s own role.';

CREATE TABLE saas.permissions (
  id          uuid PRIMARY KEY,
  key         text NOT NULL UNIQUE CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' AND length(key) <= 200),
  description text,
  created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE saas.permissions IS 'Atomic actions such as project.create. Checking a key that is not here raises 42704.';

CREATE TABLE saas.role_permissions (
  role_id       uuid NOT NULL REFERENCES saas.roles (id) ON DELETE CASCADE,
  permission_id uuid NOT NULL REFERENCES saas.permissions (id) ON DELETE CASCADE,
  PRIMARY KEY (role_id, permission_id)
);
CREATE INDEX role_permissions_permission_id_idx ON saas.role_permissions (permission_id);
COMMENT ON TABLE saas.role_permissions IS 'Which role carries which permission, for tenant and system roles alike.';

CREATE TABLE saas.system_role_assignments (
  id               uuid PRIMARY KEY,
  assigned_user_id uuid NOT NULL REFERENCES saas.users (id),
  role_id          uuid NOT NULL,
  role_is_system   boolean NOT NULL GENERATED ALWAYS AS (true) STORED,
  assigned_by      uuid NOT NULL REFERENCES saas.users (id),
  reason           text NOT NULL CHECK (btrim(reason) <> ''),
  assigned_at      timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz CHECK (isfinite(expires_at) AND expires_at > assigned_at),
  revoked_at       timestamptz,
  revoked_by       uuid REFERENCES saas.users (id),
  revoke_reason    text CHECK (btrim(revoke_reason) <> ''),
  FOREIGN KEY (role_id, role_is_system) REFERENCES saas.roles (id, is_system),
  CHECK (revoked_at >= assigned_at),
  CHECK (revoked_at IS NOT NULL OR (revoked_by IS NULL AND revoke_reason IS NULL))
);
CREATE UNIQUE INDEX uniq_active_system_role_assignment
  ON saas.system_role_assignments (assigned_user_id, role_id) WHERE revoked_at IS NULL;
CREATE INDEX system_role_assignments_role_id_idx ON saas.system_role_assignments (role_id);
CREATE INDEX system_role_assignments_assigned_by_idx ON saas.system_role_assignments (assigned_by);
CREATE INDEX system_role_assignments_revoked_by_idx ON saas.system_role_assignments (revoked_by);
COMMENT ON TABLE saas.system_role_assignments IS 'The single authoritative source of platform access: who holds which system role, granted by whom, why, until when, revoked by whom.';

CREATE TABLE saas.break_glass_events (
  id          uuid PRIMARY KEY,
  user_id     uuid NOT NULL REFERENCES saas.users (id),
  role_id     uuid NOT NULL,
  role_is_system boolean NOT NULL GENERATED ALWAYS AS (true) STORED,
  assignment_id uuid REFERENCES saas.system_role_assignments (id),
  reason      text NOT NULL CHECK (btrim(reason) <> ''),
  ticket      text,
  opened_at   timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL CHECK (isfinite(expires_at) AND expires_at > opened_at),
  closed_at   timestamptz CHECK (closed_at >= opened_at),
  reviewed_at timestamptz CHECK (reviewed_at >= opened_at),
  reviewed_by uuid REFERENCES saas.users (id),
  outcome     text CHECK (btrim(outcome) <> ''),
  FOREIGN KEY (role_id, role_is_system) REFERENCES saas.roles (id, is_system),
  CHECK (reviewed_by <> user_id),
  CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX break_glass_events_user_id_idx ON saas.break_glass_events (user_id);
CREATE INDEX break_glass_events_role_id_idx ON saas.break_glass_events (role_id);
CREATE INDEX break_glass_events_assignment_id_idx ON saas.break_glass_events (assignment_id);
CREATE INDEX break_glass_events_reviewed_by_idx ON saas.break_glass_events (reviewed_by);
COMMENT ON TABLE saas.break_glass_events IS 'Emergency access: who opened which role, why, until when, and what somebody else found in review.';
COMMENT ON COLUMN saas.break_glass_events.closed_at IS 'When it was ended before its time.';

CREATE TABLE saas.impersonation_sessions (
  id             uuid PRIMARY KEY,
  actor_id       uuid NOT NULL REFERENCES saas.users (id),
  target_user_id uuid NOT NULL REFERENCES saas.users (id),
  tenant_id      uuid NOT NULL REFERENCES saas.tenants (id),
  session_id     uuid,
  reason         text NOT NULL CHECK (btrim(reason) <> ''),
  ticket         text,
  read_only      boolean NOT NULL DEFAULT false,
  approval_required boolean NOT NULL DEFAULT false,
  approved_by    uuid REFERENCES saas.users (id),
  started_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL,
  ended_at       timestamptz CHECK (ended_at >= started_at),
  CHECK (actor_id <> target_user_id),
  CHECK (approved_by <> actor_id),
  CHECK (expires_at > started_at AND expires_at <= started_at + interval '1 hour')
);
CREATE INDEX impersonation_sessions_actor_id_idx ON saas.impersonation_sessions (actor_id);
CREATE INDEX impersonation_sessions_target_user_id_idx ON saas.impersonation_sessions (target_user_id);
CREATE INDEX impersonation_sessions_tenant_id_idx ON saas.impersonation_sessions (tenant_id);
CREATE INDEX impersonation_sessions_approved_by_idx ON saas.impersonation_sessions (approved_by);
CREATE INDEX impersonation_sessions_open_idx ON saas.impersonation_sessions (expires_at) WHERE ended_at IS NULL;
COMMENT ON TABLE saas.impersonation_sessions IS 'Support acting as a user: one tenant, one reason, one hour at most. The only way for support into a tenant.';
COMMENT ON COLUMN saas.impersonation_sessions.session_id IS 'The session of the actor that it was started in, is entered in, and ends with. No foreign key: sessions are deleted, this record stays.';
COMMENT ON COLUMN saas.impersonation_sessions.approval_required IS 'Whether a second person has to approve before it can be entered, as settings.impersonation_approval said when it was started.';

-- Nothing is ever stored here. A change of permissions sends PostgreSQL's own relation-cache
-- message for this table, on which every backend forgets the permissions it knew.
CREATE TABLE saas.permission_epoch ();
COMMENT ON TABLE saas.permission_epoch IS 'Always empty: its relation-cache invalidations tell every backend that permissions changed. Use it for nothing else.';
