-- GDPR: legal bases, requests of data subjects, and the record of processing.

CREATE TABLE saas.user_consents (
  id           uuid PRIMARY KEY,
  user_id      uuid NOT NULL REFERENCES saas.users (id),
  purpose      text NOT NULL CHECK (purpose <> ''),
  legal_basis  text NOT NULL CHECK (legal_basis IN ('consent', 'contract', 'legal_obligation',
                                    'vital_interests', 'public_task', 'legitimate_interests')),
  version      text NOT NULL CHECK (version <> ''),
  granted_at   timestamptz NOT NULL DEFAULT now(),
  withdrawn_at timestamptz CHECK (withdrawn_at >= granted_at)
);
CREATE INDEX user_consents_user_id_idx ON saas.user_consents (user_id, purpose);
COMMENT ON TABLE saas.user_consents IS 'What a user agreed to, on which legal basis (GDPR Art. 6(1)), in which version of the text. Rows are never overwritten: withdrawal is the one change. The newest row of a purpose is what applies; a new version leaves the older row as it is, because nobody withdrew that.';

CREATE TABLE saas.privacy_requests (
  id            uuid PRIMARY KEY,
  user_id       uuid NOT NULL REFERENCES saas.users (id),
  kind          text NOT NULL CHECK (kind IN ('access', 'rectification', 'erasure', 'portability', 'objection')),
  status        text NOT NULL DEFAULT 'received'
    CHECK (status IN ('received', 'verified', 'in_progress', 'completed', 'refused')),
  received_at   timestamptz NOT NULL DEFAULT now(),
  due_at        timestamptz NOT NULL CHECK (isfinite(due_at) AND due_at > received_at),
  verified_at   timestamptz,
  completed_at  timestamptz,
  handled_by    uuid REFERENCES saas.users (id),
  decision      text,
  result        jsonb,
  result_digest bytea CHECK (length(result_digest) = 32),
  CHECK (status <> 'refused' OR btrim(coalesce(decision, '')) <> ''),
  CHECK ((status IN ('completed', 'refused')) = (completed_at IS NOT NULL))
);
CREATE INDEX privacy_requests_user_id_idx ON saas.privacy_requests (user_id);
CREATE INDEX privacy_requests_handled_by_idx ON saas.privacy_requests (handled_by);
CREATE INDEX privacy_requests_due_idx ON saas.privacy_requests (due_at) WHERE completed_at IS NULL;
CREATE UNIQUE INDEX privacy_requests_open_key ON saas.privacy_requests (user_id, kind) WHERE completed_at IS NULL;
COMMENT ON TABLE saas.privacy_requests IS 'Requests of data subjects (GDPR Art. 15 to 21), due within one month (Art. 12(3)). One open request a kind and user.';
COMMENT ON COLUMN saas.privacy_requests.result IS 'What an erasure did, by table; names nobody. An export is handed out and not kept.';
COMMENT ON COLUMN saas.privacy_requests.result_digest IS 'SHA-256 of the answer as text: proof of what was handed out.';

CREATE TABLE saas.personal_data_registry (
  table_name  text NOT NULL CHECK (table_name <> ''),
  column_name text NOT NULL CHECK (column_name <> ''),
  category    text NOT NULL CHECK (category <> ''),
  purpose     text NOT NULL CHECK (purpose <> ''),
  legal_basis text NOT NULL CHECK (legal_basis IN ('consent', 'contract', 'legal_obligation',
                                   'vital_interests', 'public_task', 'legitimate_interests')),
  retention   interval CHECK (retention > '0'),
  on_erasure  text NOT NULL CHECK (on_erasure IN ('delete', 'anonymize', 'keep')),
  duty        text,
  user_column text CHECK (user_column <> ''),
  email_column text CHECK (email_column <> ''),
  time_column text CHECK (time_column <> ''),
  replacement text,
  PRIMARY KEY (table_name, column_name),
  CHECK (on_erasure <> 'keep' OR btrim(coalesce(duty, '')) <> '')
);
COMMENT ON TABLE saas.personal_data_registry IS 'Record of processing (GDPR Art. 30): every column with personal data, why it is kept, how long, and what erasure does. Add your own tables with saas.register_personal_data.';
COMMENT ON COLUMN saas.personal_data_registry.table_name IS 'A table of this schema, or with its schema a table of the data owner''s.';
COMMENT ON COLUMN saas.personal_data_registry.on_erasure IS 'delete: the row goes (of users, which stays as the anchor, the value); anonymize: the value goes; keep: it stays, under the duty named.';
COMMENT ON COLUMN saas.personal_data_registry.user_column IS 'The column of that table that names the user.';
COMMENT ON COLUMN saas.personal_data_registry.email_column IS 'The column that holds the user''s e-mail address, where rows may name him by that alone.';
COMMENT ON COLUMN saas.personal_data_registry.time_column IS 'From when retention counts. Without it nothing says how old a row is.';
COMMENT ON COLUMN saas.personal_data_registry.replacement IS 'What anonymize puts in place of the value, NULL if nothing is given. {user_id} stands for the user''s id.';
COMMENT ON COLUMN saas.personal_data_registry.duty IS 'The legal duty under which erasure keeps the data.';
