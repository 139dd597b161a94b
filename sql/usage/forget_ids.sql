-- A day's grace: for what transactions that began before the note still accept.
DELETE FROM saas.usage_event_keys k
 USING saas.settings s
 WHERE k.recorded_at < s.usage_ids_kept_since - interval '1 day'
   AND k.occurred_at < s.usage_ids_kept_since - interval '1 day'
