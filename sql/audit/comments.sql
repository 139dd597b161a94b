-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.check_invariants() IS
'Every row that breaks one of the rules that docs/invariants.md lists, as invariant, object and detail; none in a healthy database. Auditor, platform.security.view, data owner. Error: 42501.';
COMMENT ON FUNCTION saas.make_partitions(integer) IS
'Makes the monthly partitions (UTC) of the audit log and of usage events for this month and the next ones (ahead); returns how many it made. Worker and data owner.';
