-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.has_tenant_permission(text) IS
'Whether the current user has the permission in the current tenant; false without either. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_tenant_permission(uuid, text) IS
'Whether the current user has the permission in that tenant: for row-level security policies. False without a user, for NULL, and for another tenant than the one this request is bound to. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_tenant_permission(uuid, uuid, text) IS
'Whether a user (first argument) has the permission in a tenant (second). Errors: 42501 when asking about somebody else without being gateway, data owner or holding platform.security.view; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_system_permission(text) IS
'Whether the current user holds a system role with the permission. Tenant roles never count. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.has_system_permission(uuid, text) IS
'Whether a user holds a system role with the permission. Errors: 42501 when asking about somebody else without being gateway, data owner or holding platform.security.view; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.require_tenant_permission(text) IS
'The gate of an action in the current tenant. Errors: 28000 without a user; 42501 without the permission or without a current tenant; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.require_tenant_permission(uuid, text) IS
'The gate of an action in a tenant. Errors: 28000 without a user; 42501 without the permission, and the same for a tenant that does not exist; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.require_system_permission(text) IS
'The gate of a platform action. Errors: 28000 without a user; 42501 without the permission; 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.authorized_tenant_id(text) IS
'The current tenant if the current user has the permission there, else NULL: WHERE tenant_id = saas.authorized_tenant_id(''tenant.read''). Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.permitted_tenant_ids(text) IS
'All tenants in which the current user has the permission, sorted; empty without a user. Error: 42704 for an unknown permission.';
COMMENT ON FUNCTION saas.grant_access(regrole, text) IS
'Gives a database role exactly what its kind of access needs (app, gateway, worker, auditor or admin), and takes what another kind gave it. Errors: 42501 unless called by the data owner; 22023 for an unknown kind, a superuser or the data owner.';
COMMENT ON FUNCTION saas.revoke_access(regrole) IS
'Takes from a database role all that saas.grant_access gave it, so that it can be dropped. Nothing happens for a role that has no access. Errors: 42501 unless called by the data owner; 22023 for the data owner.';
