-- For results only: a column of a type that the extension owns would go with the extension.
CREATE TYPE saas.invoice_line AS (
  position     integer,
  kind         text,
  description  text,
  feature_key  text,
  quantity     numeric,
  unit_amount  numeric,
  amount       bigint,
  period_start date,
  period_end   date
);
COMMENT ON TYPE saas.invoice_line IS 'A line of an invoice that is only previewed; the columns are those of payment_invoice_lines. Amounts in minor units.';
