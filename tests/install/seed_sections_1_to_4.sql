-- The source document's seed script, sections 1 to 4, word for word.

INSERT INTO roles (key, is_system)
VALUES
  ('tenant_owner', false),
  ('tenant_admin', false),
  ('tenant_member', false),
  ('tenant_guest', false)
ON CONFLICT (key) DO NOTHING;

INSERT INTO roles (key, is_system)
VALUES
  ('platform_admin', true),
  ('platform_superadmin', true),
  ('platform_support', true)
ON CONFLICT (key) DO NOTHING;

INSERT INTO permissions (key)
VALUES
  -- Tenant permissions
  ('tenant.read'),
  ('tenant.update'),
  ('tenant.delete'),
  ('member.invite'),
  ('member.remove'),
  ('project.create'),
  ('project.update'),
  ('project.delete'),

  -- Billing (tenant)
  ('billing.view'),
  ('billing.manage'),

  -- Platform permissions
  ('platform.tenant.read'),
  ('platform.tenant.suspend'),
  ('platform.tenant.delete'),
  ('platform.billing.adjust'),
  ('platform.plan.manage'),
  ('platform.user.impersonate'),
  ('platform.security.view'),
  ('platform.system.configure')
ON CONFLICT (key) DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
JOIN permissions p ON p.key IN (
  'tenant.read',
  'tenant.update',
  'member.invite',
  'member.remove',
  'project.create',
  'project.update',
  'project.delete',
  'billing.view',
  'billing.manage'
)
WHERE r.key = 'tenant_owner'
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
JOIN permissions p ON p.key IN (
  'tenant.read',
  'member.invite',
  'member.remove',
  'project.create',
  'project.update',
  'billing.view'
)
WHERE r.key = 'tenant_admin'
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
JOIN permissions p ON p.key IN (
  'tenant.read',
  'project.create',
  'project.update'
)
WHERE r.key = 'tenant_member'
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
JOIN permissions p ON p.key IN (
  'tenant.read'
)
WHERE r.key = 'tenant_guest'
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
JOIN permissions p ON p.key IN (
  'platform.tenant.read',
  'platform.user.impersonate',
  'platform.security.view'
)
WHERE r.key = 'platform_support'
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
JOIN permissions p ON p.key IN (
  'platform.tenant.read',
  'platform.tenant.suspend',
  'platform.billing.adjust',
  'platform.plan.manage',
  'platform.security.view'
)
WHERE r.key = 'platform_admin'
ON CONFLICT DO NOTHING;

INSERT INTO role_permissions (role_id, permission_id)
SELECT r.id, p.id
FROM roles r
CROSS JOIN permissions p
WHERE r.key = 'platform_superadmin'
ON CONFLICT DO NOTHING;
