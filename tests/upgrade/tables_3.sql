-- What a data version 3 would have written into the tables' own files. The table is made by install alone.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'projects_priority_check') THEN
    ALTER TABLE saas.projects ADD CONSTRAINT projects_priority_check CHECK (priority BETWEEN 0 AND 9);
  END IF;
END $$;
CREATE INDEX projects_priority_idx ON saas.projects (tenant_id, priority);
CREATE TABLE saas.project_notes (
  tenant_id uuid NOT NULL REFERENCES saas.tenants (id) ON DELETE CASCADE,
  id        uuid NOT NULL,
  note      text NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
COMMENT ON TABLE saas.project_notes IS 'Of the upgrade suite.';
