\echo '=== 8. Who did it? What happened to Acme\'s invoices and credit (08_proof.sql)'

SELECT coalesce(u.email, a.database_role) AS who, a.action,
       coalesce(a.old_values ->> 'status' || ' -> ', '') || (a.new_values ->> 'status') AS status,
       app.money((a.new_values ->> 'delta')::numeric, 'USD') AS credit, a.reason
  FROM saas.platform_audit_logs a LEFT JOIN saas.users u ON u.id = a.actor_id
 WHERE a.tenant_id = :'acme' AND (a.new_values ? 'status' OR a.new_values ? 'delta')
 ORDER BY a.id;

\echo 'Is any invariant broken, anywhere in the data?'
\pset footer on
\set ECHO queries
SELECT * FROM saas.check_invariants();
\set ECHO none
