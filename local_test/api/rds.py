"""RDS: what lets a database call endpoints can also be taken away, which moto lacks."""

from moto.core.responses import EmptyResult
from moto.rds.exceptions import DBClusterNotFoundError, RDSClientError
from moto.rds.responses import RDSResponse


class LocalRdsResponse(RDSResponse):
    def remove_role_from_db_cluster(self) -> EmptyResult:
        name, role = self.params["DBClusterIdentifier"], self.params["RoleArn"]
        cluster = self.backend.clusters.get(name)
        if cluster is None:
            raise DBClusterNotFoundError(name)
        kept = [known for known in cluster._associated_roles if known.role_arn != role]
        if len(kept) == len(cluster._associated_roles):
            raise RDSClientError("DBClusterRoleNotFound", f"Role {role} is not assigned to cluster {name}")
        cluster._associated_roles = kept
        return EmptyResult()
