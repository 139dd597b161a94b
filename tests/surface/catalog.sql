-- The public surface of schema saas, as JSON: one line each for functions, relations and state transitions. Written so that
-- PostgreSQL 15, 16 and 18 say the same. Database roles are named by their kind of access: every kind has been granted to
-- the role saas_<kind>.
SET search_path = pg_catalog;
SET timezone = 'UTC';

CREATE TEMP TABLE kind AS
SELECT k.kind, k.n, CASE k.kind WHEN 'PUBLIC' THEN 'public' ELSE 'saas_' || k.kind END::name AS role
  FROM unnest(ARRAY['PUBLIC', 'app', 'gateway', 'worker', 'auditor', 'admin']) WITH ORDINALITY AS k (kind, n);

-- Whom an ACL names, and with what.
CREATE FUNCTION pg_temp.who(role oid, owner oid) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN role = 0 THEN 'PUBLIC'
              WHEN role = (SELECT relowner FROM pg_class WHERE oid = 'saas.tenants'::regclass) THEN 'owner'
              WHEN role = owner THEN 'installer'
              ELSE coalesce((SELECT kind FROM kind WHERE kind.role = pg_get_userbyid($1)), pg_get_userbyid(role)) END
$$;
CREATE FUNCTION pg_temp.acl(acl aclitem[], owner oid) RETURNS jsonb LANGUAGE sql AS $$
  SELECT coalesce(jsonb_object_agg(who, privileges), '{}') FROM (
    SELECT pg_temp.who(grantee, owner) AS who,
           string_agg(privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ', ' ORDER BY privilege_type) AS privileges
      FROM aclexplode(acl)
     WHERE privilege_type <> 'MAINTAIN' AND NOT (grantee = $2 AND grantor = $2)
     GROUP BY 1) AS grants
$$;

SELECT coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.name, f.identity), '[]') FROM (
  SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS identity, pg_get_function_arguments(p.oid) AS arguments,
         pg_get_function_result(p.oid) AS result, p.prokind AS kind, p.provolatile AS volatility, p.proisstrict AS strict,
         p.proparallel AS parallel, p.prosecdef AS definer, p.proleakproof AS leakproof, l.lanname AS language,
         coalesce(p.proconfig, '{}') AS settings, nullif(p.prosupport::oid, 0)::regproc::text AS support,
         ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) ORDER BY n) AS types,
         obj_description(p.oid, 'pg_proc') AS comment, pg_temp.acl(p.proacl, p.proowner) AS acl,
         ARRAY(SELECT k.kind FROM kind k WHERE has_function_privilege(k.role, p.oid, 'EXECUTE') ORDER BY k.n) AS kinds
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
   WHERE p.pronamespace = 'saas'::regnamespace) AS f;

SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.name), '[]') FROM (
  SELECT c.relname AS name, c.relkind AS kind, c.relispartition AS is_partition, coalesce(obj_description(c.oid, 'pg_class'), obj_description(c.reltype, 'pg_type')) AS comment,
         (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid) AS parent,
         CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
         CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END AS view,
         coalesce(c.reloptions, '{}') AS options, c.relrowsecurity AS row_security, c.relforcerowsecurity AS forced,
         CASE c.relkind WHEN 'c' THEN 'owner' ELSE pg_temp.who(c.relowner, 0) END AS owner, pg_temp.acl(c.relacl, c.relowner) AS acl,
         (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                   'generated', a.attgenerated, 'identity', a.attidentity, 'default', pg_get_expr(d.adbin, d.adrelid),
                   'comment', col_description(c.oid, a.attnum), 'acl', pg_temp.acl(a.attacl, c.relowner)) ORDER BY a.attnum), '[]')
            FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
         -- PostgreSQL 18 has NOT NULL here too; the columns say it.
         (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', o.conname, 'type', o.contype, 'definition', pg_get_constraintdef(o.oid), 'valid', o.convalidated,
                   'columns', (SELECT jsonb_agg(a.attname ORDER BY k.n) FROM unnest(o.conkey) WITH ORDINALITY AS k (attnum, n)
                                 JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.attnum),
                   'references', nullif(o.confrelid, 0)::regclass::text) ORDER BY o.contype, o.conname), '[]')
            FROM pg_constraint o WHERE o.conrelid = c.oid AND o.contype NOT IN ('n', 't')) AS constraints,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('name', i.indexrelid::regclass, 'definition', pg_get_indexdef(i.indexrelid),
                   'valid', i.indisvalid, 'unique', i.indisunique AND i.indpred IS NULL) ORDER BY i.indexrelid::regclass::text), '[]')
            FROM pg_index i WHERE i.indrelid = c.oid
             AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))) AS indexes,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.tgname, 'definition', pg_get_triggerdef(t.oid),
                   'enabled', t.tgenabled) ORDER BY t.tgname), '[]')
            FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('name', p.polname, 'command', p.polcmd, 'permissive', p.polpermissive,
                   'kinds', ARRAY(SELECT pg_temp.who(role, 0) FROM unnest(p.polroles) role ORDER BY 1),
                   'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname), '[]')
            FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
         (SELECT jsonb_object_agg(k.kind, jsonb_build_object(
                   'SELECT', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                      AND has_column_privilege(k.role, c.oid, a.attnum, 'SELECT') ORDER BY a.attnum),
                   'INSERT', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                      AND has_column_privilege(k.role, c.oid, a.attnum, 'INSERT') ORDER BY a.attnum),
                   'UPDATE', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                                      AND has_column_privilege(k.role, c.oid, a.attnum, 'UPDATE') ORDER BY a.attnum),
                   'DELETE', has_table_privilege(k.role, c.oid, 'DELETE'),
                   'more', ARRAY(SELECT v FROM unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) v
                                  WHERE has_table_privilege(k.role, c.oid, v)))) FROM kind k) AS privileges
    FROM pg_class c
   WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')) AS r;

SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.entity, s.from_state, s.to_state), '[]') FROM saas.state_transitions s;

-- What a provider's events change.
SELECT '[' || coalesce(string_agg(row_to_json(e)::text, ',' ORDER BY e::text COLLATE "C"), '') || ']' FROM saas.payment_event_effects() e;
