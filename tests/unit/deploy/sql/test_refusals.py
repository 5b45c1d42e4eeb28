"""What an engine would not take is refused with what would be right."""

from pathlib import Path

import pytest

from deploy.__main__ import main

ASKED = {"--endpoint": "endpoint", "--columns": "a double", "--returns": "double"}
MYSQL, POSTGRESQL, REDSHIFT, ATHENA = "aurora-mysql", "aurora-postgresql", "redshift", "athena"
LONG = "f" * 65


@pytest.mark.parametrize(
    ("engine", "given", "sentence"),
    [
        # types
        (MYSQL, {"--returns": "date"}, "numbers and varchar only (Q-05), not date"),
        (MYSQL, {"--returns": "text"}, "write --returns 'varchar(255)'"),
        (MYSQL, {"--returns": "char(8)"}, "numbers and varchar only"),
        (MYSQL, {"--returns": "varchar"}, "write varchar(255)"),
        (MYSQL, {"--returns": "json"}, "send varchar(n)"),
        (MYSQL, {"--returns": "boolean"}, "varchar(5) takes the words, smallint 1 and 0"),
        (MYSQL, {"--columns": "a varchar"}, "write varchar(255)"),
        (MYSQL, {"--columns": "a varchar(16384)"}, "varchar(16383) at most"),
        (MYSQL, {"--columns": "a char(256)"}, "write varchar(256)"),
        (MYSQL, {"--columns": "a decimal(66)"}, "decimal(65,30) at most"),
        (MYSQL, {"--columns": "a blob"}, "in base64"),
        (MYSQL, {"--columns": "a bit"}, "send bigint"),
        (MYSQL, {"--columns": "a money"}, "write one of boolean, tinyint"),
        (MYSQL, {"--columns": "a double(3)(4)"}, "none that a model is asked by"),
        (MYSQL, {"--columns": "a varchar(0)"}, "cannot be"),
        (MYSQL, {"--columns": "a decimal(2,3)"}, "cannot be"),
        (MYSQL, {"--columns": "a varchar(2,3)"}, "has a scale"),
        (MYSQL, {"--columns": "a"}, "is not a name and a type"),
        (MYSQL, {"--columns": " "}, "names no column"),
        (MYSQL, {"--returns": ""}, "names no type"),
        (MYSQL, {"--columns": "a double, a double"}, "two columns 'a'"),
        (MYSQL, {"--columns": "r double, R double"}, "cannot tell two arguments 'r' apart"),
        (REDSHIFT, {"--columns": "a varchar(65536)"}, "varchar(65535) at most"),
        (REDSHIFT, {"--columns": "a char(5000)"}, "write varchar(5000)"),
        (REDSHIFT, {"--columns": "a decimal(39)"}, "decimal(38,37) at most"),
        (REDSHIFT, {"--returns": "super"}, "send varchar(n)"),
        (REDSHIFT, {"--returns": "boolean"}, "how Redshift reads true and false is not documented"),
        (ATHENA, {"--returns": "boolean"}, "how Athena reads true and false is not documented"),
        # one answer
        (MYSQL, {"--returns": "a double, b double"}, "Aurora MySQL takes one value a row (Q-05), not a, b"),
        (REDSHIFT, {"--returns": "a double, b double"}, "Redshift takes one value a row"),
        (ATHENA, {"--returns": "a double, b double"}, "Athena takes one value a row"),
        # names
        (MYSQL, {"--function": LONG}, "has 65 characters; Aurora MySQL takes 64"),
        (POSTGRESQL, {"--function": LONG[:64]}, "takes 63"),
        (POSTGRESQL, {"--function": "Predict"}, "write predict"),
        (REDSHIFT, {"--function": "Predict"}, "write predict"),
        (ATHENA, {"--function": "Predict"}, "write predict"),
        (ATHENA, {"--function": "select"}, "call the function predict_select"),
        (ATHENA, {"--function": "shop.predict"}, "lives in its query"),
        (MYSQL, {"--function": "a-b"}, "letters, digits and _"),
        (MYSQL, {"--function": "1st"}, "no digit first"),
        (MYSQL, {"--function": "x`; DROP TABLE y"}, "letters, digits and _"),
        (MYSQL, {"--function": "aws_comprehend_detect_sentiment"}, "is Amazon Comprehend's own"),
        (POSTGRESQL, {"--function": "aws_comprehend.detect_sentiment"}, "is Amazon Comprehend's own"),
        (MYSQL, {"--function": "AWS_COMPREHEND_detect_sentiment_confidence"}, "is Amazon Comprehend's own"),
        (MYSQL, {"--function": "aws_bedrock_x"}, "is Amazon Bedrock's own"),
        (MYSQL, {"--function": "aws_x"}, "begins as AWS's own"),
        (MYSQL, {"--columns": f'"{LONG}" double'}, "1 to 64 characters"),
        (MYSQL, {"--columns": '"a " double'}, "no space last"),
        (MYSQL, {"--columns": '"😀" double'}, "cannot be a name in MySQL"),
        (POSTGRESQL, {"--columns": f'"{"한" * 22}" double'}, "1 to 63 bytes"),
        (REDSHIFT, {"--columns": f'"{"한" * 43}" double'}, "1 to 127 bytes"),
        (MYSQL, {"--endpoint": "a'b"}, "letters, digits and hyphens"),
        (MYSQL, {"--endpoint": "a" * 64}, "up to 63"),
        (MYSQL, {"--endpoint": "a-"}, "letters, digits and hyphens"),
        (MYSQL, {"--endpoint": "a\n"}, "letters, digits and hyphens"),
        (MYSQL, {"--user": "a\\b"}, "holds a backslash"),
        (MYSQL, {"--user": "u" * 33}, "32 characters before the @"),
        (MYSQL, {"--user": "@%"}, "is no user of MySQL"),
        (MYSQL, {"--cluster": "a; rm -rf /"}, "--cluster"),
        (MYSQL, {"--cluster": "a--b"}, "single hyphens"),
        (MYSQL, {"--parameter-group": "Mine"}, "small letters"),
        (MYSQL, {"--role-name": "a b"}, "IAM's are up to 64"),
        (REDSHIFT, {"--target-model": "a'b"}, "without quotes and backslashes"),
        (REDSHIFT, {"--iam-role": "arn:aws:iam::1:role/x"}, "arn:aws:iam::123456789012:role/name"),
        # what an engine does not have
        (MYSQL, {"--target-model": "a.tar.gz"}, "is for redshift only"),
        (MYSQL, {"--iam-role": "arn:aws:iam::123456789012:role/x"}, "is for redshift only"),
        (POSTGRESQL, {"--parameter-group": "mine"}, "is for aurora-mysql only"),
        (ATHENA, {"--user": "app"}, "leave --user out"),
        (ATHENA, {"--max-batch-size": "5"}, "leave --max-batch-size out"),
        (MYSQL, {"--max-batch-size": "0"}, "1 to 2147483647"),
    ],
)
def test_refused(engine: str, given: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [text for pair in (ASKED | given).items() for text in pair]
    assert main(["sql", "--engine", engine, *asked]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert sentence in found.err
    assert found.err.startswith("deploy: ")
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("given", [["--columns", "a double"]])
def test_what_is_not_said(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "--engine", MYSQL, "--endpoint", "endpoint", *given]) == 1
    assert "--returns" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("")
    asked = [text for pair in ASKED.items() for text in pair]
    assert main(["sql", "--engine", MYSQL, *asked, "--output", str(file)]) == 1
    assert "deploy: " in capsys.readouterr().err


@pytest.mark.parametrize(("endpoint", "name"), [("Churn-2026--b", "churn_2026_b"), ("2026-churn", "f_2026_churn")])
def test_the_function_is_named_for_its_endpoint(endpoint: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [text for pair in (ASKED | {"--endpoint": endpoint}).items() for text in pair]
    assert main(["sql", "--engine", MYSQL, *asked]) == 0
    assert f"CREATE FUNCTION `{name}` (" in capsys.readouterr().out
