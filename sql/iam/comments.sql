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
COMMENT ON FUNCTION saas.permitted_tenants(text) IS
'All tenants in which the current user has the permission, and how many they are: the index condition of users in many tenants.
Arguments: permission, its key.
Returns: permitted_tenant_ids, their ids, sorted; number, how many.
Needs: nothing.
Errors: 42704 for an unknown permission; 23502 for a NULL one.
Example as app:
SELECT number FROM saas.permitted_tenants(''tenant.read'')';
COMMENT ON FUNCTION saas.plan_tenant_permission(internal) IS
'Internal: tells the planner how has_tenant_permission can use an index, how many rows it lets through, and what it costs.';
COMMENT ON FUNCTION saas.grant_access(regrole, text) IS
'Gives a database role exactly what its kind of access needs, and takes what another kind gave it.
Arguments: role, a database role; kind, one of app, gateway, worker, auditor and admin.
Returns: nothing.
Needs: the data owner.
Errors: 42501 for others; 22023 for an unknown kind, a superuser or the data owner; 23502 for NULL.
Example as owner:
SELECT saas.grant_access(''saas_app'', ''app'')';
COMMENT ON FUNCTION saas.revoke_access(regrole) IS
'Takes from a database role all that saas.grant_access gave it, so that it can be dropped.
Arguments: role, a database role; nothing happens for one that has no access.
Returns: nothing.
Needs: the data owner.
Errors: 42501 for others; 22023 for the data owner himself; 23502 for NULL, which to_regrole() gives for a name that is no role''s.
Example as owner:
SELECT saas.revoke_access(''saas_app'')';
COMMENT ON FUNCTION saas.tenant_permissions(uuid) IS
'What the current user may in a tenant: what a user interface hides its buttons by.
Arguments: tenant_id, the tenant.
Returns: permissions, sorted; none without a user, and for a tenant that is not one''s own or that this request is not bound to.
Needs: nothing.
Errors: 23502 for NULL.
Example as app:
SELECT saas.tenant_permissions(:''acme'')';
COMMENT ON FUNCTION saas.system_permissions() IS
'What the current user may on the platform.
Arguments: none.
Returns: permissions, sorted; none without a user, with an API key and under impersonation. Tenant permissions of a system role are among them: they count on the platform only.
Needs: nothing.
Errors: none.
Example as admin:
SELECT saas.system_permissions()';
COMMENT ON FUNCTION saas.members_with_permission(uuid, text) IS
'Who of a tenant has a permission there: whom to ask, whom to notify.
Arguments: tenant_id, the tenant; permission, its key.
Returns: ids of users, sorted; none while the tenant is suspended.
Needs: tenant.read in that tenant, or platform.security.view, kind gateway or the data owner.
Errors: 28000 without a user; 42501 without the permission and for a tenant that is not one''s own; 23503 to the trusted for a tenant that does not exist; 42704 for an unknown permission; 23502 for NULL.
Example as app:
SELECT saas.members_with_permission(:''acme'', ''billing.manage'')';
COMMENT ON FUNCTION saas.explain_permission(uuid, uuid, text) IS
'Why a user has a permission in a tenant, or exactly why not. It answers what has_tenant_permission(user_id, tenant_id, permission) answers: with an API key, and under impersonation, what this request may.
Arguments: user_id, who; tenant_id, where; permission, its key.
Returns: an object: "allowed"; "reason", one of granted, not_a_member, role_lacks_permission, user_lacks_permission (an API key''s role has it, its user''s has not), tenant_suspended, tenant_deleted, user_deleted, bound_to_another_tenant, impersonation_ended, actor_may_not_impersonate, target_has_system_role, transaction_not_read_only, unknown_tenant and unknown_user (the last two to those who may see all tenants; to others it is not_a_member); "explanation", a sentence; "user_id", "tenant_id", "permission"; and where they have a part in it "membership", "role" (with "from": membership or api_key), "user_role" (beside an API key''s), "grant", "roles_with_permission", "bound_to", "impersonation".
Needs: nothing about oneself; about others platform.security.view, kind gateway or the data owner.
Errors: 28000 without a user; 42501 when asking about somebody else without that; 42704 for an unknown permission; 23502 for NULL.
Example as app:
SELECT jsonb_pretty(saas.explain_permission(:''alice'', :''acme'', ''tenant.delete''))';
COMMENT ON FUNCTION saas.explain_permission_text(uuid, uuid, text) IS
'The "explanation" of explain_permission: one sentence to read in psql.
Arguments: user_id, who; tenant_id, where; permission, its key.
Returns: text that begins with Yes or No.
Needs: as explain_permission.
Errors: as explain_permission.
Example as admin:
SELECT saas.explain_permission_text(:''bob'', :''acme'', ''billing.view'')';
COMMENT ON FUNCTION saas.explain_system_permission(uuid, text) IS
'Why a user has a permission on the platform, or exactly why not.
Arguments: user_id, who; permission, its key.
Returns: an object: "allowed"; "reason", one of granted, no_system_role, role_lacks_permission, expired, revoked, user_deleted, api_key, impersonation and unknown_user (the last to those who may see all tenants); "explanation", a sentence; "user_id", "permission"; "assignments", every system role the user holds or held, with its state (live, expired, revoked), who gave it when, why and until when, and who took it back; "roles_with_permission". With an API key, and under impersonation, nothing is told of the user''s roles.
Needs: nothing about oneself; about others platform.security.view, kind gateway or the data owner.
Errors: 28000 without a user; 42501 when asking about somebody else without that; 42704 for an unknown permission; 23502 for NULL.
Example as admin:
SELECT jsonb_pretty(saas.explain_system_permission(:''sam'', ''platform.tenant.suspend''))';
COMMENT ON FUNCTION saas.explain_system_permission_text(uuid, text) IS
'The "explanation" of explain_system_permission: one sentence to read in psql.
Arguments: user_id, who; permission, its key.
Returns: text that begins with Yes or No.
Needs: as explain_system_permission.
Errors: as explain_system_permission.
Example as admin:
SELECT saas.explain_system_permission_text(:''sam'', ''platform.tenant.suspend'')';
COMMENT ON FUNCTION saas.role_permission_diff(text, text) IS
'What two roles carry, side by side.
Arguments: role_a and role_b, keys of roles.
Returns: a row for each permission that one of them carries: permission, in_a, in_b; sorted.
Needs: a user, or kind gateway or auditor or the data owner; for a tenant''s own role tenant.read there or platform.tenant.read.
Errors: 28000 without a user; 42704 for a role that does not exist or is another tenant''s; 23502 for NULL.
Example as app:
SELECT * FROM saas.role_permission_diff(''tenant_admin'', ''tenant_member'')';
COMMENT ON FUNCTION saas.define_permission(text, text, text[]) IS
'Defines a permission of your application and gives it to roles. May be called again: the description is changed, and missing roles get it; nothing is taken away.
Arguments: key, words of a-z, 0-9 and _, joined by dots; what begins with "platform." is a permission of the platform, everything else one in tenants; description, what it allows; role_keys, roles of the catalog that get it, platform roles for a platform permission and tenant roles for one in tenants (platform_superadmin may carry both).
Returns: nothing.
Needs: platform.system.configure. Who gives a platform permission that exists already has to hold it himself, without an end.
Errors: 28000 without a user; 42501 without the permission; 22023 for a key of another form; 42704 for an unknown role or a tenant''s own; 23514 for a role of the other world; 23502 for NULL.
Example as admin:
SELECT saas.define_permission(''report.export'', ''Export reports'', ARRAY[''tenant_owner'', ''tenant_admin''])';
COMMENT ON FUNCTION saas.define_platform_role(text, text[], boolean) IS
'Defines a platform role: it carries exactly these permissions. May be called again, with other permissions too: who holds the role has them from the next statement on.
Arguments: key, a word of a-z, 0-9 and _; permissions, which begin with "platform."; is_break_glass, whether the role is for emergencies, which is decided once.
Returns: the role''s id.
Needs: platform.system.configure, and every permission that the role has or gets, held without an end.
Errors: 28000 without a user; 42501 without the permissions; 22023 for a key of another form; 42704 for an unknown permission; 23514 for a tenant permission; 23505 when the key is a tenant role''s; 55000 when is_break_glass would change, and when nobody would be left who may configure the platform; 23502 for NULL.
Example as admin:
SELECT saas.define_platform_role(''platform_billing'', ARRAY[''platform.tenant.read'', ''platform.billing.adjust''])';
COMMENT ON FUNCTION saas.grant_system_role(uuid, text, text, timestamptz) IS
'Gives a system role to a user. Where a person gives it, the user''s other sessions end: he logs in anew. Nobody gives what he has not himself, nor for longer than he has it. An assignment of the same role that has expired is closed.
Arguments: user_id, to whom; role_key, which role; reason, why; expires_at, until when, NULL for no end.
Returns: the assignment''s id. It names as assigned_by who gave it, or the user himself when the data owner did.
Needs: platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, for a role beyond one''s own and for longer than one''s own; 42704 for an unknown role; 23514 for a tenant role and a break-glass role; 23503 for an unknown or deleted user; 23505 when he holds the role; 22023 for a blank reason and a time that is past or infinite; 23502 for NULL.
Example as admin:
SELECT saas.grant_system_role(:''carol'', ''platform_support'', ''On call in March'', now() + interval ''31 days'')';
COMMENT ON FUNCTION saas.revoke_system_role(uuid, text) IS
'Takes a system role back. Where a person takes it, the user''s other sessions end. It ends with the next statement of every session, and so do the impersonations that rest on it; of a break-glass role the event is closed.
Arguments: assignment_id, as grant_system_role returned it; reason, why.
Returns: nothing.
Needs: platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown assignment; 55000 when it is revoked already, and for a person when nobody would be left who may configure the platform for as long; 22023 for a blank reason; 23502 for NULL.
Example as admin:
SELECT saas.revoke_system_role(id, ''Left the team'') FROM saas.system_role_assignments WHERE assigned_user_id = :''sam'' AND revoked_at IS NULL';
COMMENT ON FUNCTION saas.start_impersonation(uuid, uuid, text, interval, boolean, text) IS
'Opens an impersonation: support acts as a member of one tenant. It is entered in later transactions, in the same session, with begin_request(token, impersonation_id => …). It ends in time, when it is stopped, when the session is revoked or the right to impersonate, and when the target gets a system role. The tenant sees it in impersonation_sessions, and both persons in every audit row.
Arguments: user_id, as whom; tenant_id, where; reason, why; duration, at most one hour, and no longer than one''s session and right last; read_only, whether it may only look: then the transactions that enter it are read-only; ticket, a reference of your own.
Returns: the impersonation''s id. With settings.impersonation_approval it can be entered once approve_impersonation was called.
Needs: platform.user.impersonate, in a request of one''s own: with neither an API key nor under impersonation.
Errors: 28000 without a user; 42501 without the permission, for oneself, for somebody with a system role, and for whoever is no member of such a tenant; 22023 for a blank reason and a duration out of range; 23502 for NULL.
Example as admin:
SELECT saas.start_impersonation(:''bob'', :''acme'', ''Ticket 4711'', ''15 minutes'')';
COMMENT ON FUNCTION saas.approve_impersonation(uuid) IS
'Lets an impersonation be entered that waits for a second person. Its time runs from when it was started.
Arguments: impersonation_id, which.
Returns: nothing.
Needs: platform.security.view, and being somebody else than its actor.
Errors: 28000 without a user; 42501 without the permission and for one''s own; 23503 for an unknown one; 55000 when it is over or does not wait; 23502 for NULL.
Example as admin:
SELECT saas.approve_impersonation(:''impersonation'')';
COMMENT ON FUNCTION saas.stop_impersonation(uuid) IS
'Ends an impersonation. Within it, the request ends too. Stopping what is over changes nothing.
Arguments: impersonation_id, which.
Returns: nothing.
Needs: being its actor, also while acting as its target (but a read-only one is stopped in a request of one''s own); the data owner without a context.
Errors: 28000 without a user; 42501 for anybody else''s and an unknown one; 23503 to the data owner for an unknown one; 25006 within a read-only one; 23502 for NULL.
Example as owner:
SELECT saas.stop_impersonation(:''impersonation'')';
COMMENT ON FUNCTION saas.open_break_glass(text, text, interval, text) IS
'Takes a break-glass role at once, for a while: for emergencies. It raises a security event, and somebody else has to review it (settings.break_glass_review), or it becomes an incident.
Arguments: role_key, a role that was defined with is_break_glass; reason, why; duration, at most settings.break_glass_limit; ticket, a reference of your own.
Returns: the event''s id.
Needs: an ordinary system role, whichever, in a request of one''s own: with neither an API key nor under impersonation.
Errors: 28000 without a user; 42501 without a system role; 42704 for an unknown role; 23514 for a tenant role; 22023 for a role that is not break-glass, a blank reason and a duration out of range; 23505 while one has it open; 23502 for NULL.
Example as admin:
SELECT saas.open_break_glass(''platform_emergency'', ''Acme can''''t log in'', ''2 hours'')';
COMMENT ON FUNCTION saas.close_break_glass(uuid) IS
'Ends emergency access before its time. Closing what is over changes nothing.
Arguments: event_id, as open_break_glass returned it.
Returns: nothing.
Needs: being who opened it; the data owner without a context.
Errors: 28000 without a user; 42501 for anybody else''s and an unknown one; 23503 to the data owner for an unknown one; 23502 for NULL.
Example as owner:
SELECT saas.close_break_glass(:''emergency'')';
COMMENT ON FUNCTION saas.review_break_glass(uuid, text) IS
'Says what emergency access was used for, as somebody else found it. Access that is still open ends with it.
Arguments: event_id, as open_break_glass returned it; outcome, what was found.
Returns: nothing.
Needs: platform.security.view, and being somebody else than who opened it.
Errors: 28000 without a user; 42501 without the permission and for one''s own; 23503 for an unknown event; 55000 when it is reviewed already; 22023 for a blank outcome; 23502 for NULL.
Example as admin:
SELECT saas.review_break_glass(:''emergency'', ''Two tenants were reinstated, as the ticket says'')';
COMMENT ON FUNCTION saas.escalate_break_glass(timestamptz) IS
'Opens an incident for each emergency access that was not reviewed in time (settings.break_glass_review, counted from its opening), once. For a daily or hourly job.
Arguments: as_of, the time to look at.
Returns: how many incidents it opened.
Needs: kind worker or the data owner.
Errors: 42501 for others; 23502 for NULL.
Example as worker:
SELECT saas.escalate_break_glass()';
COMMENT ON FUNCTION saas.protect_table(regclass, text, text, name) IS
'Makes the rows of a table of yours those of the tenants in which the user has the permission: a policy for each command, a column that is not null and references saas.tenants, an index that leads with it, a trigger that keeps rows in their tenant, row-level security. It makes what is missing, so it can be called again, and with other permissions. The policies are for the roles of kind app and gateway, whichever have access now or later. Which commands a role may use at all is yours to GRANT.
Arguments: table_name, the table; read, the permission that SELECT needs; write, the one that INSERT, UPDATE and DELETE need, NULL for a table that applications only read; tenant_column, its uuid column that names the tenant.
Returns: nothing; warns (01000) of other policies of the table that let rows through.
Needs: the data owner, and that the table is his.
Errors: 42501 for others, and for a table of somebody else; 42704 for an unknown permission; 22023 for a permission of the platform, for what is no ordinary or partitioned table of an application (a view, a partition, a temporary table, a table of schema saas, one with inheritance), and for a column that is not there or no uuid; 55000 when a policy or trigger of the needed name is there and is something else; 23502 and 23503 for rows without a tenant and of one that does not exist; 23502 for NULL.
Example as owner:
SELECT saas.protect_table(''documents'', read => ''tenant.read'', write => ''project.update'')';
COMMENT ON FUNCTION saas.lint() IS
'What lets rows past row-level security, or makes it slow: tables of tenants without it, policies that do nothing, name unknown permissions or defeat the index, views that read as their owner, materialized views, keys that leave the tenant out, rows that may change tenant, privileges that ask no policy, application roles that are superusers, have BYPASSRLS, own tables or can become who does, guards that are off, functions with the rights of the data owner and an open search_path. What each rule means is in docs/policies.md.
Arguments: none.
Returns: a row for each finding, errors first; none where all is well. severity, error (a tenant can reach what is another''s, or queries fail) or warning (slow, or one step from an error); object; problem; fix, the statement that mends it, or what to do where that has to be decided. Read a fix before you run it: it is the shortest way to safety, and may close more than you want.
Needs: kind auditor, platform.security.view or the data owner. Fixes are for the data owner; those of roles and of other people''s objects for a superuser.
Errors: 42501 for others.
Example as auditor:
SELECT severity, object, problem, fix FROM saas.lint()';
