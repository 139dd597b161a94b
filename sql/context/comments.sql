-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.begin_request(text, uuid, uuid) IS
'Authenticates the rest of this transaction by a session token or API key, and binds it to a tenant if one is given (an API key is always bound to its own). With impersonation_id the session''s user acts in that open impersonation. Returns the user whose rights apply. Call it inside a transaction block (else warning 25P01). Errors: 28000 for a token that is unknown, expired or revoked, or of a deleted user; 42501 for a tenant that is not one of the user''s, does not exist, is suspended or deleted. After an error nobody is asking; a rollback to a savepoint brings back who asked there.';
COMMENT ON FUNCTION saas.begin_request_as(uuid, uuid) IS
'Begins a request for a user whom the calling backend has authenticated itself. Returns the user. Errors: 42501 for other kinds than gateway, and for a tenant that is not one of the user''s; 28000 for an unknown or deleted user.';
COMMENT ON FUNCTION saas.current_user_id() IS 'The user whose rights apply in this transaction (under impersonation the one acted for), or NULL.';
COMMENT ON FUNCTION saas.oneself() IS 'The current user if he himself asks: NULL with an API key and under impersonation. For policies on what is a person''s own business.';
COMMENT ON FUNCTION saas.current_tenant_id() IS 'The tenant that this request is bound to, or NULL.';
COMMENT ON FUNCTION saas.current_session_id() IS 'The session of this request, or NULL.';
COMMENT ON FUNCTION saas.current_impersonator_id() IS 'Who acts as the current user, or NULL.';
COMMENT ON FUNCTION saas.create_user(text, text) IS
'Registers a user and returns the id. Errors: 42501 for other kinds than gateway; 23505 when the e-mail address is known (without regard to case); 23514 when it is none.';
COMMENT ON FUNCTION saas.create_session(uuid, interval, inet, text) IS
'Opens a session that ends after lifetime and returns its token: 256 random bits, shown this once and stored as SHA-256. Errors: 42501 for other kinds than gateway; 28000 for an unknown or deleted user; 23514 for a lifetime that is not positive.';
COMMENT ON FUNCTION saas.revoke_session(uuid) IS
'Ends a session: one''s own, or without a context as gateway anybody''s. Ending one''s current session ends the request. Errors: 28000 without a context; 42501 for a session of somebody else.';
COMMENT ON FUNCTION saas.uuid_v7() IS 'A new UUID version 7 (RFC 9562): time-ordered, so that new rows stand together in an index.';
