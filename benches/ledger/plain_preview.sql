SELECT e.feature_key, e.units, f.included_units, f.overage_price, round(greatest(e.units - f.included_units, 0) * f.overage_price)::bigint
  FROM (SELECT feature_key, sum(units) AS units FROM public.events
         WHERE tenant_id = '00000000-0000-7000-8000-0000000000aa' AND occurred_at >= date_trunc('month', now())
         GROUP BY feature_key) e
  JOIN saas.plan_features f USING (feature_key) JOIN saas.plans p ON p.id = f.plan_id AND p.key = 'bench';
