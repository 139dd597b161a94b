-- Incident $1 to state $2 with note $3, by $4. What is opened again is neither contained nor resolved any more.
UPDATE saas.incidents
   SET status = $2, status_reason = $3,
       contained_at = CASE $2 WHEN 'contained' THEN now() WHEN 'open' THEN NULL ELSE contained_at END,
       resolved_at = CASE $2 WHEN 'resolved' THEN now() WHEN 'open' THEN NULL ELSE resolved_at END,
       reviewed_at = CASE $2 WHEN 'reviewed' THEN now() END,
       reviewed_by = CASE $2 WHEN 'reviewed' THEN $4 END,
       post_mortem = CASE $2 WHEN 'reviewed' THEN $3 ELSE post_mortem END
 WHERE id = $1
