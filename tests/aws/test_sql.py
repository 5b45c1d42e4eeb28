"""The hands-on from its first statement to its last: the recommender and the colour model are trained and deployed by
boto3 on `local_test up`, and asked by the `mysql` command."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import localsql
from tests.awshosting import Hosting
from tests.awsjobs import Jobs
from tests.localaws import ROLE, LocalAws
from tests.localsql import LocalSql
from tests.server import ROOT

HANDSON = ROOT / "tests" / "cases" / "sql" / "handson.sql"
RECOMMENDER, COLOURS = "sagemaker-mxnet-2020-04-03-05-29-52-786", "sql-colours"
USERS, PRODUCTS = 500, 300
FUNCTION = "ALIAS AWS_SAGEMAKER_INVOKE_ENDPOINT ENDPOINT NAME"


def deployed(aws: LocalAws, endpoint: str, plug: Path, data: Path, hyperparameters: dict[str, str]) -> None:
    """A training job on a file, its artifact as a model, an endpoint in service."""
    jobs = Jobs(aws, str(plug))
    where = jobs.put(**{data.name: data.read_bytes()})
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": where, "S3DataDistributionType": "FullyReplicated"}}
    channel = {"ChannelName": "train", "DataSource": source}
    job = jobs.ended(jobs.start("train", [channel], HyperParameters=hyperparameters))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = {"Image": str(plug), "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    hosting = Hosting(aws)
    hosting.sagemaker.create_model(ModelName=endpoint, ExecutionRoleArn=ROLE, PrimaryContainer=model)
    config = hosting.config(hosting.variant(endpoint))
    hosting.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    found = hosting.settled(endpoint)
    assert found["EndpointStatus"] == "InService", found.get("FailureReason")


@pytest.fixture(scope="module")
def sql(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSql]:
    example = ROOT / "examples" / "recommender"
    deployed(aws, RECOMMENDER, example, example / "data" / "purchases.csv", {})
    deployed(aws, COLOURS, ROOT / "model", ROOT / "model" / "data" / "colours.csv", {"algorithm": "tree"})
    data = tmp_path_factory.mktemp("sql") / "data"
    with localsql.session(data, environment={"AWS_ENDPOINT_URL": aws.variables["AWS_ENDPOINT_URL"]}) as found:
        for kind, count, first in (("user", USERS, 512505687), ("product", PRODUCTS, 44600062)):
            found.rows(f"CREATE TABLE {kind}s ({kind}_id varchar(20))")
            values = ", ".join(f"('{first + i}')" for i in range(count))
            found.rows(f"INSERT INTO {kind}s VALUES {values}")
        yield found


def asked(aws: LocalAws, rows: list[tuple[str, str]]) -> list[float]:
    """What SageMaker Runtime answers to the same."""
    body = "".join(f"{user},{product}\n" for user, product in rows).encode()
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=RECOMMENDER, Body=body, ContentType="text/csv"
    )
    return [float(line) for line in answer["Body"].read().split()]


def test_Q01_the_hands_on(aws: LocalAws, sql: LocalSql) -> None:
    done = sql.mysql("CREATE USER 'user1'@'%' IDENTIFIED BY 'a password';\n" + HANDSON.read_text(), "-t", "-vv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Query OK, 100000 rows affected") == 2
    [known] = asked(aws, [("512505687", "44600062")])
    assert [(user, product, float(score)) for user, product, score in sql.rows(
        "SELECT *, recommend_score(user_id,product_id) recommend_score FROM input"
    )] == [("512505687", "44600062", known)]  # fmt: skip
    rows = sql.rows("SELECT * FROM predict")
    assert len(rows) == 100_000
    sample = rows[:: 100_000 // 97]
    assert [row[2] for row in sample] == asked(aws, [row[:2] for row in sample])
    assert len({row[2] for row in rows}) > 1
    status = dict(sql.rows("SHOW STATUS LIKE 'Aurora_ml%'"))
    assert (status["Aurora_ml_logical_request_cnt"], status["Aurora_ml_actual_request_cnt"]) == ("100002", "12")


def test_Q05_a_label_is_a_varchar(sql: LocalSql) -> None:
    sql.rows(f"CREATE FUNCTION colour (r INT, g INT, b INT) RETURNS VARCHAR(10) CHARSET utf8mb4 {FUNCTION} '{COLOURS}'")
    sql.rows("CREATE TABLE colours (r varchar(3), g varchar(3), b varchar(3))")
    sql.rows("INSERT INTO colours VALUES ('255','0','0'), ('0','0','0'), ('250','250','250')")
    assert sql.rows("SELECT colour(r, g, b) FROM colours") == [("red",), ("black",), ("white",)]
    assert sql.rows("SELECT r FROM colours WHERE colour(r, g, b) = 'black'") == [("0",)]
    with closing(sql.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET @c = colour(0, 0, 255)")
        cursor.execute("SELECT @c, DATE_FORMAT('2020-04-03', '%Y/%m')")
        assert cursor.fetchall() == (("blue", "2020/04"),)


def test_an_endpoint_that_is_not_there_and_one_that_refuses(sql: LocalSql) -> None:
    sql.rows(f"CREATE FUNCTION nobody (a INT) RETURNS double {FUNCTION} 'no-such-endpoint'")
    sql.rows(f"CREATE FUNCTION colour_of_text (a VARCHAR(9)) RETURNS VARCHAR(10) {FUNCTION} '{COLOURS}'")
    for call, sentence in (
        ("nobody(1)", "Endpoint 'no-such-endpoint' answered 400: "),
        ("colour_of_text('x')", f"Endpoint '{COLOURS}' answered 424: "),
    ):
        shown = sql.mysql(f"SELECT {call}").stderr
        assert f"ERROR 1105 (HY000) at line 1: {sentence}" in shown
    assert "Endpoint no-such-endpoint of account" in sql.mysql("SELECT nobody(1)").stderr


def test_the_address_is_that_of_up_where_none_is_given(aws: LocalAws, tmp_path: Path) -> None:
    with localsql.session(tmp_path / "data", "--state", str(aws.state)) as found:
        assert f"endpoints are called at http://127.0.0.1:{aws.port}" in found.log
