-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.check_invariants() IS
'Every row that breaks one of the rules that docs/invariants.md lists: none in a healthy database.
Arguments: none.
Returns: a row for each finding: invariant, its name; object, the row or object that breaks it; detail, how.
Needs: kind auditor; platform.security.view; the data owner without a context.
Errors: 42501 for others.
Example as auditor:
SELECT * FROM saas.check_invariants()';
COMMENT ON FUNCTION saas.make_partitions(integer) IS
'Makes the monthly partitions (UTC) of the audit log and of usage events for this month and the next ones.
Arguments: ahead, how many months beyond this one, 3 by default.
Returns: how many partitions it made.
Needs: kind worker; the data owner without a context.
Errors: 42501 for others; 22023 for a number of months that is not from 0 to 120.
Example as worker:
SELECT saas.make_partitions(3)';
COMMENT ON FUNCTION saas.seal_audit_log() IS
'Seals what has been logged since the last seal: a Merkle root over the rows (RFC 6962, SHA-256), chained to the seal before. Rows of transactions that were still running, or began after one that was, go into a later seal. Call it regularly, and export the digest: docs/invariants.md says what it proves.
Arguments: none.
Returns: the number of the new seal; NULL when there is nothing to seal.
Needs: kind worker or the data owner.
Errors: 42501 for others.
Example as worker:
SELECT saas.seal_audit_log()';
COMMENT ON FUNCTION saas.verify_audit_log() IS
'Compares the audit log with its seals, in time that grows with the log''s length. Finds rows that were changed, deleted or inserted into what is sealed, changed or missing seals, and rows that are not sealed yet and not what their own hash says.
Arguments: none.
Returns: a row for each problem: seal, NULL for what is in none; problem, in words. No row when all is well; of more than 10,000 problems the first.
Needs: kind auditor, platform.security.view, or the data owner.
Errors: 42501 for others.
Example as auditor:
SELECT * FROM saas.verify_audit_log()';
COMMENT ON FUNCTION saas.audit_hash(bytea[]) IS 'Internal: the hash of an audit row, of its fields in binary form.';
COMMENT ON FUNCTION saas.report_security_event(text, text, text, jsonb, uuid, uuid, inet) IS
'Reports what looks suspicious or is exceptional. What is reported never changes afterwards.
Arguments: kind, in words of yours, for example "login.failed"; severity, one of info, low, medium, high, critical; subject, what it is about, for example an address; detail, an object with the evidence; user_id and tenant_id, whom it concerns; ip_address, from where.
Returns: the event''s id.
Needs: kind gateway or worker, or the data owner.
Errors: 42501 for others; 22023 for an empty kind, an unknown severity or a detail that is no object; 23502 for a NULL kind, severity or detail; 23503 for an unknown user or tenant.
Example as gateway:
SELECT saas.report_security_event(''login.failed'', ''medium'', ''alice@example.com'', ''{"times": 20}'', ip_address => ''192.0.2.1'')';
COMMENT ON FUNCTION saas.report_failed_login(inet, uuid, text) IS
'Reports a login that failed in the calling backend, for example by a wrong password. It is written to the audit log as the refusals of saas.begin_request are, with the next commit or when the connection ends, and counts with them: too many within settings.failure_window raise one security event "repeated_failures" for the address, and one for the user.
Arguments: ip_address, where it came from, NULL if that is not known; user_id, who was to log in, NULL if there is nobody of that name; method, a word such as password or magic_link.
Returns: nothing.
Needs: kind gateway, or the data owner.
Errors: 42501 for others; 22023 for a method that is no word of lower-case letters, digits and underscores; 23502 for a NULL method.
Example as gateway:
SELECT saas.report_failed_login(''192.0.2.1'', :''alice'')';
COMMENT ON FUNCTION saas.acknowledge_security_event(uuid, text) IS
'Notes that somebody has looked at a security event, and what he made of it.
Arguments: event_id, an open event; note, what was found.
Returns: nothing.
Needs: platform.security.view, and not to be whom the event is about; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, and for an event about oneself; 22023 for an empty note; 23502 for a NULL; 23503 for an unknown event; 55000 for one that is past that.
Example as admin:
SELECT saas.acknowledge_security_event(id, ''Looks like credential stuffing'') FROM saas.security_events WHERE status = ''open'' LIMIT 1';
COMMENT ON FUNCTION saas.dismiss_security_event(uuid, text) IS
'Notes that a security event means nothing, and why.
Arguments: event_id, an open or acknowledged event; note, why.
Returns: nothing.
Needs: platform.security.view, and not to be whom the event is about; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, and for an event about oneself; 22023 for an empty note; 23502 for a NULL; 23503 for an unknown event; 55000 for one that was dismissed or is of an incident.
Example as admin:
SELECT saas.dismiss_security_event(id, ''A scanner of ours'') FROM saas.security_events WHERE status = ''open'' LIMIT 1';
COMMENT ON FUNCTION saas.open_incident(text, text, uuid[], text, text) IS
'Opens an incident over the security events that tell of it. Each event belongs to one incident.
Arguments: title; severity, one of low, medium, high, critical; security_event_ids, open or acknowledged events, none by default; description, what is known; kind, one of security, availability, privacy.
Returns: the incident''s id.
Needs: platform.security.view; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an empty title, an unknown severity or kind; 23502 for a NULL, also among the ids; 23503 for an unknown event; 55000 for an event that was dismissed or is of another incident.
Example as admin:
SELECT saas.open_incident(''Accounts under attack'', ''high'', ARRAY(SELECT id FROM saas.security_events WHERE status = ''open''))';
COMMENT ON FUNCTION saas.escalate_security_event(uuid, uuid, text) IS
'Adds a security event to an incident that is known already.
Arguments: event_id, an open or acknowledged event; incident_id, an incident that is not reviewed; note, why it belongs to it.
Returns: nothing.
Needs: platform.security.view; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an empty note; 23502 for a NULL; 23503 for an unknown event or incident; 55000 for an event that was dismissed or is of another incident, and for a reviewed incident.
Example as admin:
SELECT saas.escalate_security_event(id, saas.open_incident(''Emergency access at night'', ''medium''), ''Opened then'')
  FROM saas.security_events WHERE kind = ''break_glass_opened''';
COMMENT ON FUNCTION saas.move_incident(uuid, text, text) IS
'Moves an incident on: contained, resolved, reviewed, or from resolved back to open. docs/states.md shows the moves; each is kept in saas.incident_history.
Arguments: incident_id; to_state, one of open, contained, resolved, reviewed; note, what was done: for reviewed the post-mortem.
Returns: nothing.
Needs: platform.security.view; to review, that neither an event of the incident nor its emergency access is one''s own; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission, and to review what is about oneself; 22023 for an unknown state or an empty note; 23502 for a NULL; 23503 for an unknown incident; 55000 for a move that state_transitions does not list.
Example as admin:
SELECT saas.open_incident(''Slow since noon'', ''low'', kind => ''availability'') AS incident \gset
SELECT saas.move_incident(:''incident'', ''resolved'', ''More servers'');
SELECT saas.move_incident(:''incident'', ''reviewed'', ''Nobody watched the queue. Now there is an alert.'')';
COMMENT ON FUNCTION saas.evidence(text, timestamptz) IS
'The evidence of a day for SOC 2 and ISO 27001: what happened since a time that an auditor asks for, and what is not as it should be now, by control. docs/evidence.md lists the findings and what to do about each. Reads the whole audit log when it looks for tampering: with a control given, only what is of it.
Arguments: control, one control such as "CC6.1" or "A.8.15", NULL for all; since, from when on, by default the last 24 hours.
Returns: a row for each finding: control, the controls it is of, apart by slashes; finding, its name; subject, the row or object; detail, an object.
Needs: kind auditor; platform.security.view; the data owner without a context.
Errors: 42501 for others; 22023 for a control that no finding is of; 23502 for a NULL since.
Example as auditor:
SELECT * FROM saas.evidence();
SELECT * FROM saas.evidence(''CC6.1'', now() - interval ''7 days'')';
