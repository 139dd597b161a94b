\set n random(1, 50)
SELECT saas.spend_credit(('00000000-0000-7000-8000-' || lpad((:n)::text, 12, '0'))::uuid, 1, 'Bench');
