-- Redshift: rows go as text/csv without a header, one value a row comes back (Q-01, Q-05). NULL goes as an empty field
-- (Q-03). Without MAX_BATCH_ROWS a request may have all rows of a slice, and be more than an endpoint takes (H-10).
CREATE MODEL "recommend_score_model"
FUNCTION "recommend_score" (BIGINT, BIGINT)
RETURNS DOUBLE PRECISION
SAGEMAKER 'sagemaker-mxnet-2020'
IAM_ROLE default
SETTINGS (MAX_BATCH_ROWS 10000);

GRANT EXECUTE ON MODEL "recommend_score_model" TO "app";
GRANT EXECUTE ON MODEL "recommend_score_model" TO "nightly";

-- An example. SHOW MODEL "recommend_score_model" says READY first.
SELECT "user_id", "product_id",
  "recommend_score"("user_id", "product_id") AS "answer"
FROM "inputs"
LIMIT 10;
