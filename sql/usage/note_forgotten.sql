-- Event ids may be gone up to $1 less the time that they are kept.
UPDATE saas.settings
   SET usage_ids_kept_since = least($1, now()) - usage_id_retention
 WHERE usage_ids_kept_since < least($1, now()) - usage_id_retention
