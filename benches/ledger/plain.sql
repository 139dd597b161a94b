\set n random(1, 50)
BEGIN;
SELECT balance FROM public.balances WHERE tenant_id = ('00000000-0000-7000-8000-' || lpad((:n)::text, 12, '0'))::uuid FOR UPDATE \gset
INSERT INTO public.entries (tenant_id, delta, balance_after, reason, source)
VALUES (('00000000-0000-7000-8000-' || lpad((:n)::text, 12, '0'))::uuid, 1, :balance + 1, 'Bench', 'promo');
UPDATE public.balances SET balance = :balance + 1 WHERE tenant_id = ('00000000-0000-7000-8000-' || lpad((:n)::text, 12, '0'))::uuid;
COMMIT;
