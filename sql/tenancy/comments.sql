-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.create_tenant(text, uuid) IS
'Creates a tenant with its owner and returns its id. For oneself; the data owner names the owner. Errors: 28000 without a context; 42501 for another owner or in a request that is bound to a tenant; 53400 when the user owns as many as his plans allow; 23514 for an empty name.';
