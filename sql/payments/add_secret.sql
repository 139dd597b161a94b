-- Secret $2 of provider $1, or again the one that is there. $3 is of the others.
INSERT INTO saas.webhook_secrets (provider, secret)
SELECT $1, $2 WHERE $3 IS NOT NULL
ON CONFLICT (provider, secret) DO UPDATE SET retires_at = NULL WHERE webhook_secrets.retires_at IS NOT NULL
