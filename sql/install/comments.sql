-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.install() IS
'Makes the tables, seed rows, triggers and policies that are missing, as the data owner. Running it again changes nothing.
Arguments: none.
Returns: nothing.
Needs: to be the owner of the database or a superuser.
Errors: 42501 for others, or when somebody else has objects in schema saas.
Example as owner:
SELECT saas.install()';
COMMENT ON FUNCTION saas.version() IS
'The version of the library.
Arguments: none.
Returns: text, such as 0.1.0.
Needs: any kind of access.
Errors: none.
Example as app:
SELECT saas.version()';
