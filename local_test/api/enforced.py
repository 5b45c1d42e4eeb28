"""The limits of hosting that are held here, each to be set otherwise by an environment variable of `up`."""

import functools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tiffin import limits

PREFIX = "TIFFIN_LOCAL_"


class LimitError(Exception):
    """Its text is for the user."""


@dataclass(frozen=True)
class Enforced:
    """In seconds or bytes; TIFFIN_LOCAL_PAYLOAD=6291456 sets `payload`."""

    payload: float = limits.PAYLOAD  # H-10, H-16
    payload_serverless: float = limits.PAYLOAD_SERVERLESS  # S-01
    image_serverless: float = limits.IMAGE_SERVERLESS  # S-04
    payload_async: float = 1024**3
    payload_async_inline: float = 128_000
    invocation_timeout: float = limits.INVOCATION_TIMEOUT  # H-09
    stream_timeout: float = limits.STREAM_TIMEOUT  # H-22
    start_timeout: float = limits.START_TIMEOUT  # H-04
    start_timeout_serverless: float = limits.START_TIMEOUT_SERVERLESS  # S-02
    containers_serverless: float = math.inf  # beside what this machine has memory for
    idle_serverless: float = 300.0  # on AWS not documented
    ping_every: float = 5.0  # H-03
    ping_timeout: float = limits.PING_TIMEOUT  # H-03
    connect_timeout: float = limits.CONNECT_TIMEOUT  # H-02
    stop_grace: float = limits.STOP_GRACE_SERVE  # H-18
    stop_grace_train: float = limits.STOP_GRACE_TRAIN  # T-35, of processing jobs, too
    environment: float = 32 * 1024  # C-09
    scaling_period: float = 60.0  # a point of the metric that target tracking looks at
    alarm_period: float = math.inf  # the longest period of an alarm
    deployment_wait: float = math.inf  # the longest WaitIntervalInSeconds, and TerminationWaitInSeconds
    deployment_timeout: float = math.inf  # the longest MaximumExecutionTimeoutInSeconds

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Enforced":
        given = {}
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            if variable in environ:
                try:
                    given[field.name] = float(environ[variable])
                except ValueError:
                    raise LimitError(f"{variable}={environ[variable]!r} is not a number") from None
        return cls(**given)


@functools.cache
def here() -> Enforced:
    """This process's."""
    return Enforced.of(os.environ)
