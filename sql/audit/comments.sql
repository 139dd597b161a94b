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
