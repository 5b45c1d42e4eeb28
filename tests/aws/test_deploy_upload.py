"""`deploy upload` as a process, against the API on this machine."""

import argparse
import signal
from pathlib import Path

import pytest

from deploy.context import Context
from deploy.errors import DeployError
from deploy.uploads import fetch
from tests.deploying import Deploying
from tests.faulty import Fault, faulty
from tests.localaws import LocalAws


def test_a_folder_is_uploaded_as_it_lies_and_once(deploying: Deploying) -> None:
    run = deploying.run("upload", "data")
    uri = run.stdout.strip()
    assert uri == f"s3://tiffin-{deploying.project}-123456789012-us-east-1/tiffin/{deploying.project}/data/data/"
    assert deploying.objects(uri) == {"a.csv": b"1,2\n", "deep/b.csv": b"3,4\n"}
    assert ("objects", uri) in deploying.made
    assert "0 uploaded, 2 there already" in deploying.run("upload", "data").said
    (deploying.folder / "data" / "a.csv").write_text("9,9\n")  # as long as before
    assert "1 uploaded, 1 there already" in deploying.run("upload", "data").said
    assert deploying.objects(uri)["a.csv"] == b"9,9\n"
    (deploying.folder / "data" / "a.csv").unlink()
    assert "also there, and not in data: a.csv" in deploying.run("upload", "data").said


def test_a_large_file_goes_in_parts(deploying: Deploying) -> None:
    (deploying.folder / "large.bin").write_bytes(bytes(33 * 1024 * 1024))
    uri = deploying.run("upload", "large.bin", "--to", "big/one").stdout.strip()
    assert uri.endswith(f"/tiffin/{deploying.project}/data/big/one/large.bin")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    found = deploying.client("s3").head_object(Bucket=bucket, Key=key)
    assert (found["ContentLength"], found["ETag"][-3:]) == (33 * 1024 * 1024, '-3"')
    assert "0 uploaded, 1 there already" in deploying.run("upload", "large.bin", "--to", "big/one").said


def test_what_cannot_be_uploaded_is_refused_before_anything_is_made(deploying: Deploying) -> None:
    (deploying.folder / "empty" / "inner").mkdir(parents=True)
    (deploying.folder / "broken").mkdir()
    (deploying.folder / "broken" / "link").symlink_to("nowhere")
    (deploying.folder / "round").mkdir()
    (deploying.folder / "round" / "again").symlink_to("../round")
    for arguments, words in {
        ("nothing",): "there is no file or folder nothing",
        ("empty",): "empty has no file in it",
        ("broken",): "broken/link is neither a file nor a link to one",
        ("round",): "round/again is a link to round, which is there already",
        ("data", "--to", "../x"): "'../x' is no name for data",
    }.items():
        assert words in deploying.run("upload", *arguments, code=1).said
    assert deploying.made == []


def test_a_dry_run_of_an_upload_says_the_calls_and_makes_none(deploying: Deploying) -> None:
    calls = deploying.run("upload", "data", "--dry-run").calls
    assert [call["operation"] for call in calls].count("CreateBucket") == 1
    assert [
        call["parameters"]["Key"].partition("/data/data/")[2] for call in calls if call["operation"] == "PutObject"
    ] == [
        "a.csv",
        "deep/b.csv",
    ]
    assert deploying.ledger == []
    assert deploying.project not in str(deploying.client("s3").list_buckets()["Buckets"])


def test_a_bucket_has_to_be_there_and_in_the_region_of_the_jobs(deploying: Deploying) -> None:
    where = {"LocationConstraint": "eu-west-1"}
    deploying.client("s3").create_bucket(Bucket=f"{deploying.project}-far", CreateBucketConfiguration=where)
    said = deploying.run("upload", "data", "--bucket", f"{deploying.project}-far", code=1).said
    assert f"the bucket {deploying.project}-far is in eu-west-1, and the jobs are in us-east-1" in said
    assert "there is no bucket none-of-ours" in deploying.run("upload", "data", "--bucket", "none-of-ours", code=1).said


def test_a_bucket_that_is_forbidden_is_said_with_what_is_missing(deploying: Deploying) -> None:
    deploying.client("s3").create_bucket(Bucket=f"{deploying.project}-own")
    text = "User: me is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::x"
    with faulty(deploying.aws.port, Fault("PUT a.csv", 403, "AccessDenied", text)) as faults:
        deploying.endpoint = faults.url
        said = deploying.run("upload", "data", "--bucket", f"{deploying.project}-own", code=1).said
        assert "your user or role lacks s3:PutObject on arn:aws:s3:::x" in said
        faults.rules[:] = [Fault(f"HEAD {deploying.project}-own", 403, "403")]
        said = deploying.run("upload", "data", "--bucket", f"{deploying.project}-own", code=1).said
        assert "HeadBucket" in said
        assert "may not do that" in said


def test_a_link_to_a_folder_is_followed(deploying: Deploying) -> None:
    (deploying.folder / "linked").mkdir()
    (deploying.folder / "linked" / "more").symlink_to("../data")
    uri = deploying.run("upload", "linked").stdout.strip()
    assert set(deploying.objects(uri)) == {"more/a.csv", "more/deep/b.csv"}


def test_an_upload_that_is_cut_off_leaves_no_parts(deploying: Deploying) -> None:
    """They would be billed, and seen by nobody."""
    (deploying.folder / "large.bin").write_bytes(bytes(33 * 1024 * 1024))
    bucket = f"{deploying.project}-parts"
    deploying.client("s3").create_bucket(Bucket=bucket)
    arguments = ("upload", "large.bin", "--bucket", bucket)
    rule = Fault("PUT large.bin", 403, "AccessDenied", "no")
    with faulty(deploying.aws.port, rule) as faults:
        deploying.endpoint = faults.url
        assert "UploadPart: AccessDenied" in deploying.run(*arguments, code=1).said
        assert deploying.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
        faults.rules[:] = [Fault("PUT large.bin", 503, "SlowDown", "Please reduce your request rate.")]
        with deploying.start(*arguments) as run:
            deploying.wait(lambda: faults.rules[0].met, "part")
            run.process.send_signal(signal.SIGINT)
            assert run.end() == 130
    assert "deploy destroy" in run.said
    assert deploying.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_bucket_whose_name_would_be_too_long_is_refused(deploying: Deploying) -> None:
    arguments = ("--project", "p" * 32, "--region", "ap-southeast-1")
    assert "longer than S3's 63 characters" in deploying.run("upload", "data", *arguments, code=1).said


def test_nothing_is_fetched_to_outside_of_the_folder(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="fetched")
    for key in ("in/good", "in/../evil", "in/folder/"):
        s3.put_object(Bucket="fetched", Key=key, Body=b"x")
    context = Context(argparse.Namespace(config=None))
    with pytest.raises(DeployError, match=r"s3://fetched/in/\.\./evil would be written outside"):
        fetch(context, "s3://fetched/in/", tmp_path / "out")
    assert not (tmp_path / "evil").exists()
    s3.delete_object(Bucket="fetched", Key="in/../evil")
    assert fetch(context, "s3://fetched/in/", tmp_path / "out") == [tmp_path / "out" / "good"]
