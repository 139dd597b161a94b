-- Why the people of tenant $1 have no room in plan $2 with $3 seats; NULL if they have. Open invitations take no room before they
-- are accepted.
SELECT CASE
         WHEN room.seats >= 0 AND people.members > room.seats THEN
           format('the tenant has %s members and would have %s seats', people.members, room.seats)
         WHEN p.guest_count >= 0 AND people.guests > p.guest_count THEN
           format('the tenant has %s guests and would have room for %s', people.guests, p.guest_count)
       END
  FROM saas.plans p
 CROSS JOIN LATERAL (
   SELECT CASE p.member_seat WHEN -1 THEN greatest($3, p.included_seats)
                             ELSE least(greatest($3, p.included_seats), p.member_seat) END AS seats
 ) room
 CROSS JOIN LATERAL (
   SELECT count(*) FILTER (WHERE m.member_type = 'member') AS members, count(*) FILTER (WHERE m.member_type = 'guest') AS guests
     FROM saas.tenant_members m WHERE m.tenant_id = $1
 ) people
 WHERE p.id = $2
