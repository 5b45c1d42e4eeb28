"""What AWS's training toolkit tells a user's script: the SM_* environment (T-20, T-21) and its arguments (T-22)."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiffin.hyperparameters import is_reserved
from tiffin.job import TrainingJob
from tiffin.paths import Paths

_GROUP = "homogeneousCluster"  # T-05: what the toolkit says where the platform names no groups
# Hyperparameters by which the SDK asks for one way of running on many hosts.
_DISTRIBUTED = (
    "sagemaker_mpi_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)


@dataclass(frozen=True)
class Script:
    """A user's program and what it is told. `given`: hyperparameters, JSON-decoded where they are JSON (T-02)."""

    program: str
    submitted: str  # sagemaker_submit_directory as it was sent
    given: Mapping[str, Any]
    job: TrainingJob
    paths: Paths
    resource_config: Mapping[str, Any]
    input_data_config: Mapping[str, Any]

    @property
    def own(self) -> dict[str, Any]:
        """The hyperparameters that are the script's own (T-23)."""
        return {name: value for name, value in self.given.items() if not is_reserved(name)}

    @property
    def distribution(self) -> str | None:
        return next((name for name in _DISTRIBUTED if self.given.get(name)), None)


def arguments(own: Mapping[str, Any]) -> list[str]:
    """`--name value` by name; one letter has one dash, an object becomes k=v,k=v (T-22)."""
    pairs = ((f"--{name}" if len(name) > 1 else f"-{name}", own[name]) for name in sorted(own) if name)
    return [word for name, value in pairs for word in (name, _argument(value))]


def _argument(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return "" if value is None else str(value)


def variables(script: Script) -> dict[str, str]:
    """SM_* and the few others that the toolkit sets. A name or value that no environment can hold is left out."""
    told = _told(script)
    found = {"training_env": _training_env(script, told), **told}
    found |= {f"channel_{name}": str(channel.path) for name, channel in script.job.channels.items()}
    found |= {f"hp_{name}": value for name, value in script.own.items()}
    named = {f"SM_{name.upper()}": _value(value) for name, value in found.items()}
    named |= {
        "CURRENT_HOST": script.job.current_host,
        "SAGEMAKER_JOB_NAME": _value(script.given.get("sagemaker_job_name")),
        "SAGEMAKER_REGION": _value(script.given.get("sagemaker_region") or os.environ.get("AWS_REGION", "")),
    }
    return {name: value for name, value in named.items() if "=" not in name and "\0" not in name + value}


def _value(value: Any) -> str:
    """T-20: text as it is, nothing as empty, all else as compact JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _told(script: Script) -> dict[str, Any]:
    paths, resources = script.paths, script.resource_config
    listed = resources.get("instance_groups")
    groups: Sequence[Any] = listed if isinstance(listed, list) else []
    by_name = {group["instance_group_name"]: group for group in groups if _is_group(group)}
    current = resources.get("current_group_name", _GROUP)
    told: dict[str, Any] = {
        "hosts": list(script.job.hosts),
        "current_host": script.job.current_host,
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "current_instance_type": resources.get("current_instance_type", "local"),
        "current_instance_group": current,
        "current_instance_group_hosts": by_name.get(current, {}).get("hosts", []),
        "instance_groups": list(by_name),
        "instance_groups_dict": by_name,
        "distribution_instance_groups": script.given.get("sagemaker_distribution_instance_groups", []),
        "is_hetero": len(by_name) > 1,
        "hps": script.own,
        "user_entry_point": script.program,
        "module_name": script.program.removesuffix(".py"),
        "module_dir": script.submitted or str(paths.submitted_code),
        "user_args": arguments(script.own),
        "framework_params": {
            name: value
            for name, value in script.given.items()
            if name.startswith("sagemaker_") and name not in _CONSUMED
        },
        "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
        "log_level": script.given.get("sagemaker_container_log_level", 20),
        "resource_config": dict(resources),
        "input_data_config": dict(script.input_data_config),
        "channels": sorted(script.job.channels),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": _gpus(),
        "num_neurons": 0,
        "input_dir": str(paths.base / "input"),
        "input_config_dir": str(paths.config),
        "output_dir": str(paths.output),
        "output_data_dir": str(paths.output_data),
        "output_intermediate_dir": str(paths.output / "intermediate"),
        "model_dir": str(paths.model),
    }
    if "topology" in resources:
        told["topology"] = resources["topology"]
    return told


_CONSUMED = frozenset(
    f"sagemaker_{name}"
    for name in ("program", "submit_directory", "enable_cloudwatch_metrics", "region", "container_log_level")
) | {"sagemaker_job_name", "sagemaker_s3_output"}  # T-23


def _training_env(script: Script, told: Mapping[str, Any]) -> dict[str, Any]:
    """SM_TRAINING_ENV: the same once more, by the names of the toolkit's object."""
    renamed = {"hps": "hyperparameters", "framework_params": "additional_framework_parameters"}
    skipped = {"channels", "user_args"}
    whole = {renamed.get(name, name): value for name, value in told.items() if name not in skipped}
    return whole | {
        "channel_input_dirs": {name: str(channel.path) for name, channel in script.job.channels.items()},
        "distribution_hosts": told["hosts"],
        "is_master": script.job.is_leader,
        "is_modelparallel_enabled": None,
        "job_name": script.job.name,
        "master_hostname": script.job.hosts[0],
    }


def _is_group(group: Any) -> bool:
    return isinstance(group, dict) and isinstance(group.get("instance_group_name"), str)


def _gpus() -> int:
    try:
        done = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines())
