-- Price models: the worked cases of public billing systems (docs/cases.md), then what can't be priced.
CREATE TABLE model (name text PRIMARY KEY, model jsonb);
INSERT INTO model VALUES
  ('volume', '{"model":"volume","tiers":[{"up_to":5,"unit_amount":"700"},{"up_to":10,"unit_amount":"650"},{"up_to":null,"unit_amount":"600"}]}'),
  ('package', '{"model":"package","package_size":5,"amount":"1000"}'),
  ('package, 5 free', '{"model":"package","package_size":10,"amount":"10000","free_units":5}'),
  ('graduated, flat', '{"model":"graduated","tiers":[{"up_to":5,"unit_amount":"1000","flat_amount":"10000"},{"up_to":null,"unit_amount":"500","flat_amount":"5000"}]}'),
  ('graduated, four', '{"model":"graduated","tiers":[{"up_to":5,"unit_amount":"0","flat_amount":"100"},{"up_to":10,"unit_amount":"0","flat_amount":"50"},{"up_to":15,"unit_amount":"10"},{"unit_amount":"5"}]}'),
  ('graduated, all tiers', '{"model":"graduated","tiers":[{"up_to":10,"unit_amount":"1.5"},{"up_to":110,"unit_amount":"1.0"},{"up_to":1110,"unit_amount":"0.5"}]}'),
  ('volume, top tier', '{"model":"volume","tiers":[{"up_to":10,"unit_amount":"1.5"},{"up_to":110,"unit_amount":"1.0"},{"up_to":1110,"unit_amount":"0.5"}]}'),
  ('included', '{"model":"per_unit","unit_amount":"4","free_units":1000}'),
  ('maximum', '{"model":"per_unit","unit_amount":"1000","maximum":"10000"}'),
  ('minimum', '{"model":"per_unit","unit_amount":"1000","minimum":"2500"}'),
  ('percentage', '{"model":"percentage","percent":"2.9","fixed_amount":"30"}'),
  ('flat', '{"model":"flat","amount":"5000"}');
SELECT c.model, c.quantity, saas.price_quantity(m.model, c.quantity) AS price, c.price AS wanted,
       saas.price_quantity(m.model, c.quantity) = c.price AS ok
  FROM (VALUES
    (1, 'volume', 1, 700), (1, 'volume', 5, 3500), (1, 'volume', 6, 3900), (1, 'volume', 20, 12000), (1, 'volume', 25, 15000),
    (2, 'package', 0, 0), (2, 'package', 1, 1000), (2, 'package', 5, 1000), (2, 'package', 6, 2000), (2, 'package', 7, 2000),
    (3, 'package, 5 free', 3, 0), (3, 'package, 5 free', 12, 10000), (3, 'package, 5 free', 15, 10000), (3, 'package, 5 free', 15.5, 20000),
    (4, 'graduated, flat', 0, 10000), (4, 'graduated, flat', 3, 13000), (4, 'graduated, flat', 5, 15000), (4, 'graduated, flat', 8, 21500),
    (5, 'graduated, four', 0, 100), (5, 'graduated, four', 3, 100), (5, 'graduated, four', 5, 100), (5, 'graduated, four', 5.001, 150),
    (5, 'graduated, four', 7, 150), (5, 'graduated, four', 12, 170), (5, 'graduated, four', 22, 235),
    (6, 'graduated, all tiers', 10, 15), (6, 'graduated, all tiers', 110, 115), (6, 'graduated, all tiers', 111, 115.5),
    (7, 'volume, top tier', 111, 55.5),
    (8, 'included', 1000, 0), (8, 'included', 1001, 4), (8, 'included', 2500, 6000),
    (9, 'maximum', 7, 7000), (9, 'maximum', 10, 10000), (9, 'maximum', 12, 10000),
    (10, 'minimum', 0, 2500), (10, 'minimum', 2, 2500), (10, 'minimum', 3, 3000),
    (11, 'percentage', 0, 0), (11, 'percentage', 1000, 59),
    (12, 'flat', 0, 5000), (12, 'flat', 99, 5000)
  ) AS c (place, model, quantity, price)
  JOIN model m ON m.name = c.model
 ORDER BY c.place, c.quantity;

-- A late unit costs price(total) - price(billed): rating in parts equals rating at once.
SELECT m.name, bool_and(
         saas.price_quantity(m.model, a) + (saas.price_quantity(m.model, b) - saas.price_quantity(m.model, a))
         + (saas.price_quantity(m.model, c) - saas.price_quantity(m.model, b)) = saas.price_quantity(m.model, c)) AS additive
  FROM model m, generate_series(0, 24, 6) a, generate_series(24, 48, 8) b, generate_series(48, 60, 4) c
 GROUP BY m.name ORDER BY m.name;

-- Not one of these is priced, and each says why.
CREATE FUNCTION refused(model jsonb, quantity numeric) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN 'priced at ' || saas.price_quantity(model, quantity);
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT left(q::text, 40) AS quantity, refused('{"model":"per_unit","unit_amount":"10"}', q)
  FROM unnest(ARRAY['NaN', 'Infinity', '-Infinity', -1, -0.000001, 1e28, 1e130000,
                    0.1234567890123456789012345678901]::numeric[]) q;
SELECT left(m, 90) AS model, refused(m::jsonb, 7)
  FROM unnest(ARRAY[
    'null', '1', '"x"', '[]', '{}', '{"model":1}', '{"model":"nonsense"}',
    '{"model":"per_unit"}', '{"model":"per_unit","unit_amount":10}', '{"model":"per_unit","unit_amount":"-1"}',
    '{"model":"per_unit","unit_amount":""}', '{"model":"per_unit","unit_amount":"1e3"}', '{"model":"per_unit","unit_amount":"NaN"}',
    '{"model":"per_unit","unit_amount":"Infinity"}', '{"model":"per_unit","unit_amount":"1,000"}', '{"model":"per_unit","unit_amount":" 1"}',
    '{"model":"per_unit","unit_amount":"1","colour":"red"}', '{"model":"per_unit","unit_amount":null}',
    '{"model":"graduated"}', '{"model":"graduated","tiers":[]}', '{"model":"graduated","tiers":{}}',
    '{"model":"graduated","tiers":[{"up_to":5,"unit_amount":"1"},{"up_to":5,"unit_amount":"1"}]}',
    '{"model":"graduated","tiers":[{"up_to":9,"unit_amount":"1"},{"up_to":5,"unit_amount":"1"}]}',
    '{"model":"graduated","tiers":[{"up_to":null,"unit_amount":"1"},{"up_to":5,"unit_amount":"1"}]}',
    '{"model":"graduated","tiers":[{"up_to":0,"unit_amount":"1"}]}', '{"model":"graduated","tiers":[{"up_to":-1,"unit_amount":"1"}]}',
    '{"model":"graduated","tiers":[{"up_to":6,"unit_amount":"1"}]}', '{"model":"volume","tiers":[{"up_to":6,"unit_amount":"1"}]}',
    '{"model":"package","package_size":0,"amount":"1"}', '{"model":"package","package_size":-5,"amount":"1"}',
    '{"model":"package","amount":"1"}', '{"model":"package","package_size":"0.0000000000000000000000000001","amount":"1"}',
    '{"model":"percentage","percent":"-1"}', '{"model":"flat","amount":"5","free_units":1}',
    '{"model":"flat","amount":"99999999999999999999999999999"}',
    '{"model":"per_unit","unit_amount":"9999999999999999999999999999","minimum":"1"}',
    '{"model":"flat","amount":"5","minimum":"3","maximum":"2"}', '{"model":"per_unit","unit_amount":"1","free_units":1,"included_units":1}']) m;
-- Much of it, and deep.
SELECT left(refused(format('{"model":"%s"}', repeat('x', 1000000))::jsonb, 1), 100);
SELECT left(refused((repeat('[', 5000) || repeat(']', 5000))::jsonb, 1), 60);
SELECT refused(jsonb_build_object('model', 'volume', 'tiers',
         (SELECT jsonb_agg(jsonb_build_object('up_to', i, 'unit_amount', '1')) FROM generate_series(1, 1001) i)), 1);
SELECT refused(jsonb_build_object('model', 'volume', 'tiers',
         (SELECT jsonb_agg(jsonb_build_object('up_to', i, 'unit_amount', '1')) FROM generate_series(1, 1000) i)), 1000);
SELECT saas.price_quantity(NULL, 1) IS NULL AS null_model, saas.price_quantity('{}', NULL) IS NULL AS null_quantity;
-- A model that can't be meant is refused where it is written, not when its tenants are billed.
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, price_model)
SELECT id, 'f', 0, '{"model":"graduated","tiers":[]}' FROM saas.plans WHERE key = 'free';
INSERT INTO saas.plan_features (plan_id, feature_key, included_units, price_model)
SELECT id, 'f', 0, '{"model":"per_unit","unit_amount":"NaN"}' FROM saas.plans WHERE key = 'free';
