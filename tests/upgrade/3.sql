-- Of a made-up data version 3: its last step fails where somebody has an index of that name.
ALTER TABLE saas.projects ADD CONSTRAINT projects_priority_check CHECK (priority BETWEEN 0 AND 9);
UPDATE saas.projects SET priority = 1 WHERE priority = 0;
CREATE INDEX projects_priority_idx ON saas.projects (tenant_id, priority);
