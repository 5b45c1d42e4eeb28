"""Every setting of `tiffin.toml`, section by section; each is a flag of the commands that use it, too.

A field's help is its documentation: docs/16-deploy.md is held to these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def setting(default: Any, meaning: str, *, of: tuple[str, ...] = ()) -> Any:
    """`of`: the only values there are."""
    metadata = {"help": meaning, "of": of}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Project:
    project: str = setting("", "prefix of every name and value of the tag tiffin:project; 2 to 32 of a-z, 0-9 and -")
    ledger: Path = setting(Path(".tiffin/ledger"), "the folder of the ledger: what was made, per account and region")
    expires: str = setting("", "a span such as 8h or 3d: what is made gets a tag that `destroy --expired` honours")
    tags: Mapping[str, str] = setting({}, "tags that everything made must have: NAME=VALUE, again for more")
    bucket: str = setting(
        "", "the S3 bucket of data and artifacts; without it one is made, named for project and account"
    )


@dataclass(frozen=True)
class Account:
    profile: str = setting("", "a profile of the AWS configuration files")
    region: str = setting("", "the region; without it that of the profile or of AWS_REGION")
    role: str = setting("", "the execution role, its name or its ARN; without it the one that `deploy role` made")
    reads: tuple[str, ...] = setting(
        (), "s3://bucket/prefix/ of others that the execution role may read, too; again for more"
    )
    permissions_boundary: str = setting("", "the ARN of the policy that bounds every role that is made")
    subnets: tuple[str, ...] = setting(
        (), "subnets that jobs, models and notebooks run in, and no way out but theirs; again for more"
    )
    security_groups: tuple[str, ...] = setting((), "their security groups; again for more")
    kms_key: str = setting("", "the KMS key (id, alias or ARN) of volumes, outputs, buckets and repositories")
    network_isolation: bool = setting(False, "containers get no network at all")
    calls: str = setting("", "a file that gets a line for every call that is made to AWS: when, which, what came of it")


@dataclass(frozen=True)
class Image:
    image: str = setting("", "the local image: what `build` makes and `push` sends; without it the project's name")
    repository: str = setting(
        "", "its repository in ECR, or its ARN where another account has it; without it the project's own is made"
    )
    image_uri: str = setting("", "the image's address where it was not pushed by `push`")
    context: Path = setting(Path(), "the folder that is built")
    dockerfile: str = setting("", "below the context; without it Dockerfile, or tiffin's own container/Dockerfile")
    target: str = setting("", "a stage of the Dockerfile; without it its last one, of tiffin's own that with model/")
    platform: str = setting(
        "linux/amd64", "linux/arm64 is Graviton's, where the builder can", of=("linux/amd64", "linux/arm64")
    )
    build_args: Mapping[str, str] = setting({}, "NAME=VALUE for the Dockerfile's ARGs, again for more; no secrets")
    secrets: Mapping[str, str] = setting(
        {}, "build secrets as ID=FILE: pip.conf for a private index, ca.pem for your own authorities; apt.conf, netrc"
    )


@dataclass(frozen=True)
class Training:
    train_instance_type: str = setting("ml.m5.large", "the instances of a training or tuning job")
    train_instance_count: int = setting(1, "how many of them")
    train_volume_gb: int = setting(30, "the volume of each")
    max_seconds: int = setting(3600, "the job is stopped then (T-42)")
    spot: bool = setting(False, "spot instances, with checkpoints in S3")
    max_wait_seconds: int = setting(0, "for spot: with the time that is waited for instances; 0 is twice max_seconds")
    checkpoints: bool = setting(False, "sync /opt/ml/checkpoints with S3; spot implies it")
    hyperparameters: Mapping[str, str] = setting({}, "NAME=VALUE, again for more")
    metrics: Mapping[str, str] = setting({}, "NAME=REGEX of what the job prints, again for more (T-40)")
    channels: Mapping[str, str] = setting({}, "NAME=FILE, FOLDER or s3://…: again for more; what is local is uploaded")
    channel_mode: str = setting("File", "how they reach the container", of=("File", "FastFile", "Pipe"))
    channel_modes: Mapping[str, str] = setting(
        {}, "NAME=MODE of one channel, before channel_mode (T-11); again for more"
    )
    channel_types: Mapping[str, str] = setting({}, "NAME=MEDIA-TYPE of one channel, again for more")
    sharded: tuple[str, ...] = setting(
        (), "a channel whose objects are dealt out to the instances (T-13); without it each gets all; again for more"
    )
    train_environment: Mapping[str, str] = setting({}, "NAME=VALUE of the training container, again for more")


@dataclass(frozen=True)
class Endpoint:
    endpoint: str = setting("", "its name; without it the project's")
    kind: str = setting("real-time", "what is hosted how", of=("real-time", "serverless", "async", "multi-model"))
    model_data: str = setting(
        "", "the artifact, s3://…; without it that of the last training job; for multi-model a prefix"
    )
    instance_type: str = setting("ml.m5.large", "of each instance")
    instance_count: int = setting(1, "how many at first")
    variants: Mapping[str, str] = setting(
        {}, "several models behind one endpoint: NAME=S3-ARTIFACT,WEIGHT; again for more"
    )
    environment: Mapping[str, str] = setting({}, "NAME=VALUE of the container (C-09), again for more")
    start_timeout: int = setting(0, "seconds until the first 200 of /ping, 60 to 3600; 0 is the platform's 480 (H-04)")
    download_timeout: int = setting(
        0, "seconds to fetch and unpack the artifact, 60 to 3600; 0 is the platform's (H-05)"
    )
    memory_mb: int = setting(2048, "serverless: 1024 to 6144 (S-04)")
    max_concurrency: int = setting(5, "serverless: 1 to 200; asynchronous: of one instance")
    min_instances: int = setting(0, "autoscaling: at least; 0 turns it off")
    max_instances: int = setting(0, "autoscaling: at most; 0 turns it off")
    invocations_per_instance: float = setting(100.0, "autoscaling: the target, a minute; asynchronous: of the backlog")
    capture: float = setting(0.0, "data capture: the percentage of requests, 0 turns it off (D-03)")
    alarms: tuple[str, ...] = setting((), "`update` rolls back when one of these alarms rings; again for more")
    alarm_on_errors: bool = setting(
        True, "`up` makes an alarm of each variant's 5XX errors, and `update` is watched by it"
    )
    alarm_percent: float = setting(1.0, "it rings when more of a minute's requests than this end in a 5XX")
    traffic: str = setting("canary", "`update` moves it", of=("all-at-once", "canary", "linear"))
    traffic_percent: int = setting(20, "canary: the first part; linear: each part")
    bake_seconds: int = setting(120, "how long each part is watched, 0 to 3600")


@dataclass(frozen=True)
class Transform:
    input: str = setting("", "a file, a folder or s3://…")
    content_type: str = setting("text/csv", "of the input")
    accept: str = setting("", "of the output; without it the container decides")
    split_type: str = setting("Line", "how objects are cut", of=("None", "Line", "RecordIO", "TFRecord"))
    assemble_with: str = setting("", "what stands between answers", of=("", "None", "Line"))
    batch_strategy: str = setting("MultiRecord", "how records become requests", of=("MultiRecord", "SingleRecord"))
    max_payload_mb: int = setting(6, "of one request, 0 to 100 (B-03)")
    max_concurrent: int = setting(0, "requests at a time to one instance; 0 asks the container")
    join_input: bool = setting(False, "each record with its answer (B-09)")
    input_filter: str = setting("", "JSONPath")
    output_filter: str = setting("", "JSONPath")
    transform_instance_type: str = setting("ml.m5.large", "the instances of a transform job")
    transform_instance_count: int = setting(1, "how many of them")
    transform_environment: Mapping[str, str] = setting(
        {}, "NAME=VALUE of its containers, up to 16 (C-11), again for more"
    )


@dataclass(frozen=True)
class Tuning:
    strategy: str = setting("Random", "how settings are chosen", of=("Random", "Grid", "Bayesian", "Hyperband"))
    objective: str = setting("", "the metric, one of [train] metrics")
    goal: str = setting("Maximize", "of it", of=("Maximize", "Minimize"))
    ranges: Mapping[str, str] = setting({}, "NAME=a,b,c or NAME=low..high, or low..high:log; again for more")
    max_jobs: int = setting(8, "training jobs in all")
    max_parallel_jobs: int = setting(2, "training jobs at a time")


@dataclass(frozen=True)
class Notebook:
    notebook: str = setting(
        "", "its name, which begins with the project's; without it the project's with -notebook behind"
    )
    notebook_instance_type: str = setting("ml.t3.medium", "of the notebook instance")
    notebook_volume_gb: int = setting(20, "its volume")
    repository_url: str = setting("", "a git repository that is cloned into it")


@dataclass(frozen=True)
class Prices:
    prices: Mapping[str, str] = setting({}, "INSTANCE-TYPE=USD an hour, again for more; before the Price List API's")


# the tables of the file
SECTIONS: Mapping[str, type] = {
    "project": Project,
    "account": Account,
    "image": Image,
    "train": Training,
    "endpoint": Endpoint,
    "transform": Transform,
    "tune": Tuning,
    "notebook": Notebook,
    "prices": Prices,
}
