"""The API's shell: what is answered without any container, and what a restart, a taken port and a kill leave."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws import ROLE, LocalAws, command, start, up
from tests.server import PATIENCE

SERVICES = [
    ("sagemaker", "list_models", {}),
    ("s3", "list_buckets", {}),
    ("ecr", "describe_repositories", {}),
    ("iam", "list_roles", {}),
    ("sts", "get_caller_identity", {}),
    ("cloudwatch", "describe_alarms", {}),
    ("logs", "describe_log_groups", {}),
    ("events", "list_rules", {}),
    ("lambda", "list_functions", {}),
    ("rds", "describe_db_cluster_parameter_groups", {}),
    ("cloudformation", "list_stacks", {}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}),
]
LACKING = [
    ("sagemaker", "list_workteams", {}, "ListWorkteams"),  # JSON
    ("rds", "start_activity_stream", {"ResourceArn": "a", "Mode": "sync", "KmsKeyId": "k"}, "StartActivityStream"),
    ("lambda", "get_account_settings", {}, "GET /2016-08-19/account-settings"),  # REST and JSON
    ("sagemaker-featurestore-runtime", "get_record", {"FeatureGroupName": "f", "RecordIdentifierValueAsString": "1"},
     "GET /FeatureGroup/f"),
    ("chime", "list_accounts", {}, "GET /accounts"),  # a service that moto does not have
    # what moto takes and nothing comes of
    ("events", "put_rule", {"Name": "hourly", "ScheduleExpression": "rate(1 hour)"}, "PutRule"),
    ("events", "put_targets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:lambda:us-east-1:1:function:f"}]},
     "PutTargets: targets of lambda"),
    ("cloudwatch", "get_metric_data", {"StartTime": 0, "EndTime": 60, "MetricDataQueries": [
        {"Id": "rate", "Expression": "100 * errors"}]}, "the expression 100 * errors"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "arguments"), SERVICES, ids=[service for service, *_ in SERVICES])
def test_service_answers(aws: LocalAws, service: str, operation: str, arguments: dict[str, str]) -> None:
    answer = getattr(aws.client(service), operation)(**arguments)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(("service", "operation", "arguments", "named"), LACKING, ids=[row[3] for row in LACKING])
def test_what_is_lacking_is_501_with_its_name(
    aws: LocalAws, service: str, operation: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError) as raised:
        getattr(aws.client(service), operation)(**arguments)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert raised.value.response["Error"]["Code"] == "NotImplemented"
    assert named in raised.value.response["Error"]["Message"]


def test_objects_keep_bytes_type_metadata_and_tags(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="objects")
    body = bytes(range(256)) * 50_000
    s3.put_object(
        Bucket="objects", Key="a/b c+ü", Body=body, ContentType="text/x", Metadata={"x_y": "1"}, Tagging="t=v"
    )
    got = s3.get_object(Bucket="objects", Key="a/b c+ü")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (body, "text/x", {"x_y": "1"})
    assert s3.get_object(Bucket="objects", Key="a/b c+ü", Range="bytes=250-259")["Body"].read() == body[250:260]
    assert s3.get_object_tagging(Bucket="objects", Key="a/b c+ü")["TagSet"] == [{"Key": "t", "Value": "v"}]


def test_describe_leaves_empty_structures_out(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="bare", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image"})
    assert "VpcConfig" not in sagemaker.describe_model(ModelName="bare")


@pytest.mark.parametrize("instance_type", ["ml.m6i.large", "ml.c6i.xlarge", "ml.g5.2xlarge"])
def test_newer_instance_types_pass(aws: LocalAws, instance_type: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(
        ModelName=f"new-{instance_type[3:5]}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"}
    )
    variant = {"VariantName": "v", "ModelName": f"new-{instance_type[3:5]}", "InstanceType": instance_type}
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"new-{instance_type[3:5]}", ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )


def test_roles_may_do_all_when_asked(aws: LocalAws) -> None:
    iam = aws.client("iam")
    role = iam.create_role(RoleName="asked", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:GetObject", "sts:AssumeRole"])
    assert [(found["EvalActionName"], found["EvalDecision"]) for found in answer["EvaluationResults"]] == [
        ("s3:GetObject", "allowed"),
        ("sts:AssumeRole", "allowed"),
    ]


def test_a_database_may_call_endpoints_and_no_more(aws: LocalAws) -> None:
    rds = aws.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="sql", Engine="aurora-mysql", MasterUsername="u", MasterUserPassword="password1"
    )
    role = {"DBClusterIdentifier": "sql", "RoleArn": ROLE, "FeatureName": "SageMaker"}
    rds.add_role_to_db_cluster(**role)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="sql")["DBClusters"]
    assert [known["RoleArn"] for known in cluster["AssociatedRoles"]] == [ROLE]
    rds.remove_role_from_db_cluster(**role)
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="sql")["DBClusters"]
    assert cluster["AssociatedRoles"] == []
    with pytest.raises(rds.exceptions.DBClusterRoleNotFoundFault):
        rds.remove_role_from_db_cluster(**role)


def test_a_restart_knows_what_was_accepted(state: Path) -> None:
    with up(state, "--no-docker") as api:
        s3, iam = api.client("s3"), api.client("iam")
        s3.create_bucket(Bucket="kept")
        for name, body in (("small", b"1"), ("gone", b"2"), ("big", b"x" * 9_000_000), ("over", b"old")):
            s3.put_object(Bucket="kept", Key=name, Body=body, Metadata={"m": name}, Tagging="t=v")
        s3.put_object(Bucket="kept", Key="over", Body=b"new")
        s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "gone"}]})
        s3.copy_object(Bucket="kept", Key="copied", CopySource="kept/small")
        etag = s3.head_object(Bucket="kept", Key="big")["ETag"]
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
        api.client("sagemaker").create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
        with pytest.raises(ClientError):
            api.client("sagemaker").delete_model(ModelName="never-there")
        model = api.client("sagemaker").describe_model(ModelName="m")
        bucket = s3.list_buckets()["Buckets"][0]
        assert api.stop() == 0
    with up(state, "--no-docker") as api:
        s3 = api.client("s3")
        assert s3.list_buckets()["Buckets"] == [bucket]
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="kept")["Contents"]] == [
            "big",
            "copied",
            "over",
            "small",
        ]
        assert s3.get_object(Bucket="kept", Key="over")["Body"].read() == b"new"
        assert s3.get_object(Bucket="kept", Key="copied")["Metadata"] == {"m": "small"}
        assert s3.get_object_tagging(Bucket="kept", Key="small")["TagSet"] == [{"Key": "t", "Value": "v"}]
        assert s3.head_object(Bucket="kept", Key="big")["ETag"] == etag
        again = api.client("iam").get_role(RoleName="r")["Role"]
        assert (again["RoleId"], again["CreateDate"]) == (role["RoleId"], role["CreateDate"])
        assert api.client("sagemaker").describe_model(ModelName="m") | {"ResponseMetadata": 0} == model | {
            "ResponseMetadata": 0
        }
        assert "warning" not in api.log


def _versions(s3: Any) -> list[tuple[Any, ...]]:
    found = s3.list_object_versions(Bucket="versioned")
    return [
        (each["Key"], each["VersionId"], each["IsLatest"], each["LastModified"], each.get("Size"))
        for each in found["Versions"] + found["DeleteMarkers"]
    ]


def test_older_versions_and_delete_markers_outlast_a_kill(state: Path) -> None:
    with up(state, "--no-docker") as api:
        s3 = api.client("s3")
        s3.create_bucket(Bucket="versioned")
        s3.put_object(Bucket="versioned", Key="before", Body=b"null")
        s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="versioned", Key="before", Body=b"2")
        put = [s3.put_object(Bucket="versioned", Key="k", Body=body)["VersionId"] for body in (b"1", b"22", b"333")]
        s3.put_object_tagging(
            Bucket="versioned", Key="k", VersionId=put[0], Tagging={"TagSet": [{"Key": "t", "Value": "v"}]}
        )
        s3.delete_object(Bucket="versioned", Key="k", VersionId=put[1])
        s3.put_object(Bucket="versioned", Key="gone", Body=b"x")
        s3.delete_object(Bucket="versioned", Key="gone")
        s3.put_object(Bucket="versioned", Key="back", Body=b"y")
        marker = s3.delete_object(Bucket="versioned", Key="back")["VersionId"]
        s3.delete_object(Bucket="versioned", Key="back", VersionId=marker)
        before = _versions(s3)
        api.process.kill()
        api.process.wait(PATIENCE)
    with up(state, "--no-docker") as api:
        s3 = api.client("s3")
        assert _versions(s3) == before
        assert len(list((state / "objects").glob("*/*/*.blob"))) == 6  # the bytes of what is deleted are gone
        for key, version, body in (("k", put[0], b"1"), ("k", None, b"333"), ("before", "null", b"null")):
            which = {"VersionId": version} if version else {}
            assert s3.get_object(Bucket="versioned", Key=key, **which)["Body"].read() == body
        assert s3.get_object(Bucket="versioned", Key="back")["Body"].read() == b"y"
        tags = s3.get_object_tagging(Bucket="versioned", Key="k", VersionId=put[0])
        assert tags["TagSet"] == [{"Key": "t", "Value": "v"}]
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="versioned", Key="gone")
        assert s3.put_object(Bucket="versioned", Key="k", Body=b"4")["VersionId"] not in put
        assert "warning" not in api.log


def test_logs_outlast_a_restart_and_a_delete_too(state: Path) -> None:
    with up(state, "--no-docker") as api:
        logs = api.client("logs")
        for group in ("kept", "gone", "anew"):
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="s/1")
            events = [{"timestamp": int(time.time() * 1000), "message": text} for text in ("one\ntwo", "drei ü")]
            logs.put_log_events(logGroupName=group, logStreamName="s/1", logEvents=events)
        for group in ("gone", "anew"):
            logs.delete_log_group(logGroupName=group)
        logs.create_log_group(logGroupName="anew")
        logs.create_log_stream(logGroupName="anew", logStreamName="s/1")
        logs.put_log_events(logGroupName="anew", logStreamName="s/1", logEvents=events[:1])
        api.process.kill()
        api.process.wait(PATIENCE)
    with up(state, "--no-docker") as api:
        logs = api.client("logs")
        assert sorted(group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]) == ["anew", "kept"]
        for group, wanted in (("kept", ["one\ntwo", "drei ü"]), ("anew", ["one\ntwo"])):
            found = logs.get_log_events(logGroupName=group, logStreamName="s/1", startFromHead=True)["events"]
            assert [event["message"] for event in found] == wanted
        assert logs.describe_log_streams(logGroupName="kept")["logStreams"][0]["lastEventTimestamp"]
        assert "warning" not in api.log


def test_a_kill_and_a_torn_journal_lose_no_accepted_call(state: Path) -> None:
    with up(state, "--no-docker") as api:
        api.client("s3").create_bucket(Bucket="first")
        api.client("s3").put_object(Bucket="first", Key="k", Body=b"v")
        api.process.kill()
        api.process.wait(PATIENCE)
    with (state / "journal.jsonl").open("ab") as journal:
        journal.write(b'garbage\n{"call":"PUT","target":"/half')
    with up(state, "--no-docker") as api:
        assert api.client("s3").get_object(Bucket="first", Key="k")["Body"].read() == b"v"
        assert "2 lines of the journal could not be read" in api.log
        api.client("s3").create_bucket(Bucket="second")
        assert api.stop() == 0
    with up(state, "--no-docker") as api:
        names = [bucket["Name"] for bucket in api.client("s3").list_buckets()["Buckets"]]
        assert names == ["first", "second"]
        assert "warning" not in api.log


@pytest.mark.parametrize(
    ("service", "operation"), [("sagemaker", "list_models"), ("sts", "get_caller_identity"), ("s3", "list_buckets")]
)
def test_a_region_that_is_none_is_refused_as_its_signature_is(aws: LocalAws, service: str, operation: str) -> None:
    with pytest.raises(ClientError, match="scoped to a valid region, not 'us-est-1'") as refused:
        getattr(aws.client(service, "us-est-1"), operation)()
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_a_full_disk_is_said_and_what_was_there_stays(state: Path) -> None:
    with up(state, "--no-docker", file_size=1_000_000) as api:
        s3 = api.client("s3")
        s3.create_bucket(Bucket="full")
        s3.put_object(Bucket="full", Key="small", Body=b"1")
        with pytest.raises(ClientError) as raised:
            s3.put_object(Bucket="full", Key="large", Body=b"x" * 2_000_000)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert "the state folder cannot be written: File too large" in raised.value.response["Error"]["Message"]
        s3.put_object(Bucket="full", Key="after", Body=b"2")
        assert api.stop() == 0
    with up(state, "--no-docker") as api:
        s3 = api.client("s3")
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="full")["Contents"]] == ["after", "small"]
        assert "warning" not in api.log


def test_a_page_in_a_browser_reads_nothing(aws: LocalAws) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=PATIENCE)
    connection.request("GET", "/", headers={"Origin": "https://elsewhere.invalid"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("Access-Control-Allow-Origin") is None
    connection.close()


def test_fresh_forgets(state: Path) -> None:
    with up(state, "--no-docker") as api:
        api.client("s3").create_bucket(Bucket="old")
        assert api.stop() == 0
    with up(state, "--no-docker", "--fresh") as api:
        assert api.client("s3").list_buckets()["Buckets"] == []


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("up", "--port", str(port), "--state", str(tmp_path), "--no-docker")
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be had" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_state_has_one_owner(state: Path) -> None:
    with up(state, "--no-docker"):
        done = command("up", "--port", "0", "--state", str(state), "--no-docker")
    assert done.returncode == 1
    assert "another `up` works in" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(state: Path, number: signal.Signals) -> None:
    api = start(state, "--no-docker")
    try:
        assert api.port
        assert api.stop(number) == 0
        assert not (state / "port").exists()
    finally:
        api.process.kill()
        api.process.wait()
        api.log_file.unlink()


def test_only_this_machine_is_listened_on(aws: LocalAws) -> None:
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{aws.port}"], capture_output=True, text=True, check=True)
    addresses = {line.split()[3].rpartition(":")[0] for line in listening.stdout.splitlines()}
    assert addresses == {"127.0.0.1"}


def test_env_is_what_a_shell_evaluates(aws: LocalAws, tmp_path: Path) -> None:
    """Also where the shell had an account's keys, a profile and an address of one service."""
    (tmp_path / "credentials").write_text("[prod]\naws_access_key_id = REAL\naws_secret_access_key = REAL\n")
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_STS": "https://elsewhere.invalid",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "NO_PROXY": "intranet",
    }
    lines = command("env", "--state", str(aws.state), environ=environ).stdout
    script = f'{lines}\nexec "$0" -c "import json, os; print(json.dumps(dict(os.environ)))"'
    done = subprocess.run(["sh", "-c", script, "python3"], env=environ, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{aws.port}"
    assert not {
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_STS",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    } & set(seen)
    assert "REAL" not in Path(seen["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
    assert seen["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert "TelemetryOptOut: true" in Path(seen["SAGEMAKER_USER_CONFIG_OVERRIDE"]).read_text()
