-- The roles, permissions and mappings of the source document, exactly. Seed rows come before the
-- superadmin's, so that he has every permission.

INSERT INTO saas.roles (key, is_system) VALUES
  ('tenant_owner', false), ('tenant_admin', false), ('tenant_member', false), ('tenant_guest', false),
  ('platform_admin', true), ('platform_superadmin', true), ('platform_support', true)
ON CONFLICT (key) DO NOTHING;

INSERT INTO saas.permissions (key, description) VALUES
  ('tenant.read', 'See the tenant, its members and its usage'),
  ('tenant.update', 'Change the tenant, its roles and its API keys'),
  ('tenant.delete', 'Delete the tenant'),
  ('member.invite', 'Invite members'),
  ('member.remove', 'Remove members'),
  ('project.create', 'Create projects'),
  ('project.update', 'Change projects'),
  ('project.delete', 'Delete projects'),
  ('billing.view', 'See plan, invoices, fees and credits'),
  ('billing.manage', 'Change the subscription and use credits'),
  ('platform.tenant.read', 'See all tenants'),
  ('platform.tenant.suspend', 'Suspend and reinstate tenants'),
  ('platform.tenant.delete', 'Delete tenants'),
  ('platform.billing.adjust', 'Grant credits, issue and void invoices'),
  ('platform.plan.manage', 'Define plans'),
  ('platform.user.impersonate', 'Act as a user, with a reason and for a limited time'),
  ('platform.security.view', 'See audit logs, security events and sessions'),
  ('platform.system.configure', 'Give system roles, define permissions, apply retention')
ON CONFLICT (key) DO NOTHING;

INSERT INTO saas.role_permissions (role_id, permission_id)
SELECT r.id, p.id
  FROM (VALUES
    ('tenant_owner', ARRAY['tenant.read', 'tenant.update', 'member.invite', 'member.remove', 'project.create',
                           'project.update', 'project.delete', 'billing.view', 'billing.manage']),
    ('tenant_admin', ARRAY['tenant.read', 'member.invite', 'member.remove', 'project.create', 'project.update',
                           'billing.view']),
    ('tenant_member', ARRAY['tenant.read', 'project.create', 'project.update']),
    ('tenant_guest', ARRAY['tenant.read']),
    ('platform_support', ARRAY['platform.tenant.read', 'platform.user.impersonate', 'platform.security.view']),
    ('platform_admin', ARRAY['platform.tenant.read', 'platform.tenant.suspend', 'platform.billing.adjust',
                             'platform.plan.manage', 'platform.security.view'])
  ) AS mapping (role_key, permission_keys)
  JOIN saas.roles r ON r.key = mapping.role_key
  JOIN saas.permissions p ON p.key = ANY (mapping.permission_keys)
 WHERE NOT EXISTS (SELECT FROM saas.role_permissions known WHERE known.role_id = r.id)
ON CONFLICT DO NOTHING;

INSERT INTO saas.role_permissions (role_id, permission_id)
SELECT r.id, p.id FROM saas.roles r CROSS JOIN saas.permissions p
 WHERE r.key = 'platform_superadmin'
   AND NOT EXISTS (SELECT FROM saas.role_permissions known WHERE known.role_id = r.id)
ON CONFLICT DO NOTHING;
