-- The next version of plan $1, with the terms $2 and the limits $3.
INSERT INTO saas.plans (key, version, base_price, seat_price, included_seats, currency, billing_interval, billing_cycle, bill_in,
                        setup_fee, minimum_amount, is_custom, tenant_id,
                        name, trial_days, workspace_count, guest_count, member_seat, is_active)
SELECT $1, coalesce((SELECT max(version) FROM saas.plans WHERE key = $1), 0) + 1,
       t.base_price, t.seat_price, t.included_seats, t.currency, t.billing_interval, t.billing_cycle, t.bill_in,
       t.setup_fee, t.minimum_amount, t.is_custom, t.tenant_id,
       l.name, l.trial_days, l.workspace_count, l.guest_count, l.member_seat, l.is_active
  FROM jsonb_to_record($2::text::jsonb) AS t (base_price bigint, seat_price bigint, included_seats integer, currency text,
                                              billing_interval text, billing_cycle text, bill_in text, setup_fee bigint,
                                              minimum_amount bigint, is_custom boolean, tenant_id uuid)
 CROSS JOIN jsonb_to_record($3::text::jsonb) AS l (name text, trial_days integer, workspace_count integer, guest_count integer,
                                                   member_seat integer, is_active boolean)
RETURNING id
