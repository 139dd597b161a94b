-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.install() IS
'Makes the tables, seed rows, triggers and policies that are missing, as the data owner; running it again changes nothing. Errors: 42501 unless called by the database''s owner or a superuser, or when somebody else has objects in schema saas.';
COMMENT ON FUNCTION saas.version() IS 'The version of the library, as text.';
