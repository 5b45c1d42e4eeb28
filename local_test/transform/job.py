"""What CreateTransformJob may say, checked as SageMaker checks it, with a sentence for each refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from local_test.transform.filters import FilterError, JsonPath
from tiffin import limits

SPLIT_TYPES = ("None", "Line", "RecordIO", "TFRecord")  # B-04
BATCH_STRATEGIES = ("MultiRecord", "SingleRecord")
ASSEMBLY_TYPES = ("None", "Line")  # B-06
COMPRESSION_TYPES = ("None", "Gzip")  # B-12
JOIN_SOURCES = ("None", "Input")  # B-09
CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"
PROCESSABLE = (CSV, JSON, JSON_LINES)  # B-09: filters and joins know no other format

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}")  # C-11
_VALUE_CHARS = 10240  # C-11
_MEDIA_TYPE_CHARS = 256
_MOST_MB = limits.PAYLOAD_BATCH // limits.MIB


class InvalidJob(ValueError):
    """SageMaker would not take this job; its text says which field, and what would be right."""


@dataclass(frozen=True)
class TransformJob:
    """One job's settings by AWS's names. None, and 0 at once: the container or the default decides (B-02)."""

    content_type: str | None = None
    accept: str | None = None
    split_type: str = "None"
    compression_type: str = "None"
    assemble_with: str = "None"
    batch_strategy: str | None = None
    max_payload_in_mb: int | None = None  # 0: chunked, of unknown length (B-03)
    max_concurrent_transforms: int | None = None
    input_filter: str = "$"
    output_filter: str = "$"
    join_source: str = "None"
    invocations_timeout: int = limits.TRANSFORM_TIMEOUT  # seconds
    invocations_max_retries: int = limits.TRANSFORM_RETRIES
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Raises InvalidJob."""
        _one_of("SplitType", self.split_type, SPLIT_TYPES)
        _one_of("CompressionType", self.compression_type, COMPRESSION_TYPES)
        _one_of("AssembleWith", self.assemble_with, ASSEMBLY_TYPES)
        _one_of("JoinSource", self.join_source, JOIN_SOURCES)
        if self.batch_strategy is not None:
            _one_of("BatchStrategy", self.batch_strategy, BATCH_STRATEGIES)
        for name, text in (("ContentType", self.content_type), ("Accept", self.accept)):
            if text is not None and not _is_line(text):
                raise InvalidJob(f"{name} is one line of ASCII, of at most {_MEDIA_TYPE_CHARS} characters")
        _between("InvocationsTimeoutInSeconds", self.invocations_timeout, 1, limits.TRANSFORM_TIMEOUT_MOST)
        _between("InvocationsMaxRetries", self.invocations_max_retries, 0, limits.TRANSFORM_RETRIES)
        self._check_payload()
        self._check_environment()
        self._check_filters()
        if self.processes_data:
            self._check_processing()

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "TransformJob":
        """From the body of CreateTransformJob; names, S3 and instances are passed over. Raises InvalidJob."""
        source, target = _section(request, "TransformInput"), _section(request, "TransformOutput")
        processing, client = _section(request, "DataProcessing"), _section(request, "ModelClientConfig")
        given = {
            "content_type": source.get("ContentType"),
            "split_type": source.get("SplitType"),
            "compression_type": source.get("CompressionType"),
            "accept": target.get("Accept"),
            "assemble_with": target.get("AssembleWith"),
            "batch_strategy": request.get("BatchStrategy"),
            "max_payload_in_mb": request.get("MaxPayloadInMB"),
            "max_concurrent_transforms": request.get("MaxConcurrentTransforms"),
            "input_filter": processing.get("InputFilter") or None,
            "output_filter": processing.get("OutputFilter") or None,
            "join_source": processing.get("JoinSource"),
            "invocations_timeout": client.get("InvocationsTimeoutInSeconds"),
            "invocations_max_retries": client.get("InvocationsMaxRetries"),
            "environment": request.get("Environment"),
        }
        return cls(**{name: value for name, value in given.items() if value is not None})

    @property
    def processes_data(self) -> bool:
        """Whether bodies are read by the platform, not only carried (B-09)."""
        return self.join_source == "Input" or self.input_filter != "$" or self.output_filter != "$"

    @property
    def has_idle_strategy(self) -> bool:
        """Without a SplitType a BatchStrategy has no effect; AWS's own examples set it so, and are taken (B-04)."""
        return self.batch_strategy is not None and self.split_type == "None"

    def _check_payload(self) -> None:
        payload, concurrent = self.max_payload_in_mb, self.max_concurrent_transforms
        if payload is not None:
            _between("MaxPayloadInMB", payload, 0, _MOST_MB)
        if concurrent is not None and not (_is_whole(concurrent) and concurrent >= 0):
            raise InvalidJob(f"MaxConcurrentTransforms={concurrent!r} is not a whole number from 0")
        if payload is not None and concurrent is not None and payload * concurrent > _MOST_MB:
            raise InvalidJob(
                f"MaxConcurrentTransforms x MaxPayloadInMB is {concurrent} x {payload} = {concurrent * payload} MB;"
                f" at most {_MOST_MB} MB may be under way at once (B-03)"
            )

    def _check_environment(self) -> None:
        if not isinstance(self.environment, Mapping):
            raise InvalidJob(f"Environment is an object, not {self.environment!r}")
        if len(self.environment) > limits.TRANSFORM_ENVIRONMENT:
            raise InvalidJob(
                f"Environment has {len(self.environment)} entries; a transform job takes at most"
                f" {limits.TRANSFORM_ENVIRONMENT} (C-11)"
            )
        for name, value in self.environment.items():
            if not _NAME.fullmatch(name):
                raise InvalidJob(
                    f"Environment: {name[:80]!r} is no name of letters, digits and _, 1,024 at most (C-11)"
                )
            if not isinstance(value, str) or len(value) > _VALUE_CHARS:
                raise InvalidJob(f"Environment: the value of {name} is not a text of at most {_VALUE_CHARS} characters")

    def _check_filters(self) -> None:
        for name, text in (("InputFilter", self.input_filter), ("OutputFilter", self.output_filter)):
            if not isinstance(text, str):
                raise InvalidJob(f"{name} is a text, not {text!r}")
            if len(text) > limits.FILTER_CHARS:
                raise InvalidJob(f"{name} has {len(text)} characters; at most {limits.FILTER_CHARS} are taken (B-09)")
            try:
                path = JsonPath.parse(text)
                if self.content_type is not None and media_type(self.content_type) == CSV and path.has_names:
                    raise FilterError("a row of CSV has no names, only indexes: $[0], $[1:], $[0,-1]")
            except FilterError as error:
                raise InvalidJob(f"{name}={text!r}: {error}") from None

    def _check_processing(self) -> None:
        sent, wanted = media_type(self.content_type), media_type(self.accept)
        if sent not in PROCESSABLE:
            raise InvalidJob(
                f"DataProcessing needs ContentType to be one of {', '.join(PROCESSABLE)}, not {sent} (B-09)"
            )
        if sent != wanted:
            raise InvalidJob(f"DataProcessing needs Accept to be ContentType: {wanted} is not {sent} (B-09)")
        if self.split_type not in ASSEMBLY_TYPES or self.split_type != self.assemble_with:
            raise InvalidJob(
                "DataProcessing needs SplitType and AssembleWith to be both Line or both None;"
                f" here they are {self.split_type} and {self.assemble_with} (B-09)"
            )
        if sent == CSV and self.split_type != "Line":
            raise InvalidJob("DataProcessing of text/csv needs SplitType and AssembleWith to be Line (B-09)")


def media_type(text: str | None) -> str:
    """Without parameters, in lower case; `nothing` where there is none."""
    return (text or "").partition(";")[0].strip().lower() or "nothing"


def _section(request: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = request.get(name) or {}
    if not isinstance(found, Mapping):
        raise InvalidJob(f"{name} is an object, not {found!r}")
    return found


def _one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise InvalidJob(f"{name}={value!r} is none of {', '.join(allowed)}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MEDIA_TYPE_CHARS and value.isascii() and value.isprintable()


def _between(name: str, value: object, least: int, most: int) -> None:
    if not _is_whole(value) or not least <= value <= most:  # type: ignore[operator]
        raise InvalidJob(f"{name}={value!r} is not a whole number from {least} to {most}")
