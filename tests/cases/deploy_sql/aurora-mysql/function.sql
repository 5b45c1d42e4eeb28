-- Aurora MySQL: rows go as text/csv without a header, one value a row comes back (Q-01).
-- No body and no READS SQL DATA. binlog_format=STATEMENT refuses it. DROP FUNCTION comes before another definition.
CREATE FUNCTION `recommend_score` (
  `user_id` BIGINT,
  `product_id` BIGINT
)
RETURNS DOUBLE
ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT
ENDPOINT NAME 'sagemaker-mxnet-2020';

GRANT AWS_SAGEMAKER_ACCESS TO 'app'@'%';
GRANT EXECUTE ON FUNCTION `recommend_score` TO 'app'@'%';
-- for all sessions of that user, with all its roles: SET DEFAULT ROLE ALL TO 'app'@'%'
GRANT AWS_SAGEMAKER_ACCESS TO 'job'@'10.0.%';
GRANT EXECUTE ON FUNCTION `recommend_score` TO 'job'@'10.0.%';
-- for all sessions of that user, with all its roles: SET DEFAULT ROLE ALL TO 'job'@'10.0.%'
-- A role is granted, and then has to be active in the session that calls the function:
SET ROLE ALL;

-- An example. EXPLAIN says `Batched machine learning` where rows are sent together, 10000 at
-- most. With LIMIT too a whole batch may be sent.
SELECT `user_id`, `product_id`,
  `recommend_score`(`user_id`, `product_id`) AS `answer`
FROM `inputs`
LIMIT 10;
