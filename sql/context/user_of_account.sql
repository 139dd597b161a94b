-- The user whom an issuer ($1) knows under a subject ($2).
SELECT u.id
  FROM saas.accounts a
  JOIN saas.users u ON u.id = a.user_id AND u.deleted_at IS NULL
 WHERE a.provider_id = $1 AND a.account_id = $2
