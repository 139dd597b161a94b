-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.tax_amount(bigint, numeric, boolean) IS
'The tax on an amount, or the tax that it contains, rounded half away from zero.
Arguments: amount, minor units, the sum of what is taxed at the rate; percent, 19 means 19 %; is_inclusive, whether the amount contains the tax.
Returns: minor units.
Needs: any kind of access.
Errors: 22023 for a negative percent; 22003 beyond bigint.
Example as app:
SELECT saas.tax_amount(10000, 19, false) AS on_it, saas.tax_amount(11900, 19, true) AS in_it';
COMMENT ON FUNCTION saas.set_tax_rate(text, numeric, date, text, text, boolean) IS
'Sets the tax rate of a country from a day on; it is valid until a later one begins. Tenants in a country without a rate are taxed as in the issuer''s: that nothing is due in a country is a rate of 0. What is billed is taxed at the rate of the last day of its period. Invoices that are there keep theirs.
Arguments: country, two letters as in ISO 3166-1; percent, 19 means 19 %, 0 ends a tax; valid_from, the first day; name, what invoices call it, VAT by default; category, standard by default; is_inclusive, whether our prices contain it, false by default.
Returns: nothing.
Needs: platform.plan.manage; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 for an unknown country; 23514 for what no rate can be; 23502 for a NULL.
Example as admin:
SELECT saas.set_tax_rate(''DE'', 19, ''2021-01-01''), saas.set_tax_rate(''DE'', 7, ''2021-01-01'', category => ''reduced'')';
COMMENT ON FUNCTION saas.set_tax_category(text, text, text) IS
'Says what a plan''s fees, in all its versions, or a feature''s usage are taxed as. Without it they are standard.
Arguments: kind, plan or feature; key, which one; category, that of saas.set_tax_rate.
Returns: nothing.
Needs: platform.plan.manage; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 42704 for an unknown plan or feature (hint: the nearest known one); 22023 for another kind; 23514 for a malformed category; 23502 for a NULL.
Example as admin:
SELECT saas.set_tax_category(''feature'', ''project.create'', ''reduced'')';
COMMENT ON FUNCTION saas.set_tax_treatment(uuid, text) IS
'Says how a tenant is taxed, once its tax id was verified: with reverse_charge and exempt its invoices have a tax of 0 and the issuer''s note. When its country or tax id changes, it is standard again.
Arguments: tenant_id, the tenant; treatment, standard, reverse_charge or exempt.
Returns: nothing.
Needs: platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for another treatment; 23503 for an unknown tenant; 23502 for a NULL.
Example as admin:
SELECT saas.set_tax_treatment(:''acme'', ''reverse_charge'')';
COMMENT ON FUNCTION saas.set_billing_details(uuid, jsonb) IS
'Changes to whom a tenant''s invoices are written. Finalized invoices keep what they say. A tenant that names another country or tax id is taxed as standard until the platform has verified it.
Arguments: tenant_id, the tenant; changes, an object with any of "name", "address" (of several lines), "country" (two letters), "tax_id" and "email"; a null takes one away.
Returns: nothing.
Needs: billing.manage in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an unknown key (hint: the nearest known one) and for what can''t be meant; 23503 for an unknown tenant or country; 23502 for a NULL.
Example as app:
SELECT saas.set_billing_details(:''acme'', ''{"name": "Acme Inc.", "address": "1 Main Street\nSpringfield", "country": "US"}'')';
COMMENT ON FUNCTION saas.set_tax_function(regprocedure) IS
'Lets a function of the application tell taxes, in place of saas.tax_rates and treatments; docs/tax.md shows one. It runs as the data owner with the search path pg_catalog, so it must name schemas, and it must not write. A tenant for whom it raises is parked when its period is closed.
Arguments: function, which takes the tenant, its country, the category and the day, and returns a set with the columns name, percent, is_inclusive and note, of which the first row counts; without a row nothing is taxed. NULL for saas.tax_rates again.
Returns: nothing.
Needs: the data owner without a context.
Errors: 42501 for others; 22023 for a function of another form, or that is not the data owner''s or may write.
Example as owner:
SELECT saas.set_tax_function(NULL)';
COMMENT ON FUNCTION saas.applicable_tax(uuid, text, date) IS
'The tax that a tenant owes, by its country and treatment, or by the function that saas.set_tax_function named.
Arguments: tenant_id, the tenant; category, what is taxed; day, when.
Returns: name, percent, whether prices contain it, and what invoices note of it; no row where nothing is taxed.
Needs: the data owner.
Errors: 55000 when the function is gone or not the data owner''s; 22023 when it gives no tax that can be billed.
Example as owner:
SELECT * FROM saas.applicable_tax(:''acme'', ''standard'', current_date)';
