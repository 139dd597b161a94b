-- What each function is: docs/reference.md is made of this.
COMMENT ON FUNCTION saas.ingest_payment_event(text, text, text, jsonb) IS
'Stores a provider''s event; false when its id was seen before: the first one stands, and another body under its id is a security event. Worker, gateway and data owner. Error: 22023 for a NULL; 23514 for an empty or overlong key.';
COMMENT ON FUNCTION saas.process_payment_events(integer) IS
'Applies up to max_events stored events, oldest first, each in a subtransaction with its mark; returns how many are done. One that fails keeps its error and is tried again, after half a minute first, a day at most. Safe to run in several sessions. Worker and data owner. Error: 22023 for max_events below 1.';
COMMENT ON FUNCTION saas.record_one_time_payment(uuid, text, text, bigint, text, text) IS
'Notes a pending payment (minor units) before its provider confirms it and returns its id; reason is topup or addon. The same payment again gives the same id. Worker, gateway and data owner. Errors: 23505 when the provider''s id stands for another payment; 42501 (data owner: 23503) for an unknown tenant; 23514 for an amount or reason that can''t be.';
COMMENT ON FUNCTION saas.link_provider_customer(uuid, text, text) IS
'Says who a tenant is at a payment provider. Again with another id: the tenant''s new one. Worker, gateway, platform.billing.adjust, data owner. Error: 23505 for another tenant''s customer.';
COMMENT ON FUNCTION saas.link_provider_subscription(uuid, text, text) IS
'Says which of a provider''s subscriptions the tenant''s live one is. Worker, gateway, platform.billing.adjust, data owner. Errors: 23505 for another tenant''s; 55000 without a live subscription.';
COMMENT ON FUNCTION saas.link_provider_invoice(uuid, text, text) IS
'Says which of a provider''s invoices this one is; also when it is finalized. Worker, gateway, platform.billing.adjust, data owner. Errors: 23505 for one that is linked already; 23503 for an unknown invoice.';
