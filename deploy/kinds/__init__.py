"""Every kind of thing that deploy makes, in the order in which they are taken away."""

from collections.abc import Mapping

from deploy.kinds.kind import Kind
from deploy.kinds.registry import PushedImage, Repository
from deploy.kinds.roles import Role
from deploy.kinds.sagemaker import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    NOTEBOOK,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
)
from deploy.kinds.storage import Bucket, Objects
from deploy.kinds.watching import Alarm, LogGroup, LogStreams, ScalableTarget

# What bills by the hour first; what another one needs after it; logs when nobody writes them any more.
ORDER: tuple[Kind, ...] = (
    ScalableTarget(),
    ENDPOINT,
    NOTEBOOK,
    TUNING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    PROCESSING_JOB,
    ENDPOINT_CONFIG,
    MODEL,
    Alarm(),
    PushedImage(),
    Repository(),
    Objects(),
    Bucket(),
    LogGroup(),
    LogStreams(),
    Role(),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in ORDER}
