-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.create_tenant(text, uuid) IS
'Creates a tenant with its owner.
Arguments: name, what people call it; owner_id, the user who owns it: oneself by default, the data owner names one.
Returns: the tenant''s id.
Needs: any user, for himself, in a request that is bound to no tenant, within the workspaces of his plans; the data owner without a context.
Errors: 28000 without a user; 42501 for another owner, or in a request that is bound to a tenant; 53400 when the user owns as many as his plans allow; 23502 for a NULL; 23503 for an unknown or deleted owner; 23514 for an empty name.
Example as app:
SELECT saas.begin_request(:''alice_token'');
SELECT saas.create_tenant(''Initech'')';
COMMENT ON FUNCTION saas.update_tenant(uuid, jsonb) IS
'Changes what a tenant says of itself.
Arguments: tenant_id; changes, an object with any of "name", "time_zone" (IANA name; with a contract only by the data owner: the running period then ends by the new zone''s midnight, usage counted before stays where it was) and "currency" (ISO 4217, until something is billed or credited), all strings.
Returns: nothing.
Needs: tenant.update in the tenant; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, for a tenant that is not one''s own, and for the time zone of one with a contract; 22023 for an unknown key, a value that is no string, or an unknown time zone (hint: the nearest known one); 23503 for an unknown currency; 23514 for an empty name; 55000 for the currency once something is billed; 23502 for a NULL.
Example as app:
SELECT saas.update_tenant(:''acme'', ''{"name": "Acme Ltd"}'')';
COMMENT ON FUNCTION saas.suspend_tenant(uuid, text) IS
'Suspends a tenant: its people have no permissions there from their next statement on, and no request is bound to it. What it owes stays due.
Arguments: tenant_id; reason, for the audit log.
Returns: nothing.
Needs: platform.tenant.suspend; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an empty reason; 23503 for an unknown tenant; 55000 for one that is suspended or deleted; 23502 for a NULL.
Example as admin:
SELECT saas.suspend_tenant(:''acme'', ''unpaid since March'')';
COMMENT ON FUNCTION saas.reinstate_tenant(uuid, text) IS
'Ends a suspension. The billing state is then that of the tenant''s subscription.
Arguments: tenant_id; reason, for the audit log.
Returns: nothing.
Needs: platform.tenant.suspend; the data owner without a context.
Errors: as saas.suspend_tenant; 55000 for a tenant that is not suspended.
Example as admin:
SELECT saas.suspend_tenant(:''acme'', ''unpaid since March'');
SELECT saas.reinstate_tenant(:''acme'', ''paid'')';
COMMENT ON FUNCTION saas.delete_tenant(uuid, text) IS
'Deletes a tenant, as far as people can see: nobody has permissions there any more, its API keys, open invitations and impersonations end, and its subscription is canceled as of now, so that the last period is billed as usual; a year that the tenant''s own people leave is billed as a whole, at its end. Rows stay, what was billed in particular.
Arguments: tenant_id; reason, for the audit log.
Returns: nothing.
Needs: platform.tenant.delete, or tenant.delete in the tenant (no seeded role has it); the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an empty reason; 23503 for an unknown tenant; 55000 for one that is deleted; 23502 for a NULL.
Example as admin:
SELECT saas.delete_tenant(:''globex'', ''on its own request'')';
COMMENT ON FUNCTION saas.invite_member(uuid, text, text, text, interval) IS
'Invites somebody into a tenant. An open invitation of the same address is taken back.
Arguments: tenant_id; email, of the person, who must use it here; role_key, a tenant role that may nothing that the caller may not; member_type, member (takes a seat) or guest; expires_in, how long the invitation lasts.
Returns: the token to send: 256 random bits, shown this once and stored as SHA-256.
Needs: member.invite in the tenant; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, and for a role that may more than the caller; 42704 for an unknown role; 53400 when members (or guests) and open invitations fill what the subscription and its plan have; 55000 for a member; 22023 for another member_type; 23514 for a system role, no e-mail address, or a time that is not positive; 23502 for a NULL.
Example as app:
SELECT saas.invite_member(:''acme'', ''dora@example.com'', ''tenant_member'')';
COMMENT ON FUNCTION saas.revoke_invitation(uuid, uuid) IS
'Takes an open invitation back.
Arguments: tenant_id, invitation_id.
Returns: nothing.
Needs: member.invite in the tenant; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 for an invitation that is not open, or not of this tenant; 23502 for a NULL.
Example as app:
SELECT saas.invite_member(:''acme'', ''dora@example.com'', ''tenant_member'');
SELECT saas.revoke_invitation(tenant_id, id) FROM saas.tenant_invitations WHERE email = ''dora@example.com''';
COMMENT ON FUNCTION saas.accept_invitation(text) IS
'Makes the current user a member of the tenant that invited him. An invitation works once.
Arguments: token, as saas.invite_member returned it.
Returns: the tenant.
Needs: a request of the user himself that is bound to no tenant, and the invited e-mail address, without regard to case.
Errors: 28000 without a user, and for a token that is unknown, expired, revoked or used, or of a tenant that is suspended or deleted; 42501 for another person''s invitation; 53400 without a free seat; 55000 for a member, and when whoever invited may no longer give this role; 23502 for a NULL.
Example as app:
SELECT saas.invite_member(:''acme'', ''carol@example.com'', ''tenant_member'') AS token \gset
SELECT saas.begin_request(:''carol_token'');
SELECT saas.accept_invitation(:''token'')';
COMMENT ON FUNCTION saas.set_member_role(uuid, uuid, text) IS
'Gives a member another role. His API keys that may more than it are revoked.
Arguments: tenant_id, user_id; role_key, a tenant role.
Returns: nothing.
Needs: member.invite and member.remove in the tenant, and every permission of both the old role and the new; the data owner without a context.
Errors: 28000 without a user; 42501 without the permissions; 42704 for an unknown role; 23503 for somebody who is no member; 23514 for a system role; 55000 for the last owner; 23502 for a NULL.
Example as app:
SELECT saas.set_member_role(:''acme'', :''bob'', ''tenant_admin'')';
COMMENT ON FUNCTION saas.remove_member(uuid, uuid) IS
'Removes a member, whose rights end with the next statement and whose API keys are revoked. Everybody may leave.
Arguments: tenant_id, user_id.
Returns: nothing.
Needs: member.remove in the tenant and every permission of the member''s role; nothing to leave oneself; the data owner without a context.
Errors: 28000 without a user; 42501 without the permissions; 23503 for somebody who is no member; 55000 for the last owner; 23502 for a NULL.
Example as app:
SELECT saas.remove_member(:''acme'', :''bob'')';
COMMENT ON FUNCTION saas.transfer_ownership(uuid, uuid) IS
'Makes a member the owner of a tenant and the caller its admin; called by the data owner, all former owners.
Arguments: tenant_id; new_owner_id, a member, who if he was a guest takes a seat from now on.
Returns: nothing.
Needs: being an owner, himself; the data owner without a context.
Errors: 28000 without a user; 42501 for anybody else; 23503 for somebody who is no member; 53400 when the new owner''s plans allow no further workspace, or a guest finds no seat; 55000 when he is an owner already; 23502 for a NULL.
Example as app:
SELECT saas.transfer_ownership(:''acme'', :''bob'')';
COMMENT ON FUNCTION saas.require_time_zone(text) IS 'Internal: raises for what is no name of a time zone.';
COMMENT ON FUNCTION saas.create_role(uuid, text, text[]) IS
'Creates a role of a tenant''s own, which its people, invitations and API keys can have.
Arguments: tenant_id; key, a word of a-z, 0-9 and _, 100 at most, that no other role has: stored behind the tenant''s id and a colon, and understood with or without; permissions, those that it carries, of tenants only.
Returns: the role''s id.
Needs: tenant.update in the tenant and each of the permissions, not under impersonation; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, for a permission that the caller has not, and under impersonation; 42704 for an unknown permission; 22023 for a key that is none; 23505 for one that is taken; 23514 for a permission of the platform; 23502 for a NULL.
Example as app:
SELECT saas.create_role(:''acme'', ''accountant'', ARRAY[''tenant.read'', ''billing.view''])';
COMMENT ON FUNCTION saas.update_role(uuid, text, text[]) IS
'Makes a tenant''s own role carry exactly these permissions, for whoever has it from the next statement on. An open invitation with it is accepted only if whoever invited may still give it, and an API key never may more than its user.
Arguments: tenant_id; role_key, the role, with or without the tenant''s id before it; permissions, all that it shall carry.
Returns: nothing.
Needs: tenant.update in the tenant and each permission that the role has or gets, not under impersonation; the data owner without a context.
Errors: 28000 without a user; 42501 without the permissions, for a role of the catalog, and under impersonation; 42704 for an unknown role or permission; 23514 for a permission of the platform; 23502 for a NULL.
Example as app:
SELECT saas.create_role(:''acme'', ''accountant'', ARRAY[''tenant.read'', ''billing.view'']);
SELECT saas.update_role(:''acme'', ''accountant'', ARRAY[''tenant.read'', ''billing.view'', ''billing.manage''])';
COMMENT ON FUNCTION saas.delete_role(uuid, text) IS
'Deletes a role of a tenant''s own that nobody has.
Arguments: tenant_id; role_key, the role, with or without the tenant''s id before it.
Returns: nothing.
Needs: tenant.update in the tenant and each permission of the role; the data owner without a context.
Errors: 28000 without a user; 42501 without the permissions, and for a role of the catalog; 42704 for an unknown role; 55000 while members, open invitations or live API keys have it, with their numbers; 23502 for a NULL.
Example as app:
SELECT saas.create_role(:''acme'', ''accountant'', ARRAY[''tenant.read'', ''billing.view'']);
SELECT saas.delete_role(:''acme'', ''accountant'')';
COMMENT ON FUNCTION saas.create_service_account(uuid, text, text) IS
'Creates a service account: a user that is a program. It is a member of this tenant only, takes no seat, never logs in and acts by API keys. saas.set_member_role and saas.remove_member serve for it as for people.
Arguments: tenant_id; name, what to call it; role_key, a tenant role that may nothing that the caller may not, and not the owner''s.
Returns: its user id.
Needs: tenant.update and member.invite in the tenant, by a person himself; the data owner without a context.
Errors: 28000 without a user; 42501 without the permissions, for a role that may more than the caller, with an API key and under impersonation; 42704 for an unknown role; 23514 for a system role and for the owner''s; 23502 for a NULL.
Example as app:
SELECT saas.create_service_account(:''acme'', ''Nightly export'', ''tenant_guest'')';
COMMENT ON FUNCTION saas.create_api_key(uuid, text, text, timestamptz, uuid) IS
'Creates an API key and returns it, this once: stored are its SHA-256 and its beginning. It acts for its user in this tenant, and may what both its role and his carry at that moment.
Arguments: tenant_id; name, what it is for; role_key, a tenant role that may nothing that the caller may not; expires_at, until when, NULL: until it is revoked; service_account_id, a service account of the tenant to act for, NULL for the caller himself.
Returns: the key: 256 random bits behind the tenant''s id.
Needs: tenant.update in the tenant, by a person himself; the data owner without a context, for a service account.
Errors: 28000 without a user; 42501 without the permission, for a role that may more than the caller, with an API key and under impersonation; 42704 for an unknown role; 23503 for a service account that is not the tenant''s; 23514 for a system role, an empty name, or a time that is past; 22023 without anybody to act for; 23502 for a NULL.
Example as app:
SELECT saas.create_api_key(:''acme'', ''CI'', ''tenant_guest'', now() + interval ''90 days'')';
COMMENT ON FUNCTION saas.rotate_api_key(uuid, uuid, interval) IS
'Makes the successor of an API key: same user, role and name, and as long a life as the old one was made for.
Arguments: tenant_id, api_key_id; overlap, how long the old key works beside it, from nothing to 30 days.
Returns: the new key, shown this once.
Needs: tenant.update in the tenant and every permission of the key''s role, by the person for whom it acts; for a service account''s by any such person; the data owner without a context.
Errors: 28000 without a user; 42501 without the permissions, for another person''s key, with an API key and under impersonation; 23503 for a key that is not live, or not of this tenant; 22023 for another overlap; 23502 for a NULL.
Example as app:
SELECT saas.create_api_key(:''acme'', ''CI'', ''tenant_guest'') AS key \gset
SELECT saas.rotate_api_key(tenant_id, id, ''1 hour'') FROM saas.api_keys WHERE name = ''CI''';
COMMENT ON FUNCTION saas.revoke_api_key(uuid, uuid) IS
'Ends an API key for good: it begins no request any more.
Arguments: tenant_id, api_key_id; one that is revoked already stays so.
Returns: nothing.
Needs: tenant.update in the tenant; nothing for a key that acts for the caller himself; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 for a key that is not of this tenant; 23502 for a NULL.
Example as app:
SELECT saas.create_api_key(:''acme'', ''CI'', ''tenant_guest'') AS key \gset
SELECT saas.revoke_api_key(tenant_id, id) FROM saas.api_keys WHERE name = ''CI''';
