"""IAM's simulation, which the SageMaker SDK asks before it trains: nothing is enforced here, so all is allowed."""

from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse


class LocalIamResponse(IamResponse):
    def simulate_principal_policy(self) -> ActionResult:
        resources = self._get_param("ResourceArns") or ["*"]
        results: list[dict[str, Any]] = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": "allowed",
                "MatchedStatements": [],
                "MissingContextValues": [],
            }
            for action in self._get_param("ActionNames") or []
            for resource in resources
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})
