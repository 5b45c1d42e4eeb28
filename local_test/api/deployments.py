"""How an endpoint is updated (DeploymentConfig): in which steps requests go to the new fleet, and what is watched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from local_test.api.alarms import lacking

PERCENT = "CAPACITY_PERCENT"
MOST = 0.5  # of a fleet, for one step


@dataclass(frozen=True)
class Deployment:
    """Times in seconds; `shares` are of the requests, those that the new fleet gets after each step."""

    shares: tuple[float, ...] = (1.0,)
    wait: float = 0.0
    termination_wait: float = 0.0
    timeout: float | None = None
    alarms: tuple[str, ...] = ()
    is_rolling: bool = False  # the new fleet is started, and the old one stopped, step by step
    rollback_share: float = 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any], instances: Sequence[int]) -> "Deployment":
        """Of a DeploymentConfig and the variants' instances; raises ValidationError."""
        alarms = [
            each.get("AlarmName", "") for each in (config.get("AutoRollbackConfiguration") or {}).get("Alarms", ())
        ]
        blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
        if blue_green and rolling:
            raise ValidationError("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be given.")
        if rolling:
            share = _share(rolling["MaximumBatchSize"], "MaximumBatchSize", instances, 0.05)
            back = rolling.get("RollbackMaximumBatchSize")
            found = cls(
                tuple(_steps(share)),
                rolling["WaitIntervalInSeconds"],
                0.0,
                rolling.get("MaximumExecutionTimeoutInSeconds"),
                tuple(alarms),
                is_rolling=True,
                rollback_share=_share(back, "RollbackMaximumBatchSize", instances, 0.05, 1.0) if back else 1.0,
            )
        else:
            policy = blue_green or {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
            routing = policy["TrafficRoutingConfiguration"]
            found = cls(
                _shares(routing, instances),
                routing["WaitIntervalInSeconds"],
                policy.get("TerminationWaitInSeconds") or 0.0,
                policy.get("MaximumExecutionTimeoutInSeconds"),
                tuple(alarms),
            )
        waits = found.wait * len(found.shares) + found.termination_wait
        if found.timeout is not None and found.timeout <= waits:
            raise ValidationError(
                f"MaximumExecutionTimeoutInSeconds is {found.timeout}; it must be greater than all of the deployment's "
                f"waits, {waits:g} seconds."
            )
        return found


def checked(config: Mapping[str, Any] | None, instances: Sequence[int], account: str, region: str) -> None:
    """Raises ValidationError: also where there is no alarm of that name."""
    if not config:
        return
    deployment = Deployment.of(config, instances)
    if unknown := lacking(account, region, deployment.alarms):
        raise ValidationError(f"AutoRollbackConfiguration names alarms that do not exist: {', '.join(unknown)}.")


def _shares(routing: Mapping[str, Any], instances: Sequence[int]) -> tuple[float, ...]:
    match routing["Type"]:
        case "CANARY":
            return (_share(_given(routing, "CanarySize"), "CanarySize", instances), 1.0)
        case "LINEAR":
            return tuple(_steps(_share(_given(routing, "LinearStepSize"), "LinearStepSize", instances, 0.1)))
        case _:
            return (1.0,)


def _given(routing: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    size: Mapping[str, Any] | None = routing.get(name)
    if size is None:
        raise ValidationError(f"TrafficRoutingConfiguration of type {routing['Type']} needs a {name}.")
    return size


def _share(
    size: Mapping[str, Any], name: str, instances: Sequence[int], least: float = 0.0, most: float = MOST
) -> float:
    """Of the smallest variant, where it is a count of instances."""
    share = float(size["Value"] / 100 if size["Type"] == PERCENT else size["Value"] / min(instances))
    if not least <= share <= most:
        bounds = f"between {least:.0%} and {most:.0%}" if least else f"at most {most:.0%}"
        raise ValidationError(
            f"{name} is {size['Value']} ({size['Type']}); it must be {bounds} of the variant's "
            f"{min(instances)} instance(s)."
        )
    return share


def _steps(share: float) -> Iterator[float]:
    number = 1
    while (reached := round(number * share, 9)) < 1:
        yield reached
        number += 1
    yield 1.0
