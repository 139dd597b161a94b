-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.permissions_changed() IS 'Tells every session that what somebody may has changed.';
COMMENT ON FUNCTION saas.has_tenant_permission(text) IS
'Whether the current user has the permission in the current tenant.
Arguments: permission, its key.
Returns: boolean; false without a user or a current tenant.
Needs: nothing.
Errors: 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT saas.has_tenant_permission(''project.create'')';
COMMENT ON FUNCTION saas.has_tenant_permission(uuid, text) IS
'Whether the current user has the permission in that tenant: for row-level security policies.
Arguments: tenant_id, the tenant; permission, its key.
Returns: boolean; false without a user, for a NULL tenant, and for another tenant than the one that this request is bound to.
Needs: nothing.
Errors: 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT saas.has_tenant_permission(:''acme'', ''project.create'')';
COMMENT ON FUNCTION saas.has_tenant_permission(uuid, uuid, text) IS
'Whether a user has the permission in a tenant.
Arguments: user_id, who; tenant_id, where; permission, its key.
Returns: boolean; false for a NULL user or tenant. With an API key, and under impersonation, one is told of oneself only what this request may.
Needs: nothing about oneself; about others kind gateway, platform.security.view or the data owner.
Errors: 42501 when asking about somebody else without that; 42704 for an unknown permission; 23502 for a NULL one.
Example as gateway:
SELECT saas.has_tenant_permission(:''bob'', :''acme'', ''project.create'')';
COMMENT ON FUNCTION saas.has_system_permission(text) IS
'Whether the current user holds a system role with the permission. Tenant roles never count.
Arguments: permission, its key.
Returns: boolean; false without a user, with an API key and under impersonation.
Needs: nothing.
Errors: 42704 for an unknown permission; 23502 for a NULL one.
Example as admin:
SELECT saas.has_system_permission(''platform.tenant.suspend'')';
COMMENT ON FUNCTION saas.has_system_permission(uuid, text) IS
'Whether a user holds a system role with the permission.
Arguments: user_id, who; permission, its key.
Returns: boolean; false for a NULL user.
Needs: nothing about oneself; about others kind gateway, platform.security.view or the data owner.
Errors: 42501 when asking about somebody else without that; 42704 for an unknown permission; 23502 for a NULL one.
Example as admin:
SELECT saas.has_system_permission(:''sam'', ''platform.user.impersonate'')';
COMMENT ON FUNCTION saas.require_tenant_permission(text) IS
'The gate of an action of your own in the current tenant.
Arguments: permission, its key.
Returns: nothing, or raises.
Needs: the permission in the current tenant.
Errors: 28000 without a user; 42501 without the permission or a current tenant; 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT saas.require_tenant_permission(''member.invite'')';
COMMENT ON FUNCTION saas.require_tenant_permission(uuid, text) IS
'The gate of an action of your own in a tenant.
Arguments: tenant_id, the tenant; permission, its key.
Returns: nothing, or raises.
Needs: the permission in that tenant.
Errors: 28000 without a user; 42501 without the permission, and the same for a tenant that does not exist or is NULL; 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT saas.require_tenant_permission(:''acme'', ''member.invite'')';
COMMENT ON FUNCTION saas.require_system_permission(text) IS
'The gate of a platform action of your own.
Arguments: permission, its key.
Returns: nothing, or raises.
Needs: a system role with the permission.
Errors: 28000 without a user; 42501 without the permission; 42704 for an unknown permission; 23502 for a NULL one.
Example as admin:
SELECT saas.require_system_permission(''platform.plan.manage'')';
COMMENT ON FUNCTION saas.authorized_tenant_id(text) IS
'The current tenant if the current user has the permission there: one index condition for a query.
Arguments: permission, its key.
Returns: the tenant''s id, else NULL.
Needs: nothing.
Errors: 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT * FROM saas.projects WHERE tenant_id = saas.authorized_tenant_id(''tenant.read'')';
COMMENT ON FUNCTION saas.permitted_tenant_ids(text) IS
'All tenants in which the current user has the permission.
Arguments: permission, its key.
Returns: their ids, sorted; empty without a user.
Needs: nothing.
Errors: 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT saas.permitted_tenant_ids(''billing.view'')';
COMMENT ON FUNCTION saas.grant_access(regrole, text) IS
'Gives a database role exactly what its kind of access needs, and takes what another kind gave it.
Arguments: role, a database role; kind, one of app, gateway, worker, auditor and admin.
Returns: nothing.
Needs: the data owner.
Errors: 42501 for others; 22023 for an unknown kind, a superuser or the data owner.
Example as owner:
SELECT saas.grant_access(''saas_app'', ''app'')';
COMMENT ON FUNCTION saas.revoke_access(regrole) IS
'Takes from a database role all that saas.grant_access gave it, so that it can be dropped.
Arguments: role, a database role; nothing happens for one that has no access.
Returns: nothing.
Needs: the data owner.
Errors: 42501 for others; 22023 for the data owner himself.
Example as owner:
SELECT saas.revoke_access(''saas_app'')';
