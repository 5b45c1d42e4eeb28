"""`deploy sql`'s scripts by the AWS CLI, and its templates as stacks whose outputs are then typed, on the local API."""

import ast
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from deploy.__main__ import main
from tests.awshosting import HOSTED, name
from tests.localaws import ROLE, LocalAws, up
from tests.sdk.environment import environment

pytestmark = pytest.mark.timeout(900)

# The AWS CLI 1 asks RDS in us-east-1 by its real address, whatever AWS_ENDPOINT_URL says.
REGION = "eu-west-1"
ENDPOINT = "Recommender"
ARN = f"arn:aws:sagemaker:{REGION}:123456789012:endpoint/"
PATIENCE = 400.0  # seconds for a script: some twenty calls of a CLI that takes a second to start
# What moto does not have is written down, and answered by nothing; the rest is the CLI's.
AWS = """#!/bin/sh
case "$1 $2" in
"redshift modify-cluster-iam-roles") echo "$*" >>"$ASKED" ;;
*) exec {aws} "$@" ;;
esac
"""


@dataclass
class Account:
    """An endpoint and a network; tests share it, so that each has clusters of its own."""

    aws: LocalAws
    folder: Path
    vpc: str
    group: str

    def client(self, service: str, region: str = REGION) -> Any:
        return self._session.client(service, region, endpoint_url=self.aws.variables["AWS_ENDPOINT_URL"])

    @cached_property
    def _session(self) -> Any:
        import boto3

        keys = (self.aws.variables["AWS_ACCESS_KEY_ID"], self.aws.variables["AWS_SECRET_ACCESS_KEY"])
        return boto3.Session(*keys, region_name=REGION)

    def shell(self, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        aws = self.folder / "bin" / "aws"
        aws.parent.mkdir(exist_ok=True)
        aws.write_text(AWS.format(aws=shlex.quote(str(environment("cli") / "aws"))))
        aws.chmod(0o755)
        environ = {
            **self.aws.variables,
            "PATH": f"{aws.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "ASKED": str(self.folder / "asked"),
            **more,
        }
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    def made(self, engine: str, *arguments: str, endpoint: str = ENDPOINT) -> Path:
        folder = self.folder / engine
        asked = ["--columns", "user_id bigint, item_id bigint", "--returns", "double", "--output", str(folder)]
        assert main(["sql", "--engine", engine, "--endpoint", endpoint, *asked, *arguments]) == 0
        return folder

    def cluster(self, engine: str) -> str:
        """With one instance, which has its name and -1."""
        rds, cluster = self.client("rds"), name("shop")
        rds.create_db_cluster(
            DBClusterIdentifier=cluster,
            Engine=engine,
            MasterUsername="owner",
            MasterUserPassword="not-a-secret",
            DBSubnetGroupName="nets",
            VpcSecurityGroupIds=[self.group],
        )
        rds.create_db_instance(
            DBInstanceIdentifier=f"{cluster}-1",
            DBClusterIdentifier=cluster,
            Engine=engine,
            DBInstanceClass="db.r6g.large",
        )
        return cluster

    def described(self, cluster: str) -> dict[str, Any]:
        (found,) = self.client("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
        return dict(found)

    def parameter(self, group: str) -> str | None:
        found = self.client("rds").describe_db_cluster_parameters(DBClusterParameterGroupName=group)["Parameters"]
        return next((p["ParameterValue"] for p in found if p["ParameterName"] == "aws_default_sagemaker_role"), None)

    def allowed(self, role: str, policy: str = f"invoke-endpoint-{REGION}") -> Any:
        document = self.client("iam").get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        return ast.literal_eval(document) if isinstance(document, str) else document  # moto keeps a template's as text

    def trusted(self, role: str) -> Any:
        (found,) = self.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        return found["Principal"]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("sql")
    with up(folder / "state", "--no-docker") as aws:
        account = Account(aws, folder, "", "")
        ec2 = account.client("ec2")
        hosted(account.client("sagemaker"))
        account.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        nets = [
            ec2.create_subnet(VpcId=account.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for n, zone in enumerate("ab")
        ]
        account.client("rds").create_db_subnet_group(
            DBSubnetGroupName="nets",
            DBSubnetGroupDescription="two",
            SubnetIds=[net["Subnet"]["SubnetId"] for net in nets],
        )
        account.group = ec2.create_security_group(GroupName="shop", Description="out", VpcId=account.vpc)["GroupId"]
        yield account


def hosted(sagemaker: Any) -> None:
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": str(HOSTED)})
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="c")


def statement(arn: str) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": arn}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def test_aurora_mysql_by_the_script(account: Account) -> None:
    """Twice: the second time nothing is changed. And a group of one's own is kept."""
    cluster, rds = account.cluster("aurora-mysql"), account.client("rds")
    script = str(account.made("aurora-mysql", "--role-name", "reader", "--parameter-group", "shop-ml") / "setup.sh")
    done = account.shell("sh", script, CLUSTER=cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"restarted {cluster}-1"
    assert "has neither a default route nor an interface endpoint" in done.stderr
    found, role = account.described(cluster), "arn:aws:iam::123456789012:role/reader"
    assert [each["RoleArn"] for each in found["AssociatedRoles"]] == [role]
    assert (found["DBClusterParameterGroup"], account.parameter("shop-ml")) == ("shop-ml", role)
    arn = account.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["EndpointArn"]
    assert account.allowed("reader") == statement(arn)
    assert account.trusted("reader") == {"Service": "rds.amazonaws.com"}

    done = account.shell("sh", script, CLUSTER=cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it was set before: nothing is restarted" in done.stdout

    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="own", DBParameterGroupFamily="aurora-mysql8.0", Description="with other settings"
    )
    rds.modify_db_cluster(DBClusterIdentifier=cluster, DBClusterParameterGroupName="own")
    done = account.shell("sh", script, CLUSTER=cluster, REBOOT="no")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"not restarted: the function fails until each of these is: {cluster}-1" in done.stdout
    assert (account.described(cluster)["DBClusterParameterGroup"], account.parameter("own")) == ("own", role)


def test_aurora_postgresql_by_the_script(account: Account) -> None:
    """Its role is found by its feature; the way out of a VPC with an interface endpoint is seen."""
    cluster, ec2 = account.cluster("aurora-postgresql"), account.client("ec2")
    script = str(account.made("aurora-postgresql", "--role-name", "postgres") / "setup.sh")
    service = f"com.amazonaws.{REGION}.sagemaker.runtime"
    made = ec2.create_vpc_endpoint(VpcId=account.vpc, ServiceName=service, VpcEndpointType="Interface")["VpcEndpoint"]
    try:
        for _ in range(2):
            done = account.shell("sh", script, CLUSTER=cluster)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.splitlines()[-1] == f"way out: the interface endpoint {made['VpcEndpointId']}"
            assert done.stderr == ""
    finally:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    (role,) = account.described(cluster)["AssociatedRoles"]
    assert (role["FeatureName"], role["RoleArn"].rpartition("/")[2]) == ("SageMaker", "postgres")


def test_redshift_by_the_script(account: Account) -> None:
    done = account.shell("sh", str(account.made("redshift", "--cluster", "wide", "--role-name", "rs") / "setup.sh"))
    assert done.returncode == 0, done.stdout + done.stderr
    role = "arn:aws:iam::123456789012:role/rs"
    assert account.asked[-1] == f"redshift modify-cluster-iam-roles --cluster-identifier wide --add-iam-roles {role}"
    assert account.trusted("rs") == {"Service": "redshift.amazonaws.com"}


def test_in_two_regions_the_role_may_ask_in_both(account: Account) -> None:
    there = "eu-central-1"
    hosted(account.client("sagemaker", there))
    script = str(account.made("redshift", "--cluster", "wide", "--role-name", "two") / "setup.sh")
    for region in (REGION, there):
        done = account.shell("sh", script, AWS_REGION=region, AWS_DEFAULT_REGION=region)
        assert done.returncode == 0, done.stdout + done.stderr
    for region in (REGION, there):
        arn = account.client("sagemaker", region).describe_endpoint(EndpointName=ENDPOINT)["EndpointArn"]
        assert f":{region}:" in arn
        assert account.allowed("two", f"invoke-endpoint-{region}") == statement(arn)


def test_athena_by_the_script(account: Account) -> None:
    """The permission is the caller's."""
    account.client("iam").create_role(RoleName="caller", AssumeRolePolicyDocument="{}")
    script = str(account.made("athena") / "setup.sh")
    done = account.shell("sh", script, PRINCIPAL="role/caller")
    assert done.returncode == 0, done.stdout + done.stderr
    arn = account.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["EndpointArn"]
    assert account.allowed("caller", f"athena-{ENDPOINT}-{REGION}") == statement(arn)
    done = account.shell("sh", script, PRINCIPAL="caller")
    assert (done.returncode, done.stderr) == (2, "PRINCIPAL=caller is none of role/NAME, user/NAME, group/NAME\n")
    assert "who runs the queries" in account.shell("sh", script).stderr


def test_what_is_not_there_is_said_before_anything_is_made(account: Account) -> None:
    script = str(account.made("aurora-mysql", "--role-name", "nobody") / "setup.sh")
    assert "the identifier of the cluster" in account.shell("sh", script).stderr
    cluster = account.cluster("aurora-postgresql")
    done = account.shell("sh", script, CLUSTER=cluster)
    assert (done.returncode, f"{cluster} is aurora-postgresql, and not aurora-mysql" in done.stderr) == (2, True)
    script = str(account.made("aurora-mysql", "--role-name", "nobody", endpoint="gone") / "setup.sh")
    done = account.shell("sh", script, CLUSTER=account.cluster("aurora-mysql"))
    assert (done.returncode != 0, "gone" in done.stderr) == (True, True)
    assert "nobody" not in [role["RoleName"] for role in account.client("iam").list_roles()["Roles"]]


def test_stacks_and_then_their_outputs(account: Account) -> None:
    """The outputs are commands: the CLI runs them as they are."""
    cloud = account.client("cloudformation")
    clusters = {engine: account.cluster(engine) for engine in ("aurora-mysql", "aurora-postgresql")}
    for engine, cluster in (*clusters.items(), ("redshift", "wider")):
        cloud.create_stack(
            StackName=engine,
            TemplateBody=(account.made(engine) / "template.yaml").read_text(),
            Parameters=[{"ParameterKey": "Cluster", "ParameterValue": cluster}],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        (stack,) = cloud.describe_stacks(StackName=engine)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        role = f"{engine}-{ENDPOINT}"
        assert outputs["RoleArn"] == f"arn:aws:iam::123456789012:role/{role}"
        assert account.allowed(role, "invoke-endpoint") == statement(ARN + ENDPOINT.lower())
        for step in sorted(set(outputs) - {"RoleArn"}):
            done = account.shell("sh", "-c", outputs[step])
            assert done.returncode == 0, f"{step}: {outputs[step]}\n{done.stderr}"
        if engine in clusters:
            assert [r["RoleArn"] for r in account.described(cluster)["AssociatedRoles"]] == [outputs["RoleArn"]]
    group = account.described(clusters["aurora-mysql"])["DBClusterParameterGroup"]
    assert (group, account.parameter(group)) == (
        "sagemaker-from-sql",
        f"arn:aws:iam::123456789012:role/aurora-mysql-{ENDPOINT}",
    )
    assert account.described(clusters["aurora-postgresql"])["AssociatedRoles"][0]["FeatureName"] == "SageMaker"
    assert "wider" in account.asked[-1]


def test_a_stack_beside_a_group_that_is_there(account: Account) -> None:
    cloud, rds = account.client("cloudformation"), account.client("rds")
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="kept", DBParameterGroupFamily="aurora-mysql8.0", Description="with other settings"
    )
    body = (account.made("aurora-mysql", "--role-name", "beside", "--cluster", "shop") / "template.yaml").read_text()
    given = {"ParameterGroup": "kept", "ParameterGroupFamily": ""}
    cloud.create_stack(
        StackName="beside",
        TemplateBody=body,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    resources = cloud.list_stack_resources(StackName="beside")["StackResourceSummaries"]
    assert "Group" not in [each["LogicalResourceId"] for each in resources]
    (stack,) = cloud.describe_stacks(StackName="beside")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert account.shell("sh", "-c", outputs["Step2SetParameter"]).returncode == 0
    assert account.parameter("kept") == outputs["RoleArn"]


@pytest.mark.parametrize("role", ["analyst", ""])
def test_athenas_stack_is_the_callers_policy(account: Account, role: str) -> None:
    cloud, iam, stack = account.client("cloudformation"), account.client("iam"), name("athena")
    if role:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    cloud.create_stack(
        StackName=stack,
        TemplateBody=(account.made("athena") / "template.yaml").read_text(),
        Parameters=[{"ParameterKey": "Role", "ParameterValue": role}] if role else [],
        Capabilities=["CAPABILITY_IAM"],
    )
    (made,) = cloud.describe_stacks(StackName=stack)["Stacks"]
    arn = made["Outputs"][0]["OutputValue"]
    attached = iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"]
    assert [each["RoleName"] for each in attached] == ([role] if role else [])
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert (json.loads(document) if isinstance(document, str) else document) == statement(ARN + ENDPOINT.lower())
