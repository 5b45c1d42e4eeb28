-- Redshift: rows go as text/csv without a header, one value a row comes back (Q-01, Q-05). NULL goes as an empty field
-- (Q-03). Without MAX_BATCH_ROWS a request may have all rows of a slice, and be more than an endpoint takes (H-10).
CREATE MODEL "shop"."colour_model"
FUNCTION "shop"."colour" (DOUBLE PRECISION, INTEGER, VARCHAR(256))
RETURNS VARCHAR(16)
SAGEMAKER 'colours':'shop/a.tar.gz'
IAM_ROLE 'arn:aws:iam::123456789012:role/reader'
SETTINGS (MAX_BATCH_ROWS 500);

-- Who may call it: GRANT EXECUTE ON MODEL "shop"."colour_model" TO a user.

-- An example. SHOW MODEL "shop"."colour_model" says READY first.
-- A boolean goes as 1 or 0: how Redshift writes one is not documented.
SELECT "r", "is_new", "note",
  "shop"."colour"("r", CAST("is_new" AS INTEGER), "note") AS "answer"
FROM "inputs"
LIMIT 10;
