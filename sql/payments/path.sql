-- The states from $2 to $3, by one legal move or two; no row if there is no way.
SELECT path
  FROM (
    SELECT ARRAY[t.to_state] AS path
      FROM saas.state_transitions t
     WHERE t.entity = $1 AND t.from_state = $2 AND t.to_state = $3
    UNION ALL
    SELECT ARRAY[t.to_state, u.to_state]
      FROM saas.state_transitions t
      JOIN saas.state_transitions u ON u.entity = t.entity AND u.from_state = t.to_state
     WHERE t.entity = $1 AND t.from_state = $2 AND u.to_state = $3
  ) AS paths
 ORDER BY cardinality(path), path
 LIMIT 1
