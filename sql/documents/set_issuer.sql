-- What is named in $2 of the issuer $1; a null takes away.
UPDATE saas.issuers i
   SET name = CASE WHEN c ? 'name' THEN c ->> 'name' ELSE i.name END,
       address = CASE WHEN c ? 'address' THEN c ->> 'address' ELSE i.address END,
       country = CASE WHEN c ? 'country' THEN c ->> 'country' ELSE i.country END,
       tax_id = CASE WHEN c ? 'tax_id' THEN c ->> 'tax_id' ELSE i.tax_id END,
       email = CASE WHEN c ? 'email' THEN c ->> 'email' ELSE i.email END,
       payment_note = CASE WHEN c ? 'payment_note' THEN c ->> 'payment_note' ELSE i.payment_note END,
       reverse_charge_note = CASE WHEN c ? 'reverse_charge_note' THEN c ->> 'reverse_charge_note' ELSE i.reverse_charge_note END,
       exempt_note = CASE WHEN c ? 'exempt_note' THEN c ->> 'exempt_note' ELSE i.exempt_note END,
       number_prefix = CASE WHEN c ? 'number_prefix' THEN c ->> 'number_prefix' ELSE i.number_prefix END,
       credit_note_prefix = CASE WHEN c ? 'credit_note_prefix' THEN c ->> 'credit_note_prefix' ELSE i.credit_note_prefix END
  FROM (SELECT $2::jsonb) AS changes (c)
 WHERE i.key = $1
