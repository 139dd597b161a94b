-- Whether incident $1 is about user $2: emergency access that he opened, or an event that is about him.
SELECT EXISTS (SELECT FROM saas.incidents i JOIN saas.break_glass_events b ON b.id = i.break_glass_event_id
                WHERE i.id = $1 AND b.user_id = $2)
    OR EXISTS (SELECT FROM saas.security_events e WHERE e.incident_id = $1 AND e.user_id = $2)
