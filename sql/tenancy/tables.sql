-- Who belongs to which tenant.

CREATE TABLE saas.tenant_members (
  tenant_id      uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id             uuid NOT NULL,
  user_id        uuid NOT NULL REFERENCES saas.users (id) ON DELETE CASCADE,
  role_id        uuid NOT NULL,
  role_is_system boolean NOT NULL GENERATED ALWAYS AS (false) STORED,
  member_type    text NOT NULL DEFAULT 'member' CHECK (member_type IN ('member', 'guest', 'service')),
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, user_id),
  FOREIGN KEY (role_id, role_is_system) REFERENCES saas.roles (id, is_system)
);
CREATE INDEX tenant_members_id_idx ON saas.tenant_members (id);
CREATE INDEX tenant_members_user_id_idx ON saas.tenant_members (user_id);
CREATE INDEX tenant_members_role_id_idx ON saas.tenant_members (role_id);
COMMENT ON TABLE saas.tenant_members IS 'User in tenant, with one tenant role. Members take seats of the plan; guests are free, and so are service accounts. Never holds a system role.';

CREATE TABLE saas.tenant_invitations (
  tenant_id      uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id             uuid NOT NULL,
  email          text NOT NULL CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 320),
  role_id        uuid,
  role_is_system boolean NOT NULL GENERATED ALWAYS AS (false) STORED,
  member_type    text NOT NULL DEFAULT 'member' CHECK (member_type IN ('member', 'guest')),
  token_hash     bytea NOT NULL CHECK (length(token_hash) = 32),
  invited_by     uuid REFERENCES saas.users (id),
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL CHECK (isfinite(expires_at) AND expires_at > created_at),
  accepted_at    timestamptz,
  accepted_by    uuid REFERENCES saas.users (id),
  revoked_at     timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, token_hash),
  FOREIGN KEY (role_id, role_is_system) REFERENCES saas.roles (id, is_system),
  CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
  CHECK (accepted_at IS NULL OR revoked_at IS NULL),
  CHECK (role_id IS NOT NULL OR accepted_at IS NOT NULL OR revoked_at IS NOT NULL)
);
CREATE INDEX tenant_invitations_id_idx ON saas.tenant_invitations (id);
CREATE INDEX tenant_invitations_role_id_idx ON saas.tenant_invitations (role_id);
CREATE INDEX tenant_invitations_invited_by_idx ON saas.tenant_invitations (invited_by);
CREATE INDEX tenant_invitations_accepted_by_idx ON saas.tenant_invitations (accepted_by);
CREATE UNIQUE INDEX tenant_invitations_open_key ON saas.tenant_invitations (tenant_id, lower(email))
  WHERE accepted_at IS NULL AND revoked_at IS NULL;
COMMENT ON TABLE saas.tenant_invitations IS 'Open and past invitations. The token names its tenant, is shown once and stored as SHA-256.';
COMMENT ON COLUMN saas.tenant_invitations.role_id IS 'NULL in a past one whose role was deleted.';
COMMENT ON COLUMN saas.tenant_invitations.invited_by IS 'Who must still be able to give the role when it is accepted; NULL: the data owner.';

CREATE TABLE saas.api_keys (
  tenant_id      uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id             uuid NOT NULL,
  user_id        uuid NOT NULL REFERENCES saas.users (id) ON DELETE CASCADE,
  role_id        uuid,
  role_is_system boolean NOT NULL GENERATED ALWAYS AS (false) STORED,
  name           text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  prefix         text NOT NULL CHECK (prefix <> ''),
  key_hash       bytea NOT NULL CHECK (length(key_hash) = 32),
  created_at     timestamptz NOT NULL DEFAULT now(),
  last_used_at   timestamptz,
  expires_at     timestamptz CHECK (isfinite(expires_at) AND expires_at > created_at),
  revoked_at     timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, key_hash),
  FOREIGN KEY (role_id, role_is_system) REFERENCES saas.roles (id, is_system),
  CHECK (role_id IS NOT NULL OR revoked_at IS NOT NULL)
);
CREATE INDEX api_keys_id_idx ON saas.api_keys (id);
CREATE INDEX api_keys_user_id_idx ON saas.api_keys (user_id);
CREATE INDEX api_keys_role_id_idx ON saas.api_keys (role_id);
COMMENT ON TABLE saas.api_keys IS 'Keys for programs: bound to one tenant and one tenant role. The key names its tenant, is shown once and stored as SHA-256.';
COMMENT ON COLUMN saas.api_keys.role_id IS 'What it may, as far as its user may. NULL in a revoked one whose role was deleted.';
COMMENT ON COLUMN saas.api_keys.prefix IS 'The beginning of the key, to tell it by.';
COMMENT ON COLUMN saas.api_keys.last_used_at IS 'When it last began a request that committed a change, to the hour: no proof that nobody has read with it since.';

CREATE TABLE saas.projects (
  tenant_id   uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id          uuid NOT NULL,
  title       text NOT NULL CHECK (btrim(title) <> ''),
  description text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX projects_id_idx ON saas.projects (id);
COMMENT ON TABLE saas.projects IS 'The model of an application''s own table: plain DML under row-level security.';
