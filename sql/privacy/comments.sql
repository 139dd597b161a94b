-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.record_consent(uuid, text, text, text) IS
'Records what a person agreed to for a purpose, or on which other legal basis his data is used for it. A newer version stands beside the older one, which stays as it is: the newest row of a purpose is what applies. The same version once more changes nothing.
Arguments: user_id, the person; purpose, for example "newsletter"; legal_basis, one of consent, contract, legal_obligation, vital_interests, public_task, legitimate_interests (GDPR Art. 6(1)); version, of the text that was agreed to.
Returns: nothing.
Needs: oneself, not by API key nor impersonated, or platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 for somebody else; 22023 for an unknown legal basis or an empty purpose or version; 23502 for a NULL; 23503 for an unknown or erased user.
Example as app:
SELECT saas.record_consent(:''alice'', ''newsletter'', ''consent'', ''2026-01'')';
COMMENT ON FUNCTION saas.withdraw_consent(uuid, text) IS
'Withdraws what a person agreed to for a purpose, in all its versions. The rows stay, with the time of the withdrawal.
Arguments: user_id, the person; purpose, as it was recorded.
Returns: nothing.
Needs: oneself, not by API key nor impersonated, or platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 for somebody else; 55000 when nothing is there to withdraw; 22023 for an empty purpose; 23502 for a NULL; 23503 for an unknown or erased user.
Example as app:
SELECT saas.record_consent(:''alice'', ''newsletter'', ''consent'', ''2026-01'');
SELECT saas.withdraw_consent(:''alice'', ''newsletter'')';
COMMENT ON FUNCTION saas.open_privacy_request(uuid, text) IS
'Opens a request of a data subject, due in one month of the calendar (settings.privacy_request_term).
Arguments: user_id, the person; kind, one of access, rectification, erasure, portability, objection (GDPR Art. 15 to 21).
Returns: the request''s id.
Needs: oneself, not by API key nor impersonated, or platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 for somebody else; 22023 for an unknown kind; 23502 for a NULL; 23503 for an unknown or erased user; 23505 while a request of that kind and person is open.
Example as app:
SELECT saas.open_privacy_request(:''alice'', ''access'')';
COMMENT ON FUNCTION saas.verify_privacy_request(uuid) IS
'Notes that whoever asked is the person whose data it is. A copy needs none: whoever may ask for it verifies the request by that.
Arguments: request_id, a request that was received.
Returns: nothing.
Needs: platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23502 for a NULL; 23503 for an unknown request; 55000 for one that is past that.
Example as admin:
SELECT saas.open_privacy_request(:''carol'', ''erasure'');
SELECT saas.verify_privacy_request(id) FROM saas.privacy_requests WHERE user_id = :''carol''';
COMMENT ON FUNCTION saas.decide_privacy_request(uuid, text, text) IS
'Takes a request into work, completes or refuses it. Requests for access and portability are completed by export_personal_data, for erasure by erase_user.
Arguments: request_id, the request; decision, one of in_progress, completed, refused; reason, what the person is told: needed for completed and refused.
Returns: nothing.
Needs: platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an unknown decision or without a reason; 23502 for a NULL; 23503 for an unknown request; 55000 for a move that state_transitions does not list, and where a function completes it.
Example as admin:
SELECT saas.open_privacy_request(:''carol'', ''objection'');
SELECT saas.decide_privacy_request(id, ''refused'', ''Nothing is processed for marketing'') FROM saas.privacy_requests WHERE user_id = :''carol''';
COMMENT ON FUNCTION saas.export_personal_data(uuid) IS
'Answers a request for access or portability, and completes it: all personal data that the registry names, without secrets. Portability covers what rests on consent or contract (GDPR Art. 20). The copy is not kept, but its SHA-256 is: result_digest of the request.
Arguments: request_id, an open request for access or portability; one that is not verified is so by this.
Returns: an object: "user_id", "request_id", "kind", "made_at", "data": by table and purpose {"columns": {column: {"category", "legal_basis", "retention", "kept_under"}}, "rows": [the rows'' registered columns, keys and times]}; times in UTC.
Needs: oneself, not by API key nor impersonated, or platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 for somebody else''s or an unknown request; 23502 for a NULL; 23503 for an unknown request, to whoever may see all; 55000 for another kind, an answered request, and a registry row that names what is not there.
Example as app:
SELECT saas.export_personal_data(saas.open_privacy_request(:''alice'', ''access''))';
COMMENT ON FUNCTION saas.erase_user(uuid) IS
'Answers a request for erasure: deletes, anonymizes or keeps a person''s data as the registry says, ends memberships, sessions, keys and logins, and marks the user as deleted. Tenants of which he was the only member are deleted with him; their bills stay. Called again it gives the same answer.
Arguments: request_id, a verified request for erasure.
Returns: an object: "user_id", "request_id", "erased_at", "deleted" and "anonymized" (rows by table), "kept" (a list of "table", "columns", "duty", "rows"), "left_to_retention" (columns that name nobody by themselves), "tenants_deleted".
Needs: platform.system.configure, and platform.tenant.delete where a tenant ends with him; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23502 for a NULL; 23503 for an unknown request; 55000 for a request of another kind or one that is not verified or was refused, for the last owner of a tenant with other members, for a user who holds a system role, and for a registry row that names what is not there.
Example as admin:
SELECT saas.open_privacy_request(:''carol'', ''erasure'');
SELECT saas.verify_privacy_request(id) FROM saas.privacy_requests WHERE user_id = :''carol'';
SELECT saas.erase_user(id) FROM saas.privacy_requests WHERE user_id = :''carol''';
COMMENT ON FUNCTION saas.register_personal_data(text, text, text, text, text, text, text, text, interval, text, text, text) IS
'Puts a column of an application''s table into the record of processing (GDPR Art. 30), so that export, erasure and retention take care of it; called again for the column it changes what is said of it. The table must belong to the data owner. Of the saas tables only users takes columns of one''s own.
Arguments: table_name, with its schema; column_name; category, for example "contact" (credentials are never exported); purpose; legal_basis, as of record_consent; on_erasure, delete (the row goes), anonymize (the value goes) or keep; user_column, the column of type uuid or text that holds the user''s id; email_column, the one that holds his e-mail address where rows may name him by that alone; retention, how long, counted from time_column; duty, the legal duty under which it is kept; replacement, what anonymize puts in place, by default NULL: {user_id} stands for the user''s id.
Returns: nothing.
Needs: platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for what can''t be done so; 23502 for a NULL; 23514 for keep without a duty; 55000 for a table that is not there or not the data owner''s.
Example as owner:
CREATE TABLE public.contacts (id uuid PRIMARY KEY, user_id uuid, phone text);
SELECT saas.register_personal_data(''public.contacts'', ''phone'', ''contact'', ''Calls'', ''consent'', ''delete'', user_column => ''user_id'')';
COMMENT ON FUNCTION saas.apply_retention(timestamptz) IS
'Removes what has been kept for long enough: rows and values by the registry, usage ids and events by settings.usage_id_retention and usage_event_retention, whole sealed months of the audit log by settings.audit_retention. Makes the partitions of the next three months. A row goes when every rule of its table is over; what a duty keeps without an end, invoices above all, stays.
Arguments: as_of, the moment to go by. Event ids and the audit log never go by a later one than now.
Returns: how many rows went. A month that is in use stays with a warning, and so does one of the audit log that is not wholly sealed.
Needs: kind worker; platform.system.configure; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for infinity, and for a moment to come unless the data owner asks; 23502 for a NULL; 55000 for a registry row that names what is not there.
Example as worker:
SELECT saas.apply_retention()';
