-- Athena: rows go as text/csv without a header, one value a row comes back (Q-01, Q-05). No GROUP BY by the function
-- itself: put this query into a WITH. Who runs it needs sagemaker:InvokeEndpoint on the endpoint (Q-09).
-- A boolean goes as 1 or 0: how Athena writes one is not documented.
USING EXTERNAL FUNCTION colours(c1 double, c2 integer, c3 varchar)
RETURNS varchar
SAGEMAKER 'colours'
SELECT "annual income", "is_new", "note",
  colours("annual income", CAST("is_new" AS integer), "note") AS "answer"
FROM "inputs"
LIMIT 10;
