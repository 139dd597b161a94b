-- What of plan $1 may change under its subscribers: $2, a JSON object as saas.define_plan makes it.
UPDATE saas.plans p
   SET name = l.name, trial_days = l.trial_days, workspace_count = l.workspace_count, guest_count = l.guest_count,
       member_seat = l.member_seat, is_active = l.is_active
  FROM jsonb_to_record($2::text::jsonb) AS l (name text, trial_days integer, workspace_count integer, guest_count integer,
                                              member_seat integer, is_active boolean)
 WHERE p.id = $1
   AND (p.name, p.trial_days, p.workspace_count, p.guest_count, p.member_seat, p.is_active)
    <> (l.name, l.trial_days, l.workspace_count, l.guest_count, l.member_seat, l.is_active)
