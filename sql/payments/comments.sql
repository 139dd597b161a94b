-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.ingest_payment_event(text, text, text, jsonb) IS
'Stores a payment provider''s event, once. The first one stands: another body under its id is a security event.
Arguments: provider, such as stripe; event_id, the provider''s id of the event; event_type, such as invoice.paid; payload, the event as the provider sent it.
Returns: true, or false when this id was seen before.
Needs: kind worker or gateway; the data owner.
Errors: 42501 for other kinds; 22023 for a NULL; 23514 for an empty or overlong key.
Example as gateway:
SELECT saas.ingest_payment_event(''stripe'', ''evt_1'', ''customer.updated'', ''{"id": "evt_1", "type": "customer.updated"}'')';
COMMENT ON FUNCTION saas.ingest_webhook(text, jsonb, text) IS
'Stores a webhook as its provider sent it, if its signature is valid: Stripe''s, or that of Standard Webhooks for Polar and Dodo. A signature is believed for five minutes, so that an old webhook can''t be sent again. One that is refused is told in the server''s log, since an error undoes what would be written.
Arguments: provider, stripe, polar or dodo; headers, the request''s headers as an object, names in any case; body, the request''s body, byte by byte as it came, 1 MiB at most.
Returns: true, or false when this event was seen before.
Needs: kind worker or gateway; the data owner.
Errors: 28000 without a valid signature, or without a secret (saas.add_webhook_secret); 42501 for other kinds; 22023 for another provider, headers that are no object or a body that is too long; 22P02 for a signed body that is no event; 23502 for a NULL.
Example as gateway:
SELECT saas.ingest_webhook(''stripe'', :''webhook_headers'', :''webhook_body'')';
COMMENT ON FUNCTION saas.add_webhook_secret(text, text, interval) IS
'Adds a secret that a provider signs its webhooks with. The ones before it are believed for a while longer, so that none is lost while it changes. The same secret again is the one that stays.
Arguments: provider, stripe, polar or dodo; secret, as the provider shows it, such as whsec_…; overlap, for how long the others stay, a day by default, 0 to end them now.
Returns: nothing.
Needs: platform.system.configure; the data owner.
Errors: 28000 without a user; 42501 without the permission; 22023 for another provider or a secret that is too short (16 characters, whsec_ not counted) or too long; 23502 for a NULL.
Example as admin:
SELECT saas.add_webhook_secret(''polar'', ''whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'')';
COMMENT ON FUNCTION saas.payment_event_effects() IS
'What providers'' events change here: the table by which they are read. All other kinds of events are kept and ignored.
Arguments: none.
Returns: provider; event_type; provider_says, what the event''s object says, empty for anything; entity, the table whose row moves; to_state, its state then, if it can go there (saas.state_transitions).
Needs: any kind of access.
Errors: none.
Example as worker:
SELECT event_type, to_state FROM saas.payment_event_effects() WHERE entity = ''payment_invoices''';
COMMENT ON FUNCTION saas.process_payment_events(integer) IS
'Applies stored events, oldest first, each in a subtransaction together with its mark. One that fails keeps its error and is tried again, after half a minute first, a day at most. Safe to run in several sessions.
Arguments: max_events, how many at most, 100 by default.
Returns: how many are done.
Needs: kind worker; the data owner.
Errors: 42501 for other kinds; 22023 for max_events below 1; 23502 for a NULL.
Example as worker:
SELECT saas.process_payment_events(100)';
COMMENT ON FUNCTION saas.record_one_time_payment(uuid, text, text, bigint, text, text) IS
'Notes a pending payment before its provider confirms it. The same payment again is the same one.
Arguments: tenant_id, who pays; provider, such as stripe; provider_payment_id, the provider''s id of the payment; amount, in minor units; currency, its ISO 4217 code; reason, topup or addon.
Returns: the payment''s id.
Needs: kind worker or gateway; the data owner.
Errors: 42501 for other kinds, and for an unknown tenant (for the data owner 23503); 23505 when the provider''s id stands for another payment; 22023 for a NULL, an amount below 1 or another reason; 23503 for an unknown currency.
Example as gateway:
SELECT saas.record_one_time_payment(:''acme'', ''stripe'', ''pi_1'', 5000, ''USD'', ''topup'')';
COMMENT ON FUNCTION saas.link_provider_customer(uuid, text, text) IS
'Says who a tenant is at a payment provider. Again with another id: the tenant''s new one.
Arguments: tenant_id, the tenant; provider, such as stripe; provider_customer_id, the provider''s id of the customer.
Returns: nothing.
Needs: kind worker or gateway; platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission, and for an unknown tenant (for the data owner 23503); 23505 for another tenant''s customer; 22023 for a NULL.
Example as worker:
SELECT saas.link_provider_customer(:''acme'', ''stripe'', ''cus_1'')';
COMMENT ON FUNCTION saas.link_provider_subscription(uuid, text, text) IS
'Says which of a provider''s subscriptions the tenant''s live one is.
Arguments: tenant_id, the tenant; provider, such as stripe; provider_subscription_id, the provider''s id of the subscription.
Returns: nothing.
Needs: kind worker or gateway; platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission, and for an unknown tenant (for the data owner 23503); 23505 for another tenant''s; 55000 without a live subscription; 22023 for a NULL.
Example as worker:
SELECT saas.link_provider_subscription(:''acme'', ''stripe'', ''sub_1'')';
COMMENT ON FUNCTION saas.link_provider_invoice(uuid, text, text) IS
'Says which of a provider''s invoices one of ours is; also when it is finalized.
Arguments: invoice_id, our invoice; provider, such as stripe; provider_invoice_id, the provider''s id of the invoice.
Returns: nothing.
Needs: kind worker or gateway; platform.billing.adjust; the data owner.
Errors: 28000 without a user; 42501 without the permission, and for an unknown invoice (for the data owner 23503); 23505 for one that is linked already; 22023 for a NULL.
Example as worker:
SELECT saas.link_provider_invoice(:''invoice'', ''stripe'', ''in_1'')';
