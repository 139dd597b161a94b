-- What plan $1 offers beside itself: of the terms $2.
INSERT INTO saas.plan_add_ons (plan_id, key, name, currency, price, most_quantity)
SELECT $1, a.key, a.name, a.currency, a.price, a.most
  FROM jsonb_to_recordset($2::text::jsonb -> 'add_ons') AS a (key text, name text, currency text, price bigint, most integer)
