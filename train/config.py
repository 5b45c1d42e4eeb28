"""Read what SageMaker lays under /opt/ml/input/config into a TrainingJob (T-01 to T-07).

Every file may be missing: a plain `docker run -v tree:/opt/ml IMAGE train` has only data. What is there must be right.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiffin import hyperparameters
from tiffin.errors import BadJob
from tiffin.job import Channel, TrainingJob
from tiffin.paths import Paths
from tiffin.table import shortened

log = logging.getLogger(__name__)


def read_job(paths: Paths, name: str, declared: type | None, model_dir: Path) -> TrainingJob:
    """Raises BadJob naming the file and what is wrong in it.

    `declared` is the plug's dataclass of hyperparameters; `model_dir` the folder its train_fn writes into.
    """
    given = read_strings(paths.hyperparameters)
    parsed = hyperparameters.parse(declared, given) if declared else hyperparameters.undeclared(given)
    hosts, current_host = _hosts(paths.resource_config)
    return TrainingJob(
        hyperparameters=parsed,
        channels=_channels(paths),
        model_dir=model_dir,
        output_data_dir=paths.output_data,
        checkpoint_dir=paths.checkpoints,
        name=name,
        hosts=hosts,
        current_host=current_host,
    )


def read_object(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError) as error:
        raise BadJob(f"{file.name} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise BadJob(f"{file.name} holds {shortened(document)}, not an object")
    return document


def read_strings(file: Path) -> Mapping[str, str]:
    """T-01: on SageMaker every value is a string; a hand-written file with numbers is read, and said."""
    values = {}
    for name, value in read_object(file).items():
        if not isinstance(value, str):
            log.warning("hyperparameter %s is %s here; SageMaker sends the string %r", name, value, json.dumps(value))
        values[name] = value if isinstance(value, str) else json.dumps(value)
    return values


def _channels(paths: Paths) -> dict[str, Channel]:
    """By inputdataconfig.json, and without it one File channel for each folder under input/data."""
    config = read_object(paths.input_data_config)
    if not config and paths.data.is_dir():
        config = {folder.name: {} for folder in sorted(paths.data.iterdir()) if folder.is_dir()}
    channels = {}
    for name, entry in config.items():
        if not isinstance(entry, dict):
            raise BadJob(f"{paths.input_data_config.name}: channel {name!r} is {shortened(entry)}, not an object")
        channels[name] = Channel(
            name=name,
            path=paths.data / name,
            mode=_one_of(name, entry, "TrainingInputMode", "File", "FastFile", "Pipe"),
            distribution=_one_of(name, entry, "S3DistributionType", "FullyReplicated", "ShardedByS3Key"),
            content_type=entry.get("ContentType"),
            record_wrapper=_one_of(name, entry, "RecordWrapperType", "None", "RecordIO"),
        )
    return channels


def _one_of(channel: str, entry: dict[str, Any], key: str, *choices: str) -> str:
    """The entry's value; where there is none, the first choice."""
    value = entry.get(key)
    if value is None:
        return choices[0]
    if value not in choices:
        raise BadJob(
            f"inputdataconfig.json: channel {channel!r} has {key} {shortened(value)}, none of {', '.join(choices)}"
        )
    return str(value)


def _hosts(file: Path) -> tuple[tuple[str, ...], str]:
    """T-04, T-06: read, never assumed; keys of newer jobs (T-05) are passed over."""
    config = read_object(file)
    hosts = config.get("hosts", ["algo-1"])
    if not isinstance(hosts, list) or not hosts or not all(isinstance(host, str) for host in hosts):
        raise BadJob(f"{file.name}: 'hosts' is {hosts!r}, not a list of host names")
    if len(hosts) > 1 and "current_host" not in config:
        raise BadJob(f"{file.name}: 'current_host' is missing, and it must say which of the hosts {hosts} this one is")
    current: Any = config.get("current_host", hosts[0])
    if current not in hosts:
        raise BadJob(f"{file.name}: 'current_host' {current!r} is none of the hosts {hosts}")
    return tuple(sorted(hosts)), current
