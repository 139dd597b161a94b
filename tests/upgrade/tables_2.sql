-- What a data version 2 would have written into the tables' own files.
ALTER TABLE saas.projects ADD COLUMN IF NOT EXISTS priority integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN saas.projects.priority IS 'The larger, the sooner.';
