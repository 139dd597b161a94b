-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.define_coupon(jsonb) IS
'Makes a coupon be what a definition says, new or under a code that is there. Tenants that have taken it keep the terms of that moment.
Arguments: definition, an object with "code" (letters, digits, hyphens, underscores; capitals don''t matter) and either "percent", a decimal string up to 100, or "amounts", minor units by currency; and any of: "name", what invoices call it; "applies_to", an array of the kinds of lines that it is taken from (subscription, seat, usage, proration, minimum, add_on, setup, adjustment), all without; "invoices", on how many of a tenant''s invoices it is used, 1 for once; without it for ever, and "amounts" are then for a whole month, less for a part of one; "max_redemptions", how many tenants may take it; "starts_at" and "expires_at", when it can be taken; "is_active".
Returns: the coupon''s id.
Needs: platform.plan.manage; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 22023 for an unknown key (hint: the nearest known one) and for what no coupon can be; 22P02 and 22007 for malformed numbers and times; 22003 for numbers out of range; 23503 for an unknown currency; 23514 for fewer redemptions than there are, or an end before the start; 23502 for a NULL.
Example as admin:
SELECT saas.define_coupon(''{"code": "SPRING", "name": "Spring offer", "percent": "20", "invoices": 3, "max_redemptions": 100}'')';
COMMENT ON FUNCTION saas.apply_coupon(uuid, text, timestamptz) IS
'Takes a coupon for a tenant: its invoices are discounted from the billing period on that contains as_of, drafts that are there already excepted. Several coupons are used in the order in which they were taken, each on what the earlier ones left; no invoice gets below zero. On a void invoice a coupon counts as not used.
Arguments: tenant_id, the tenant; code, the coupon''s; as_of, from when, now by default.
Returns: the redemption''s id, the same when called again.
Needs: billing.manage in the tenant; platform.billing.adjust for another date; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 42704 for a code that is unknown or can''t be taken: which of them, only those are told who bill (53400 when it has been taken as often as it may be; 55000 when it can''t be taken now; 22023 without an amount in the tenant''s currency); 55000 when it was removed from the tenant, and in a transaction that began too long ago (settings.now_tolerance); 23503 for an unknown tenant; 23502 for a NULL.
Example as app:
SELECT saas.apply_coupon(:''acme'', ''welcome10'')';
COMMENT ON FUNCTION saas.remove_coupon(uuid, text) IS
'Ends a coupon that a tenant has taken: later invoices are not discounted by it, those that are there stay. It can''t be taken again.
Arguments: tenant_id, the tenant; code, the coupon''s.
Returns: nothing.
Needs: billing.manage in the tenant, or platform.billing.adjust; the data owner without a context.
Errors: 28000 without a user; 42501 without the permission; 23503 when the tenant has no such coupon; 23502 for a NULL.
Example as app:
SELECT saas.remove_coupon(:''acme'', ''LOYAL'')';
COMMENT ON FUNCTION saas.discount_parts(bigint[], numeric[], bigint[], boolean[]) IS
'Internal: what discounts take from the lines of an invoice, one after the other, by largest remainder.';
