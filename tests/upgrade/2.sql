-- Of a data version 2 that the upgrade suite makes up: the tables that are there change, and their rows with them.
ALTER TABLE saas.projects ADD COLUMN priority integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN saas.projects.priority IS 'The larger, the sooner.';
UPDATE saas.tenants SET plan = 'free' WHERE plan = 'starter';
