"""Where the engine runs, and what its permission is called; one policy says what it may: ask this one endpoint."""

import json
from dataclasses import dataclass

from deploy.sql import names
from deploy.sql.refusal import NotSql

ENGINES = {
    "aurora-mysql": "Aurora MySQL",
    "aurora-postgresql": "Aurora PostgreSQL",
    "redshift": "Redshift",
    "athena": "Athena",
}
TRUSTED = {"redshift": "redshift.amazonaws.com"}  # the rest is RDS's
POLICY = "invoke-endpoint"


@dataclass(frozen=True)
class Place:
    """Empty `cluster`: who runs the script or makes the stack says it."""

    engine: str
    endpoint: str
    cluster: str = ""
    parameter_group: str = ""  # Aurora MySQL's, where the cluster has AWS's default group
    role_name: str = ""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise NotSql(f"the engine {self.engine!r} is none of {', '.join(ENGINES)}")
        names.endpoint(self.endpoint)
        names.matching(names.ROLE_NAME, self.role, "--role-name", "IAM's are up to 64 letters, digits and +=,.@-_")
        if self.cluster:
            right = "letters, digits and single hyphens, a letter first, 63 at most"
            names.matching(names.CLUSTER, self.cluster, "--cluster", right)
        right = "small letters, digits and single hyphens, a letter first, 255 at most"
        names.matching(names.PARAMETER_GROUP, self.group, "--parameter-group", right)

    @property
    def name(self) -> str:
        return ENGINES[self.engine]

    @property
    def service(self) -> str:
        return TRUSTED.get(self.engine, "rds.amazonaws.com")

    @property
    def role(self) -> str:
        return self.role_name or f"{self.engine}-{self.endpoint}"[:64]

    @property
    def group(self) -> str:
        return self.parameter_group or "sagemaker-from-sql"


def trust(service: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
    )
