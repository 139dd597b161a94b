\echo
\echo '=== 7. Who did what  (07_proof.sql)'

SELECT coalesce(u.email, 'role ' || a.database_role) AS who, a.action, a.target_type AS what, count(*)
  FROM saas.platform_audit_logs a LEFT JOIN saas.users u ON u.id = a.actor_id
 GROUP BY 1, 2, 3
 ORDER BY min(a.occurred_at), 1, 2, 3;

SELECT count(*) AS "broken invariants" FROM saas.check_invariants();
