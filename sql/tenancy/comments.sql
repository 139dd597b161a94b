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
