-- Athena: rows go as text/csv without a header, one value a row comes back (Q-01, Q-05). No GROUP BY by the function
-- itself: put this query into a WITH. Who runs it needs sagemaker:InvokeEndpoint on the endpoint (Q-09).
USING EXTERNAL FUNCTION recommend_score(user_id bigint, product_id bigint)
RETURNS double
SAGEMAKER 'sagemaker-mxnet-2020'
SELECT "user_id", "product_id",
  recommend_score("user_id", "product_id") AS "answer"
FROM "sales"."baskets"
LIMIT 10;
