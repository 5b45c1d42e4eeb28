-- Aurora MySQL: rows go as text/csv without a header, one value a row comes back (Q-01).
-- No body and no READS SQL DATA. binlog_format=STATEMENT refuses it. DROP FUNCTION comes before another definition.
CREATE FUNCTION `shop`.`colour` (
  `R` DOUBLE,
  `G` DOUBLE,
  `B` DOUBLE
)
RETURNS VARCHAR(16) CHARSET utf8mb4
ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT
ENDPOINT NAME 'colours'
MAX_BATCH_SIZE 500;

GRANT INVOKE SAGEMAKER ON *.* TO 'app'@'%';
GRANT EXECUTE ON FUNCTION `shop`.`colour` TO 'app'@'%';

-- An example. EXPLAIN says `Batched machine learning` where rows are sent together, 500 at
-- most. With LIMIT too a whole batch may be sent.
SELECT `R`, `G`, `B`,
  `shop`.`colour`(`R`, `G`, `B`) AS `answer`
FROM `shop`.`paints`
LIMIT 10;
