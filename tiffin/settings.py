"""Every environment variable Tiffin reads, read once, with its aliases and contract id.

`VARIABLES` is the one list: `Settings.from_environ` reads by it and `docs/settings.md` is tested against it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tiffin import limits
from tiffin.errors import SettingsError
from tiffin.paths import Paths

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_PROGRAM_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Frozen: nothing writes to the environment, and nothing reads it a second time."""

    base_dir: Path = Path("/opt/ml")
    host: str = "0.0.0.0"  # noqa: S104  H-01: the platform connects from outside the container
    port: int = limits.PORT
    workers: int = 0  # 0: as many as the container has room for
    threads: int = 4
    streams: int = 128
    timeout: int = limits.INVOCATION_TIMEOUT
    max_payload: int = limits.PAYLOAD
    default_accept: str = "*/*"
    bad_rows: str = "fail"
    multi_model: bool = False
    program: str = "inference.py"
    submit_directory: str = ""
    json_bodies: str = "auto"
    install_requirements: bool = False
    plug: Path = _PROGRAM_ROOT / "model"
    log_level: int = logging.INFO
    log_format: str = "text"
    allow_version_mismatch: bool = False
    training_job_name: str = ""

    @property
    def paths(self) -> Paths:
        return Paths(self.base_dir)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """An empty value counts as absent. Raises SettingsError naming the variable, its value and what is right."""
        values: dict[str, object] = {}
        for variable in VARIABLES:
            name = next((name for name in variable.names if environ.get(name, "").strip()), None)
            if name is None:
                continue
            text = environ[name].strip()
            try:
                values[variable.field] = variable.parse(text)
            except ValueError as error:
                raise SettingsError(f"{name}={text!r} {error}") from None
        if "max_payload" not in values and environ.get("SAGEMAKER_BATCH", "").strip().lower() == "true":
            values["max_payload"] = limits.PAYLOAD_BATCH  # B-01, B-03
        return cls(**values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Variable:
    """`names` in order of precedence: the first one that is set counts."""

    field: str
    names: tuple[str, ...]
    parse: Callable[[str], object]
    contract: str
    meaning: str


def _whole(low: int, high: int, unit: int = 1) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text.replace("_", "?"))  # Python reads 1_0 as 10; nobody else does
        except ValueError:
            raise ValueError("is not a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"is not between {low} and {high}")
        return number * unit

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return text.lower()

    return parse


def _truth(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("is neither true nor false")


def _level(text: str) -> int:
    """A name (`info`) or, as the SageMaker SDK sends it, a number (`20`)."""
    known = logging.getLevelNamesMapping()
    if text.upper() in known:
        return known[text.upper()]
    if text.isdecimal() and len(text) <= 2 and int(text) <= logging.CRITICAL:  # noqa: PLR2004
        return int(text)
    raise ValueError("is no log level: debug, info, warning, error, critical, or a number from 0 to 50")


def _program(text: str) -> str:
    if Path(text).is_absolute() or ".." in Path(text).parts:
        raise ValueError("is not the name of a file in the code/ folder")
    return text


VARIABLES = (
    Variable("base_dir", ("SAGEMAKER_BASE_DIR",), Path, "T-24", "Root of the /opt/ml tree"),
    Variable("host", ("SERVE_HOST",), str, "H-01", "Address to listen on"),
    Variable("port", ("SAGEMAKER_BIND_TO_PORT",), _whole(0, 65535), "P-02", "Port to listen on; 0 takes a free one"),
    Variable(
        "workers",
        ("SERVE_WORKERS", "SAGEMAKER_MODEL_SERVER_WORKERS", "MODEL_SERVER_WORKERS"),
        _whole(1, 512),
        "K-09, K-10",
        "Server processes; default by the container's cores and memory",
    ),
    Variable("threads", ("SERVE_THREADS",), _whole(1, 256), "H-08", "Threads of each server process"),
    Variable(
        "streams", ("SERVE_STREAMS",), _whole(1, 4096), "W-02", "Bidirectional streams open at once in a server process"
    ),
    Variable(
        "timeout",
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS", "SAGEMAKER_MODEL_SERVER_TIMEOUT", "MODEL_SERVER_TIMEOUT"),
        _whole(1, 3600),
        "K-09, A-05",
        "Seconds without a sign of life after which a server process is replaced",
    ),
    Variable(
        "max_payload",
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB",),
        _whole(0, 1024, limits.MIB),
        "H-10, B-01",
        "Largest request body in MiB, 0 for no limit; default 25, or 100 under SAGEMAKER_BATCH",
    ),
    Variable(
        "default_accept",
        ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",),
        str,
        "P-04",
        "Accept of a request that has none; default: answer in the request's own format",
    ),
    Variable(
        "bad_rows",
        ("TIFFIN_BAD_ROWS",),
        _one_of("fail", "placeholder", "null"),
        "B-07",
        "What a bad row costs: fail, the request; placeholder, its answer is ERROR; null, its answer is empty",
    ),
    Variable(
        "multi_model",
        ("SAGEMAKER_MULTI_MODEL",),
        _truth,
        "M-01",
        "Start without a model and serve many, loaded and unloaded by request",
    ),
    Variable(
        "program",
        ("SAGEMAKER_PROGRAM",),
        _program,
        "K-01, T-23",
        "Handler file in the artifact's code/ folder; for train, the script that is run, where it is not inference.py",
    ),
    Variable(
        "submit_directory",
        ("SAGEMAKER_SUBMIT_DIRECTORY",),
        str,
        "K-01, T-23",
        "Folder that holds SAGEMAKER_PROGRAM instead; for train also a .tar.gz of it",
    ),
    Variable(
        "json_bodies",
        ("TIFFIN_JSON_BODIES",),
        _one_of("auto", "rows", "parsed"),
        "K-03",
        "What predict_fn gets of JSON without an input_fn: rows, or the parsed document; auto goes by its code",
    ),
    Variable(
        "install_requirements",
        ("TIFFIN_INSTALL_REQUIREMENTS",),
        _truth,
        "K-01, T-15",
        "Install code/requirements.txt at the start instead of only checking it; needs pip and a network",
    ),
    Variable("plug", ("TIFFIN_PLUG",), Path, "", "Folder of the plug; default model/ beside the framework"),
    Variable("log_level", ("SAGEMAKER_CONTAINER_LOG_LEVEL",), _level, "K-09", "Least level that is logged"),
    Variable(
        "log_format",
        ("TIFFIN_LOG_FORMAT",),
        _one_of("text", "json"),
        "",
        "One line of text or of JSON an event",
    ),
    Variable(
        "allow_version_mismatch",
        ("TIFFIN_ALLOW_VERSION_MISMATCH",),
        _truth,
        "",
        "Serve an artifact that another minor version of its library wrote, or scripts whose requirements.txt asks for "
        "other versions",
    ),
    Variable("training_job_name", ("TRAINING_JOB_NAME",), str, "T-14", "Name of the training job"),
)
