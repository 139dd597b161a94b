-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.begin_request(text, uuid, uuid) IS
'Authenticates the rest of this transaction by a session token or an API key, and binds it to a tenant if one is given. Call it inside a transaction block (else warning 25P01). After an error nobody is asking; a rollback to a savepoint brings back who asked there.
Arguments: token, a session''s token or an API key; tenant_id, the only tenant that this request is about, NULL for all of the user''s (an API key is always bound to its own); impersonation_id, an open impersonation of the session''s user, in which he acts; one that was started in a session is entered in that session only, and a read-only one makes the transaction read-only.
Returns: the user whose rights apply.
Needs: the secret.
Errors: 28000 for a token that is unknown, expired, revoked or idle for longer than settings.session_idle_timeout, or of a deleted user; 42501 for a tenant that is not one of the user''s, does not exist, is suspended or deleted, and for an impersonation that is not his, not open or not approved; 55000 for a read-only one after a savepoint.
Example as app:
SELECT saas.begin_request(:''alice_token'', :''acme'')';
COMMENT ON FUNCTION saas.begin_request_as(uuid, uuid) IS
'Begins a request for a user whom the calling backend has authenticated itself.
Arguments: user_id, who is asking; tenant_id, the only tenant that this request is about, NULL for all of the user''s.
Returns: the user.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds, and for a tenant that is not one of the user''s; 28000 for an unknown or deleted user, and for a service account; 23502 for a NULL user.
Example as gateway:
SELECT saas.begin_request_as(:''alice'', :''acme'')';
COMMENT ON FUNCTION saas.current_user_id() IS
'The user whose rights apply in this transaction; under impersonation the one acted for.
Arguments: none.
Returns: the user''s id, NULL without a request and once an impersonation is over.
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
COMMENT ON FUNCTION saas.current_request_id() IS
'The id of this request: its rows in the audit log carry it as request_id, so that an application''s own log can name them.
Arguments: none.
Returns: the id, another one with each begin_request; NULL without a request.
Needs: nothing.
Errors: none.
Example as app:
SELECT saas.current_request_id()';
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
Arguments: user_id, whose; lifetime, when it ends from now, 30 days by default and settings.session_lifetime_limit at most; ip_address and user_agent, whence, for the user to recognize it.
Returns: the token, of 256 random bits.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 28000 for an unknown or deleted user; 23514 for a lifetime that is not positive, and for a service account; 23502 for a NULL user or lifetime.
Example as gateway:
SELECT saas.create_session(:''bob'', ''8 hours'', ''192.0.2.7'', ''Firefox'')';
COMMENT ON FUNCTION saas.revoke_session(uuid) IS
'Ends a session. Ending one''s current session ends the request.
Arguments: session_id, the session.
Returns: nothing.
Needs: a session of one''s own, and not a request by API key; without a context kind gateway or the data owner, for anybody''s.
Errors: 28000 without a context; 42501 for a session of somebody else, for an unknown one, and with an API key; 23502 for NULL.
Example as app:
SELECT saas.revoke_session(:''session'')';
COMMENT ON FUNCTION saas.revoke_sessions(uuid, boolean) IS
'Ends all sessions of a user. Ending one''s current session ends the request. Platform roles that somebody gives or takes, another password, and a used password reset do it as well.
Arguments: user_id, whose; NULL for one''s own; keep_current, whether the session that is asked with goes on.
Returns: how many were ended.
Needs: nothing for one''s own, himself; for others platform.system.configure; without a context kind gateway or the data owner, for anybody''s.
Errors: 28000 without a context; 42501 with an API key, under impersonation, and for another user''s without the permission; 23502 for a NULL keep_current, and without a context for a NULL user.
Example as app:
SELECT saas.revoke_sessions(keep_current => true)';
COMMENT ON FUNCTION saas.create_verification(text, text, uuid, interval, boolean, integer) IS
'Makes a secret to send to somebody, who by returning it proves that it reached him. The one that is open for the same purpose and identifier ends. Call it for addresses that nobody has as well, and send nothing: so its time tells nobody who is known.
Arguments: purpose, one of email_verification, password_reset, mfa, magic_link; identifier, where it is sent, without regard to case; user_id, who it is, NULL for nobody yet; expires_in, how long it counts; as_code, whether eight digits to type instead of a link''s 256 random bits; max_attempts, how many guesses a code has.
Returns: the secret, shown this once and stored as SHA-256.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 22023 for another purpose; 53400 after ten within an hour; 23503 for an unknown or deleted user; 23514 for a time or a number that is not positive, an empty identifier, and a service account; 23502 for a NULL but user_id.
Example as gateway:
SELECT saas.create_verification(''magic_link'', ''bob@example.com'', :''bob'')';
COMMENT ON FUNCTION saas.use_verification(text, text, text) IS
'Takes back what saas.create_verification made. It works once, in time, and a code for as many guesses as it has. A refusal is an answer and no error, because the transaction has to commit for a guess to count. A used password_reset ends the user''s sessions.
Arguments: purpose, as it was made for; secret, what came back; identifier, where it was sent: for codes, and for links if it is to be the same.
Returns: one row: verified, whether it was the one; user_id, whose it is, NULL for nobody yet and when it was refused. Unknown and wrong codes cost the same work.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 22023 for another purpose, and for a code without identifier; 23502 for a NULL purpose or secret.
Example as gateway:
SELECT saas.create_verification(''mfa'', ''bob@example.com'', :''bob'', as_code => true) AS code \gset
SELECT * FROM saas.use_verification(''mfa'', :''code'', ''Bob@Example.com'')';
COMMENT ON FUNCTION saas.uuid_v7() IS
'A new UUID version 7 (RFC 9562): time-ordered, so that new rows stand together in an index.
Arguments: none.
Returns: the UUID.
Needs: any kind of access.
Errors: none.
Example as app:
SELECT saas.uuid_v7()';
COMMENT ON FUNCTION saas.begin_request_jwt(text, uuid) IS
'Authenticates the rest of this transaction by a JSON Web Token (RFC 7519), signed with EdDSA, ES256, RS256 or HS256 by a key that saas.import_jwks has taken. The key, never the token, says which algorithm it is. The request ends when the token expires, also within a transaction.
Arguments: jwt, at most 16 KiB; its kid may be missing when its issuer has one key for the algorithm; tenant_id, the only tenant that this request is about, NULL for all of the user''s.
Returns: the user whom saas.accounts names for the token''s iss (provider_id) and sub (account_id). If there is none and the key says creates_users, a new user with the claims email and name.
Needs: the token.
Errors: 28000 for a token that is malformed, not signed by its issuer, expired (exp), more than 60 seconds early (nbf), for another audience (aud), of an unknown or deleted user, or at first sight without an e-mail address or with that of a user who is known; 42501 for a tenant that is not one of the user''s.
Example as app:
SELECT saas.begin_request_jwt(:''alice_jwt'', :''acme'')';
COMMENT ON FUNCTION saas.begin_request_claims(uuid) IS
'Authenticates the rest of this transaction by the claims (iss, sub, exp) in the setting request.jwt.claims, which PostgREST makes after it has verified a token. There is no signature: this is only as trustworthy as whoever may run SQL as the calling role, so it is off unless settings.request_claims_issuer names the issuer.
Arguments: tenant_id, the only tenant that this request is about, NULL for all of the user''s.
Returns: the user, as saas.begin_request_jwt; NULL, and nobody is asking, without claims or without sub.
Needs: settings.request_claims_issuer, which the data owner sets.
Errors: 42501 while it is off, and for a tenant that is not one of the user''s; 28000 for malformed or expired claims, another issuer''s, without exp, or of an unknown or deleted user.
Example as app:
SELECT set_config(''request.jwt.claims'', ''{"iss": "https://login.example.com", "sub": "alice", "exp": 253402300799}'', true),
       saas.begin_request_claims(:''acme'')';
COMMENT ON FUNCTION saas.import_jwks(text, jsonb, text, boolean) IS
'Takes the keys of an issuer of JSON Web Tokens. Call it again whenever they change: keys that are not in the set any more are retired, and no token is accepted by them.
Arguments: issuer, exactly as the tokens'' iss; jwks, a JWKS (RFC 7517) with public keys for EdDSA (Ed25519), ES256, RS256, or a shared secret (oct) of at least 256 bits for HS256, others are left out; audience, what the tokens'' aud must name, NULL: not checked; creates_users, whether a subject that is not known becomes a user at first sight.
Returns: how many keys the issuer has now.
Needs: platform.system.configure; the data owner.
Errors: 42501 without the permission; 22023 for no JWKS, one without a usable key, with a private key, with a key without kid or two of one, or with a short secret; 23502 for a NULL.
Example as admin:
SELECT saas.import_jwks(''https://login.example.com'', ''{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2026", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'', audience => ''shop'')';
COMMENT ON FUNCTION saas.link_account(uuid, text, text) IS
'Says that a user is whom an identity provider knows under a subject: his tokens then begin requests as this user.
Arguments: user_id; provider_id, the provider, for JSON Web Tokens their iss; account_id, the subject there (sub).
Returns: the account''s id, the same one when called again.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 23503 for an unknown or deleted user; 23505 when the subject is another user''s; 23502 for a NULL; 23514 for an empty text.
Example as gateway:
SELECT saas.link_account(:''bob'', ''https://login.example.com'', ''bob'')';
COMMENT ON FUNCTION saas.unlink_account(text, text) IS
'Takes an identity provider''s subject from its user.
Arguments: provider_id, account_id, as in saas.link_account.
Returns: whether it was linked.
Needs: kind gateway; the data owner.
Errors: 42501 for other kinds; 23502 for a NULL.
Example as gateway:
SELECT saas.unlink_account(''https://login.example.com'', ''alice'')';
COMMENT ON FUNCTION saas.begin_request(text, uuid, uuid, inet) IS
'The same for a gateway that says where it was asked from, for the log of refusals.
Arguments: token, tenant_id and impersonation_id as above, NULL for none; ip_address, where the request came from (what other kinds than gateway say is not believed).
Returns: the user whose rights apply.
Needs: the secret.
Errors: as above.
Example as gateway:
SELECT saas.begin_request(:''alice_token'', :''acme'', NULL, ''192.0.2.1'')';
COMMENT ON FUNCTION saas.begin_request_as(uuid, uuid, inet) IS
'The same with where it was asked from, for the log of refusals.
Arguments: user_id and tenant_id as above, NULL for no tenant; ip_address, where the request came from.
Returns: the user.
Needs: kind gateway; the data owner.
Errors: as above.
Example as gateway:
SELECT saas.begin_request_as(:''alice'', :''acme'', ''192.0.2.1'')';
COMMENT ON FUNCTION saas.begin_request_jwt(text, uuid, inet) IS
'The same for a gateway that says where it was asked from, for the log of refusals.
Arguments: jwt and tenant_id as above, NULL for no tenant; ip_address, where the request came from (what other kinds than gateway say is not believed).
Returns: the user.
Needs: the token.
Errors: as above.
Example as gateway:
SELECT saas.begin_request_jwt(:''alice_jwt'', :''acme'', ''192.0.2.1'')';
