-- What an invoice says of the issuer, and of whom it is written to. Kept on it when it is finalized.
CREATE FUNCTION saas.issuer_details(issuer_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('name', i.name, 'address', i.address, 'country', i.country, 'tax_id', i.tax_id,
                                                      'email', i.email, 'payment_note', i.payment_note))
            FROM saas.issuers i WHERE i.id = issuer_details.issuer_id);
END $$;
COMMENT ON FUNCTION saas.issuer_details(uuid) IS 'Internal: what an invoice says of its issuer.';

CREATE FUNCTION saas.recipient_details(tenant_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('name', coalesce(b.name, t.name), 'address', b.address, 'country', b.country,
                                                      'tax_id', b.tax_id, 'email', b.email))
            FROM saas.tenants t LEFT JOIN saas.billing_details b ON b.tenant_id = t.id
           WHERE t.id = recipient_details.tenant_id);
END $$;
COMMENT ON FUNCTION saas.recipient_details(uuid) IS 'Internal: what an invoice says of whom it is written to.';
