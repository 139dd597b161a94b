-- Who is asking: users and the ways they prove it.

CREATE TABLE saas.users (
  id                uuid PRIMARY KEY,
  email             text NOT NULL CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 320),
  name              text CHECK (length(name) <= 500),
  email_preferences jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(email_preferences) = 'object'),
  service_tenant_id uuid REFERENCES saas.tenants (id) ON DELETE CASCADE,
  created_at        timestamptz NOT NULL DEFAULT now(),
  deleted_at        timestamptz
);
CREATE UNIQUE INDEX users_email_key ON saas.users (lower(email));
CREATE INDEX users_service_tenant_id_idx ON saas.users (service_tenant_id) WHERE service_tenant_id IS NOT NULL;
COMMENT ON TABLE saas.users IS 'Canonical identity. Holds no permissions, roles or tenants. deleted_at is the erasure anchor: such a user can begin no request.';
COMMENT ON COLUMN saas.users.service_tenant_id IS 'Of a service account, which is a program: its only tenant. It never logs in and acts by API keys only.';

CREATE TABLE saas.sessions (
  id           uuid NOT NULL,
  user_id      uuid NOT NULL REFERENCES saas.users (id) ON DELETE CASCADE,
  token_hash   bytea PRIMARY KEY CHECK (length(token_hash) = 32),
  ip_address   inet,
  user_agent   text CHECK (length(user_agent) <= 2000),
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL CHECK (isfinite(expires_at) AND expires_at > created_at),
  revoked_at   timestamptz
);
CREATE INDEX sessions_id_idx ON saas.sessions (id);
CREATE INDEX sessions_user_id_idx ON saas.sessions (user_id);
COMMENT ON TABLE saas.sessions IS 'Login sessions. token_hash is SHA-256 of a 256-bit token that is shown once and never stored.';

CREATE TABLE saas.accounts (
  id                       uuid PRIMARY KEY,
  user_id                  uuid NOT NULL REFERENCES saas.users (id) ON DELETE CASCADE,
  provider_id              text NOT NULL CHECK (provider_id <> ''),
  account_id               text NOT NULL CHECK (account_id <> ''),
  password_hash            text,
  access_token             text,
  refresh_token            text,
  id_token                 text,
  access_token_expires_at  timestamptz,
  refresh_token_expires_at timestamptz,
  scope                    text,
  created_at               timestamptz NOT NULL DEFAULT now(),
  updated_at               timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider_id, account_id)
);
CREATE INDEX accounts_user_id_idx ON saas.accounts (user_id);
COMMENT ON TABLE saas.accounts IS 'How a user logs in: a password, or an identity at an OAuth provider or token issuer (provider_id) under its subject (account_id).';

CREATE TABLE saas.verifications (
  id           uuid PRIMARY KEY,
  user_id      uuid REFERENCES saas.users (id) ON DELETE CASCADE,
  identifier   text NOT NULL CHECK (identifier <> ''),
  purpose      text NOT NULL CHECK (purpose IN ('email_verification', 'password_reset', 'mfa', 'magic_link')),
  token_hash   bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  is_code      boolean NOT NULL DEFAULT false,
  attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  max_attempts integer NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz NOT NULL CHECK (isfinite(expires_at) AND expires_at > created_at),
  used_at      timestamptz,
  CHECK (attempts <= max_attempts)
);
CREATE INDEX verifications_user_id_idx ON saas.verifications (user_id);
CREATE INDEX verifications_identifier_idx ON saas.verifications (identifier, purpose, created_at);
CREATE UNIQUE INDEX verifications_open_key ON saas.verifications (identifier, purpose) WHERE used_at IS NULL;
COMMENT ON TABLE saas.verifications IS 'Single-use secrets sent to a person (e-mail verification, password reset, MFA, magic link), stored as SHA-256, limited in time and attempts.';
COMMENT ON COLUMN saas.verifications.identifier IS 'What it was sent to, in lower case: an e-mail address, a number, a device.';
COMMENT ON COLUMN saas.verifications.is_code IS 'Eight digits, hashed together with the id and guessed at most max_attempts times; otherwise a link''s 256 random bits.';
COMMENT ON COLUMN saas.verifications.used_at IS 'When it was used, or another one took its place.';

CREATE TABLE saas.jwt_keys (
  id            uuid PRIMARY KEY,
  issuer        text NOT NULL CHECK (issuer <> ''),
  kid           text NOT NULL CHECK (kid <> ''),
  algorithm     text NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256', 'HS256')),
  key           jsonb NOT NULL CHECK (key ->> 'kty' IN ('OKP', 'EC', 'RSA', 'oct')),
  audience      text CHECK (audience <> ''),
  creates_users boolean NOT NULL DEFAULT false,
  created_at    timestamptz NOT NULL DEFAULT now(),
  retired_at    timestamptz,
  UNIQUE (issuer, kid)
);
COMMENT ON TABLE saas.jwt_keys IS 'Keys that JWTs are verified with: public keys, or the shared secret of HS256. No kind of role may read them.';
COMMENT ON COLUMN saas.jwt_keys.key IS 'The key as a JWK (RFC 7517).';
COMMENT ON COLUMN saas.jwt_keys.audience IS 'What the token''s aud must name; NULL: not checked.';
COMMENT ON COLUMN saas.jwt_keys.creates_users IS 'Whether a subject that is not known becomes a user at first sight.';
COMMENT ON COLUMN saas.jwt_keys.retired_at IS 'Since when the issuer does not have it any more; no token is accepted by it.';
