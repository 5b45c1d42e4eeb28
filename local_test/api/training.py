"""Training jobs."""

from typing import Any

from local_test.api.platform import Platform


class TrainingBackend:
    platform: Platform


class TrainingResponse:
    platform: Platform
    sagemaker_backend: Any
