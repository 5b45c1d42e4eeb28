-- The statements of the hands-on, as its page has them; its tables of users and products are given.

GRANT INVOKE SAGEMAKER ON *.* TO 'user1'@'%' WITH GRANT OPTION;

CREATE FUNCTION recommend_score (
       user_id BIGINT(20),
       product_id BIGINT(20))
RETURNS double
       alias aws_sagemaker_invoke_endpoint
       endpoint name 'sagemaker-mxnet-2020-04-03-05-29-52-786';

CREATE TABLE input (
    user_id varchar(20) PRIMARY KEY,
    product_id varchar(20)
);

INSERT INTO input
VALUES (512505687,44600062);


SELECT *, recommend_score(user_id,product_id) recommend_score FROM input;

CREATE TABLE IF NOT EXISTS inputs
    SELECT U.user_id, P.product_id
    FROM users AS U
    CROSS JOIN products AS P limit 100000;

CREATE TABLE IF NOT EXISTS predict
    SELECT *, recommend_score(user_id,product_id) recommend_score FROM inputs;

SELECT * FROM predict limit 10;
