-- Continues invoice_lines.sql: only tells the lines.
SELECT position, kind, description, feature_key, quantity, unit_amount, amount, period_start, period_end, rank, source_id
  FROM lines ORDER BY position
