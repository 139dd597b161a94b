-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.set_issuer(jsonb, text) IS
'Changes what invoices and credit notes say of who writes them. Finalized ones keep what they say.
Arguments: changes, an object with any of "name", "address" (of several lines), "country" (two letters), "tax_id", "email", "payment_note", "reverse_charge_note", "exempt_note", "number_prefix" and "credit_note_prefix"; a null takes one away that invoices can do without; key, the issuer, default by default.
Returns: nothing.
Needs: platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an unknown key (hint: the nearest known one), for what can''t be meant, and for a prefix that ends with a digit; 23503 for an unknown issuer or country; 23502 for a NULL.
Example as admin:
SELECT saas.set_issuer(''{"name": "Example Software Ltd.", "address": "2 High Street\nDublin", "country": "IE", "payment_note": "Please pay to IE29 AIBK 9311 5212 3456 78"}'')';
COMMENT ON FUNCTION saas.invoice_document(uuid) IS
'An invoice as a document: who writes it to whom, dates, lines, taxes, sums and what is due, after credit notes. A finalized one says what it said then, whatever has been changed since.
Arguments: invoice_id, the invoice, a draft too.
Returns: an object; amounts in minor units, of which the currency has "exponent" decimals.
Needs: billing.view in the invoice''s tenant, or platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 for an invoice that is not one''s own or not there; 23503 for one that is not there, to the data owner and the platform; 23502 for a NULL.
Example as app:
SELECT saas.invoice_document(:''invoice'') ->> ''total'' AS total';
COMMENT ON FUNCTION saas.invoice_html(uuid) IS
'An invoice as a page to print, of the same document: HTML that stands alone, without a script, and with everything that somebody typed escaped.
Arguments: invoice_id, the invoice, a draft too.
Returns: the page.
Needs: billing.view in the invoice''s tenant, or platform.billing.adjust; the data owner without a context.
Errors: as invoice_document.
Example as app:
SELECT length(saas.invoice_html(:''invoice'')) > 0 AS there_is_a_page';
COMMENT ON FUNCTION saas.credit_invoice(uuid, text, bigint, text) IS
'Takes an invoice back, as a whole or in part, with a credit note: numbered without gaps, never changed, and of each tax its share, so that several take back exactly what was invoiced. First it reduces what is due still, and nothing left to pay makes the invoice paid; what goes beyond becomes credits of the tenant or, with a reference, was refunded by the provider as far as money came in.
Arguments: invoice_id, an invoice that is open, paid, failed or uncollectible; reason, in words, which the note says; amount, minor units with tax, NULL for what is left; refund_reference, the provider''s name of the refund, of paid invoices.
Returns: the credit note''s id.
Needs: platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an amount below 1 or beyond what is left, for less than all of an invoice with a tax below zero, and for an empty reason; 55000 for a draft, a void invoice, one of which nothing is left, and a refund of what was not paid; 23503 for an unknown invoice; 23502 for a NULL.
Example as admin:
SELECT saas.credit_invoice(:''invoice'', ''Two days of outage'', 100)';
COMMENT ON FUNCTION saas.credit_note_document(uuid) IS
'A credit note as a document, of the same form as an invoice''s.
Arguments: credit_note_id, the credit note.
Returns: an object; amounts in minor units.
Needs: billing.view in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: as invoice_document.
Example as app:
SELECT saas.credit_note_document(:''credit_note'') ->> ''number'' AS number';
COMMENT ON FUNCTION saas.credit_note_html(uuid) IS
'A credit note as a page to print.
Arguments: credit_note_id, the credit note.
Returns: the page.
Needs: billing.view in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: as invoice_document.
Example as app:
SELECT length(saas.credit_note_html(:''credit_note'')) > 0 AS there_is_a_page';
COMMENT ON FUNCTION saas.advance_dunning(timestamptz) IS
'Writes the reminders of overdue invoices that are due by saas.settings.dunning_schedule: reminder, warning, final notice, a step a call and invoice, each as a row''s state with its date in saas.dunning and as a message in saas.outbox (topics invoice.reminder, invoice.warning, invoice.final). Contracts of tenants with an invoice, of whichever contract, that failed, was given up or is overdue beyond payment_grace fall behind, and are in good standing again when all is paid; those that a provider collects for are left to it. Safe to run at any time and twice at once.
Arguments: as_of, the moment, now by default.
Returns: how many reminders were written.
Needs: kind worker; platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission; 22023 for an infinite moment; 23502 for a NULL.
Example as worker:
SELECT saas.advance_dunning()';
