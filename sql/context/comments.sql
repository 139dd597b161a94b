-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.begin_request(text, uuid, uuid) IS
'Authenticates the rest of this transaction by a session token or an API key, and binds it to a tenant if one is given. Call it inside a transaction block (else warning 25P01). After an error nobody is asking; a rollback to a savepoint brings back who asked there.
Arguments: token, a session''s token or an API key; tenant_id, the only tenant that this request is about, NULL for all of the user''s (an API key is always bound to its own); impersonation_id, an open impersonation of the session''s user, in which he acts.
Returns: the user whose rights apply.
Needs: the secret.
Errors: 28000 for a token that is unknown, expired or revoked, or of a deleted user; 42501 for a tenant that is not one of the user''s, does not exist, is suspended or deleted, and for an impersonation that is not his or not open.
Example as app:
SELECT saas.begin_request(:''alice_token'', :''acme'')';
COMMENT ON FUNCTION saas.begin_request_as(uuid, uuid) IS
'Begins a request for a user whom the calling backend has authenticated itself.
Arguments: user_id, who is asking; tenant_id, the only tenant that this request is about, NULL for all of the user''s.
Returns: the user.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds, and for a tenant that is not one of the user''s; 28000 for an unknown or deleted user; 23502 for a NULL user.
Example as gateway:
SELECT saas.begin_request_as(:''alice'', :''acme'')';
COMMENT ON FUNCTION saas.current_user_id() IS
'The user whose rights apply in this transaction; under impersonation the one acted for.
Arguments: none.
Returns: the user''s id, NULL without a request.
Needs: nothing.
Errors: none.
Example as app:
SELECT saas.current_user_id()';
COMMENT ON FUNCTION saas.oneself() IS
'The current user if he himself asks: for policies on what is a person''s own business.
Arguments: none.
Returns: the user''s id; NULL without a request, with an API key and under impersonation.
Needs: nothing.
Errors: none.
Example as app:
SELECT saas.oneself()';
COMMENT ON FUNCTION saas.current_tenant_id() IS
'The tenant that this request is bound to.
Arguments: none.
Returns: the tenant''s id, NULL if it is bound to none.
Needs: nothing.
Errors: none.
Example as app:
SELECT saas.current_tenant_id()';
COMMENT ON FUNCTION saas.current_session_id() IS
'The session of this request.
Arguments: none.
Returns: the session''s id; NULL without a request, and when it did not begin with a session''s token.
Needs: nothing.
Errors: none.
Example as app:
SELECT saas.current_session_id()';
COMMENT ON FUNCTION saas.current_impersonator_id() IS
'Who acts as the current user.
Arguments: none.
Returns: the acting user''s id, NULL without an impersonation.
Needs: nothing.
Errors: none.
Example as app:
SELECT saas.current_impersonator_id()';
COMMENT ON FUNCTION saas.create_user(text, text) IS
'Registers a user.
Arguments: email, unique without regard to case; name, what to call him.
Returns: the user''s id.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 23505 when the e-mail address is known; 23514 when it is none; 23502 for a NULL address.
Example as gateway:
SELECT saas.create_user(''dave@example.com'', ''Dave'')';
COMMENT ON FUNCTION saas.create_session(uuid, interval, inet, text) IS
'Opens a session, whose token is shown this once and stored as SHA-256.
Arguments: user_id, whose; lifetime, when it ends from now, 30 days by default; ip_address and user_agent, whence, for the user to recognize it.
Returns: the token, of 256 random bits.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 28000 for an unknown or deleted user; 23514 for a lifetime that is not positive; 23502 for a NULL user or lifetime.
Example as gateway:
SELECT saas.create_session(:''bob'', ''8 hours'', ''192.0.2.7'', ''Firefox'')';
COMMENT ON FUNCTION saas.revoke_session(uuid) IS
'Ends a session. Ending one''s current session ends the request.
Arguments: session_id, the session.
Returns: nothing.
Needs: a session of one''s own; without a context kind gateway or the data owner, for anybody''s.
Errors: 28000 without a context; 42501 for a session of somebody else, and for an unknown one.
Example as app:
SELECT saas.revoke_session(:''session'')';
COMMENT ON FUNCTION saas.uuid_v7() IS
'A new UUID version 7 (RFC 9562): time-ordered, so that new rows stand together in an index.
Arguments: none.
Returns: the UUID.
Needs: any kind of access.
Errors: none.
Example as app:
SELECT saas.uuid_v7()';
