-- The secrets of provider $1, but for $2, are believed for $3 longer, and none that is about to go for longer than it was.
UPDATE saas.webhook_secrets SET retires_at = least(retires_at, now() + greatest($3, interval '0'))
 WHERE provider = $1 AND secret <> $2
