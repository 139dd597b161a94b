-- The tax that a tenant owes on what is of a category, on a day; no row if none is known. Asked by the line query, as the
-- data owner. A function that saas.set_tax_function named takes the place of the rates, for as long as it is the data
-- owner's: nobody else's code runs with his rights.
CREATE FUNCTION saas.applicable_tax(tenant_id uuid, category text, day date,
  OUT name text, OUT percent numeric, OUT is_inclusive boolean, OUT note text) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  taxed_in  text;
  treatment text;
  its_note  text;
  hook      text;
  issued_in text;
BEGIN
  SELECT coalesce(b.country, i.country), coalesce(b.tax_treatment, 'standard'),
         CASE b.tax_treatment WHEN 'reverse_charge' THEN i.reverse_charge_note WHEN 'exempt' THEN i.exempt_note END,
         s.tax_function, i.country
    INTO taxed_in, treatment, its_note, hook, issued_in
    FROM saas.settings s
    LEFT JOIN saas.issuers i ON i.key = 'default'
    LEFT JOIN saas.billing_details b ON b.tenant_id = applicable_tax.tenant_id;
  IF hook IS NOT NULL THEN
    IF NOT EXISTS (
      SELECT FROM pg_proc p JOIN pg_class c ON c.oid = 'saas.tenants'::regclass
       WHERE p.oid = to_regprocedure(hook || '(uuid,text,text,date)') AND p.proowner = c.relowner) THEN
      RAISE EXCEPTION 'The tax function % is not there, or not the data owner''s', hook
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Name another one with saas.set_tax_function.';
    END IF;
    FOR name, percent, is_inclusive, note IN
      EXECUTE format('SELECT t.name, t.percent, t.is_inclusive, t.note FROM %s($1, $2, $3, $4) t LIMIT 1',
                     to_regprocedure(hook || '(uuid,text,text,date)')::regproc)
        USING applicable_tax.tenant_id, taxed_in, category, day
    LOOP
      IF name IS NULL OR is_inclusive IS NULL OR (percent >= 0 AND percent < 1000 AND scale(percent) <= 6) IS NOT TRUE THEN
        RAISE EXCEPTION 'The tax function % gave no tax that can be billed: % at %', hook, name, percent
          USING ERRCODE = 'invalid_parameter_value';
      END IF;
      RETURN NEXT;
    END LOOP;
    RETURN;
  END IF;
  -- Nobody is taxed less by naming a country of which nothing is known.
  IF NOT EXISTS (SELECT FROM saas.tax_rates r WHERE r.country = taxed_in AND r.valid_from <= day) THEN
    taxed_in := issued_in;
  END IF;
  SELECT r.name, r.percent, r.is_inclusive INTO name, percent, is_inclusive
    FROM saas.tax_rates r
   WHERE r.country = taxed_in AND r.category = applicable_tax.category AND r.valid_from <= day
   ORDER BY r.valid_from DESC LIMIT 1;
  IF treatment <> 'standard' THEN
    name := coalesce(name, 'Tax');
    percent := 0;
    is_inclusive := false;
    note := its_note;
  ELSIF percent IS NULL THEN
    RETURN;
  END IF;
  RETURN NEXT;
END $$;
