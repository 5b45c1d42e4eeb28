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
    PACKAGE_GROUP,
    PIPELINE,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
)
from deploy.kinds.stacks import Stack
from deploy.kinds.storage import Bucket, Objects
from deploy.kinds.watching import Alarm, LogGroup, LogStreams, ScalableTarget

# What makes others first, then what bills by the hour; what another one needs after it; logs at the end.
ORDER: tuple[Kind, ...] = (
    PIPELINE,
    Stack(),
    ScalableTarget(),
    ENDPOINT,
    NOTEBOOK,
    TUNING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    PROCESSING_JOB,
    ENDPOINT_CONFIG,
    MODEL,
    PACKAGE_GROUP,
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
