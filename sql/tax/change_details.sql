-- The billing details of tenant $1 with the changes $2, of which a key that is there and null takes away. Whoever is
-- somewhere else, or somebody else for the tax office, has to be verified again.
INSERT INTO saas.billing_details AS b (tenant_id, name, address, country, tax_id, email)
SELECT $1, c ->> 'name', c ->> 'address', c ->> 'country', c ->> 'tax_id', c ->> 'email'
  FROM (SELECT $2::jsonb) AS changes (c)
ON CONFLICT (tenant_id) DO UPDATE
   SET name = CASE WHEN $2::jsonb ? 'name' THEN excluded.name ELSE b.name END,
       address = CASE WHEN $2::jsonb ? 'address' THEN excluded.address ELSE b.address END,
       country = CASE WHEN $2::jsonb ? 'country' THEN excluded.country ELSE b.country END,
       tax_id = CASE WHEN $2::jsonb ? 'tax_id' THEN excluded.tax_id ELSE b.tax_id END,
       email = CASE WHEN $2::jsonb ? 'email' THEN excluded.email ELSE b.email END,
       tax_treatment = CASE
         WHEN $2::jsonb ? 'country' AND excluded.country IS DISTINCT FROM b.country
           OR $2::jsonb ? 'tax_id' AND excluded.tax_id IS DISTINCT FROM b.tax_id THEN 'standard'
         ELSE b.tax_treatment END,
       updated_at = now()
