-- Aurora PostgreSQL: rows go as text/csv without a header (Q-01), NULL as an empty field (Q-03): COALESCE where that
-- is wrong.
CREATE EXTENSION IF NOT EXISTS aws_ml CASCADE;

-- LANGUAGE SQL, PARALLEL SAFE and the cost are what lets rows be sent together.
CREATE OR REPLACE FUNCTION "recommend_score" (
  IN "user_id" bigint,
  IN "product_id" bigint
) RETURNS double precision AS $f0$
  SELECT (aws_sagemaker.invoke_endpoint(
    'sagemaker-mxnet-2020', NULL,
    "user_id", "product_id"
  ))::double precision
$f0$ LANGUAGE SQL PARALLEL SAFE COST 5000;

-- PostgreSQL lets everybody call a new function, and this one costs money.
REVOKE EXECUTE ON FUNCTION "recommend_score"(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "recommend_score"(bigint, bigint) TO "app";
GRANT USAGE ON SCHEMA aws_sagemaker TO "app";
GRANT EXECUTE ON FUNCTION aws_sagemaker.invoke_endpoint TO "app";

-- An example. EXPLAIN ANALYZE says `Batch Processing` where rows are sent together.
SELECT "user_id", "product_id",
  "recommend_score"("user_id", "product_id") AS "answer"
FROM "inputs"
LIMIT 10;
