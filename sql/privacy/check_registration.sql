-- Why column $2 of table $1 can't be registered so, or NULL: $3 on_erasure, $4 user, $5 e-mail and $6 time
-- column, $7 replacement, $8 retention.
WITH named AS (
  SELECT saas.registered_table($1) AS registered
), columns AS (
  SELECT a.attname::text AS name, a.attnotnull, a.attgenerated <> '' OR a.attidentity <> '' AS is_computed, t.typcategory, t.oid AS type
    FROM named n
    JOIN pg_attribute a ON a.attrelid = n.registered AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
)
SELECT CASE
         -- What the product itself says of its own columns is not an operator's to change.
         WHEN (SELECT c.relnamespace = 'saas'::regnamespace FROM pg_class c, named n WHERE c.oid = n.registered)
              AND ((SELECT registered FROM named) <> 'saas.users'::regclass
                   OR $2 IN ('id', 'email', 'name', 'email_preferences', 'created_at', 'deleted_at'))
           THEN 'the tables of saas are registered already; of them only saas.users takes columns of yours'
         WHEN NOT EXISTS (SELECT FROM columns WHERE name = $2)
           THEN format('there is no column "%s" in %s', $2, (SELECT registered FROM named))
         WHEN $4 IS NULL AND $5 IS NULL
           THEN 'name the column that tells whose data it is: user_column or email_column'
         WHEN $4 IS NOT NULL AND NOT EXISTS (SELECT FROM columns WHERE name = $4 AND type IN ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype))
           THEN format('user_column "%s" is no column of type uuid or text', $4)
         WHEN $5 IS NOT NULL AND NOT EXISTS (SELECT FROM columns WHERE name = $5 AND typcategory = 'S')
           THEN format('email_column "%s" is no column of text', $5)
         WHEN $6 IS NOT NULL AND NOT EXISTS (SELECT FROM columns WHERE name = $6 AND type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype))
           THEN format('time_column "%s" is no column of a time', $6)
         WHEN $6 IS NOT NULL AND $8 IS NULL
           THEN 'a time_column is for a retention'
         WHEN $3 = 'anonymize' AND EXISTS (SELECT FROM columns WHERE name = $2 AND is_computed)
           THEN format('"%s" is computed: anonymize what it is computed from', $2)
         WHEN $3 = 'anonymize' AND $7 IS NULL AND EXISTS (SELECT FROM columns WHERE name = $2 AND attnotnull)
           THEN format('"%s" can''t be NULL: give a replacement', $2)
         WHEN $3 <> 'anonymize' AND $7 IS NOT NULL
           THEN 'a replacement is for anonymize'
       END
