-- Aurora PostgreSQL: rows go as text/csv without a header (Q-01), NULL as an empty field (Q-03): COALESCE where that
-- is wrong.
CREATE EXTENSION IF NOT EXISTS aws_ml CASCADE;

CREATE TYPE "shop"."colour_answer" AS (
  "label" varchar,
  "probability" double precision
);

-- LANGUAGE SQL, PARALLEL SAFE and the cost are what lets rows be sent together.
CREATE OR REPLACE FUNCTION "shop"."colour" (
  IN "R" double precision,
  IN "is new" boolean,
  IN "note" text
) RETURNS "shop"."colour_answer" AS $f0$
  SELECT (aws_sagemaker.invoke_endpoint(
    'colours', 500,
    "R", "is new"::text, "note"
  ))::"shop"."colour_answer"
$f0$ LANGUAGE SQL PARALLEL SAFE COST 5000;

-- PostgreSQL lets everybody call a new function, and this one costs money.
REVOKE EXECUTE ON FUNCTION "shop"."colour"(double precision, boolean, text) FROM PUBLIC;
-- Who may: GRANT EXECUTE on it and on aws_sagemaker.invoke_endpoint, USAGE on the schema aws_sagemaker.

-- An example. EXPLAIN ANALYZE says `Batch Processing` where rows are sent together.
SELECT "R", "is new", "note",
  ("shop"."colour"("R", "is new", "note")).*
FROM "inputs"
LIMIT 10;
