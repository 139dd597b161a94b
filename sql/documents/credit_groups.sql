-- What invoice $2 of tenant $1 charges at each tax, and what credit notes took back of it already.
WITH groups AS (
  SELECT l.position, l.description, l.tax_percent, l.taxable_amount + l.amount AS gross, l.amount AS tax
    FROM saas.payment_invoice_lines l
   WHERE l.tenant_id = $1 AND l.invoice_id = $2 AND l.kind = 'tax'
  UNION ALL
  SELECT 0, 'Not taxed', NULL, sum(l.amount)::bigint, 0
    FROM saas.payment_invoice_lines l
   WHERE l.tenant_id = $1 AND l.invoice_id = $2
     AND l.kind NOT IN ('tax', 'credit') AND l.tax_percent IS NULL AND l.taxable_amount IS NULL
  HAVING sum(l.amount) <> 0
)
SELECT g.position, g.gross, g.tax, coalesce(credited.gross, 0)::bigint, coalesce(credited.tax, 0)::bigint
  FROM groups g
  LEFT JOIN (
    SELECT l.position, sum(l.net_amount + l.tax) AS gross, sum(l.tax) AS tax
      FROM saas.credit_notes n
      JOIN saas.credit_note_lines l ON l.tenant_id = n.tenant_id AND l.credit_note_id = n.id
     WHERE n.tenant_id = $1 AND n.invoice_id = $2
     GROUP BY l.position
  ) credited ON credited.position = g.position
 ORDER BY g.position
