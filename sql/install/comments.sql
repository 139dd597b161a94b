-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.install() IS
'Makes the tables, seed rows, triggers and policies that are missing, as the data owner. Running it again changes nothing.
Arguments: none.
Returns: nothing.
Needs: to be the owner of the database or a superuser.
Errors: 42501 for others, or when somebody else has objects in schema saas; 55000 when the tables are of another data version than the library.
Example as owner:
SELECT saas.install()';
COMMENT ON FUNCTION saas.migrate() IS
'Brings the tables to the data version of the library, all of it or nothing, and then makes what is missing, like saas.install. Call it after ALTER EXTENSION saas_core UPDATE; until then the library works with the version before its own. Again: nothing.
Arguments: none.
Returns: the data version.
Needs: to be the owner of the database or a superuser.
Errors: 42501 for others, or when somebody else has objects in schema saas; 55000 when the tables are newer than the library; whatever stands in the way of a step, which then leaves all as it was.
Example as owner:
SELECT saas.migrate()';
COMMENT ON FUNCTION saas.version() IS
'The version of the library.
Arguments: none.
Returns: text, such as 0.1.0.
Needs: any kind of access.
Errors: none.
Example as app:
SELECT saas.version()';
COMMENT ON FUNCTION saas.create_domain_views(name) IS
'Makes a view of each table under the name of its domain, such as billing_invoices, in a schema; docs/naming.md lists them. The views run with the rights of who reads them, so that row-level security holds. Again: what is missing or has changed.
Arguments: schema, where; it is made when it is not there.
Returns: a row for each view: view_name; table_name, the table of schema saas.
Needs: the data owner, and the right to create schemas if it is not there.
Errors: 42501 for others, and for a schema that is not the data owner''s; 22023 for saas and for schemas of PostgreSQL''s own; 55000 when something else has one of the names there; 2BP01 when a view has to be made anew on which something of yours depends; 23502 for a NULL.
Example as owner:
SELECT * FROM saas.create_domain_views(''domain'')';
COMMENT ON FUNCTION saas.schedule_jobs(regrole) IS
'Sets up what has to run regularly as jobs of pg_cron, or brings them up to date: payment events, counters, alerts, closing, seals, reviews, partitions, retention. Without pg_cron in this database nothing is scheduled, and a notice gives the lines for the system''s cron.
Arguments: role, whose jobs they are: by default the one database role of kind worker or, called by a data owner who is no superuser, himself.
Returns: a row for each job: job, its name; schedule, in UTC; command; runs_as, NULL when nothing was scheduled.
Needs: the data owner; a superuser to schedule for another role; USAGE on schema cron.
Errors: 42501 for others; 22023 for a role that is neither of kind worker nor the data owner; 55000 for a superuser who names no role where not exactly one is of kind worker.
Example as owner:
SELECT * FROM saas.schedule_jobs()';
