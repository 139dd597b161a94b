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
