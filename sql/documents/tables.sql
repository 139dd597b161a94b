-- What follows an invoice: credit notes, and reminders.

CREATE TABLE saas.credit_notes (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,
  invoice_id       uuid NOT NULL,
  issuer_id        uuid NOT NULL REFERENCES saas.issuers (id),
  number           text NOT NULL,
  reason           text NOT NULL CHECK (btrim(reason) <> ''),
  net_amount       bigint NOT NULL,
  tax              bigint NOT NULL,
  total_amount     bigint NOT NULL CHECK (total_amount > 0),
  settled_amount   bigint NOT NULL CHECK (settled_amount >= 0),
  returned_amount  bigint NOT NULL CHECK (returned_amount >= 0),
  refunded_amount  bigint NOT NULL CHECK (refunded_amount >= 0),
  refund_reference text CHECK (refund_reference <> ''),
  currency         text NOT NULL REFERENCES saas.currencies (code),
  issuer_details   jsonb NOT NULL,
  bill_to          jsonb NOT NULL,
  time_zone        text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (issuer_id, number, tenant_id),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  CHECK (total_amount = net_amount + tax),
  CHECK (total_amount = settled_amount + returned_amount + refunded_amount),
  CHECK (refunded_amount = 0 OR refund_reference IS NOT NULL)
);
CREATE INDEX credit_notes_invoice_id_idx ON saas.credit_notes (tenant_id, invoice_id);
CREATE INDEX credit_notes_id_idx ON saas.credit_notes (id);
CREATE INDEX credit_notes_currency_idx ON saas.credit_notes (currency);
COMMENT ON TABLE saas.credit_notes IS 'What was taken back of an invoice, in minor units. Append-only; numbers are gapless for an issuer.';
COMMENT ON COLUMN saas.credit_notes.settled_amount IS 'Taken off what was still due.';
COMMENT ON COLUMN saas.credit_notes.returned_amount IS 'Given to the tenant as credits.';
COMMENT ON COLUMN saas.credit_notes.refunded_amount IS 'Paid back by the provider, as refund_reference says there.';

COMMENT ON COLUMN saas.credit_notes.time_zone IS 'In which its moment is a day: that of its invoice.';

CREATE TABLE saas.credit_note_lines (
  tenant_id      uuid NOT NULL,
  credit_note_id uuid NOT NULL,
  position       integer NOT NULL CHECK (position >= 0),
  description    text NOT NULL CHECK (description <> ''),
  tax_percent    numeric CHECK (tax_percent >= 0),
  net_amount     bigint NOT NULL,
  tax            bigint NOT NULL,
  PRIMARY KEY (tenant_id, credit_note_id, position),
  FOREIGN KEY (tenant_id, credit_note_id) REFERENCES saas.credit_notes (tenant_id, id)
);
COMMENT ON TABLE saas.credit_note_lines IS 'What a credit note takes back at each tax rate of its invoice. Append-only.';
COMMENT ON COLUMN saas.credit_note_lines.position IS 'The position of the tax''s line on the invoice; 0: what is not taxed.';

CREATE TABLE saas.dunning (
  tenant_id   uuid NOT NULL,
  invoice_id  uuid NOT NULL,
  status      text NOT NULL CHECK (status IN ('reminder', 'warning', 'final', 'settled')),
  reminder_at timestamptz NOT NULL,
  warning_at  timestamptz,
  final_at    timestamptz,
  settled_at  timestamptz,
  PRIMARY KEY (tenant_id, invoice_id),
  FOREIGN KEY (tenant_id, invoice_id) REFERENCES saas.payment_invoices (tenant_id, id),
  CHECK (status <> 'warning' OR warning_at IS NOT NULL),
  CHECK (status <> 'final' OR final_at IS NOT NULL),
  CHECK ((status = 'settled') = (settled_at IS NOT NULL))
);
CREATE INDEX dunning_open_idx ON saas.dunning (tenant_id) WHERE status <> 'settled';
COMMENT ON TABLE saas.dunning IS 'How far the reminders of an overdue invoice are, and since when.';
