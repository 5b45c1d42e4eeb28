import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiffin import limits
from tiffin.errors import SettingsError
from tiffin.settings import VARIABLES, Settings


def test_nothing_set() -> None:
    settings = Settings.from_environ({})
    assert (settings.base_dir, settings.host, settings.port) == (Path("/opt/ml"), "0.0.0.0", 8080)  # noqa: S104
    assert (settings.timeout, settings.max_payload, settings.default_accept) == (60, 25 * limits.MIB, "*/*")
    assert settings.workers == 0  # by the container
    assert settings.plug == Path(__file__).resolve().parents[3] / "model"
    assert settings.paths.code == Path("/opt/ml/model/code")


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({"SAGEMAKER_BASE_DIR": "/elsewhere"}, "base_dir", Path("/elsewhere")),
        ({"SAGEMAKER_BIND_TO_PORT": "0"}, "port", 0),
        ({"SAGEMAKER_BIND_TO_PORT": " 65535 "}, "port", 65535),
        ({"SAGEMAKER_BIND_TO_PORT": ""}, "port", 8080),
        ({"SAGEMAKER_BIND_TO_PORT": " "}, "port", 8080),
        ({"MODEL_SERVER_WORKERS": "3"}, "workers", 3),  # K-10
        ({"MODEL_SERVER_WORKERS": "3", "SAGEMAKER_MODEL_SERVER_WORKERS": "4"}, "workers", 4),
        ({"MODEL_SERVER_WORKERS": "no number", "SERVE_WORKERS": "5"}, "workers", 5),
        ({"SERVE_WORKERS": "", "MODEL_SERVER_WORKERS": "3"}, "workers", 3),
        ({"MODEL_SERVER_TIMEOUT": "3600"}, "timeout", 3600),
        ({"SAGEMAKER_MULTI_MODEL": "True"}, "multi_model", True),  # M-01
        ({"SAGEMAKER_MULTI_MODEL": "TRUE"}, "multi_model", True),
        ({"SAGEMAKER_MULTI_MODEL": "false"}, "multi_model", False),
        ({"SAGEMAKER_MULTI_MODEL": ""}, "multi_model", False),
        ({"SAGEMAKER_MODEL_SERVER_TIMEOUT": "7", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "8"}, "timeout", 8),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "6"}, "max_payload", 6 * limits.MIB),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}, "max_payload", 0),
        ({"SAGEMAKER_BATCH": "true"}, "max_payload", 100 * limits.MIB),  # B-01, B-03
        ({"SAGEMAKER_BATCH": "True"}, "max_payload", 100 * limits.MIB),  # the SDK's local mode
        ({"SAGEMAKER_BATCH": "false"}, "max_payload", 25 * limits.MIB),
        ({"SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6"}, "max_payload", 6 * limits.MIB),
        ({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}, "default_accept", "text/csv"),
        ({"SAGEMAKER_PROGRAM": "my-model.py"}, "program", "my-model.py"),
        ({"SAGEMAKER_CONTAINER_LOG_LEVEL": "20"}, "log_level", logging.INFO),
        ({"SAGEMAKER_CONTAINER_LOG_LEVEL": "Warning"}, "log_level", logging.WARNING),
        ({"TIFFIN_LOG_FORMAT": "JSON"}, "log_format", "json"),
        ({"TIFFIN_ALLOW_VERSION_MISMATCH": "Yes"}, "allow_version_mismatch", True),
        ({"TIFFIN_ALLOW_VERSION_MISMATCH": "off"}, "allow_version_mismatch", False),
        ({"TRAINING_JOB_NAME": "colours-1"}, "training_job_name", "colours-1"),
    ],
)
def test_set(environ: Mapping[str, str], field: str, value: object) -> None:
    assert getattr(Settings.from_environ(environ), field) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("SERVE_WORKERS", "two", "is not a whole number"),
        ("SERVE_WORKERS", "1.5", "is not a whole number"),
        ("SERVE_WORKERS", "1_0", "is not a whole number"),
        ("SERVE_WORKERS", "9" * 5000, "is not a whole number"),
        ("SERVE_WORKERS", "0", "is not between 1 and 512"),
        ("MODEL_SERVER_WORKERS", "-1", "is not between 1 and 512"),
        ("SERVE_THREADS", "257", "is not between 1 and 256"),
        ("SAGEMAKER_BIND_TO_PORT", "65536", "is not between 0 and 65535"),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "3601", "is not between 1 and 3600"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "6 MB", "is not a whole number"),
        ("SAGEMAKER_PROGRAM", "../inference.py", "is not the name of a file in the code/ folder"),
        ("SAGEMAKER_PROGRAM", "/opt/ml/code/a.py", "is not the name of a file in the code/ folder"),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "loud", "is no log level: debug, info, warning, error, critical, or "),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "51", "is no log level: "),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "9" * 5000, "is no log level: "),
        ("TIFFIN_LOG_FORMAT", "xml", "is none of text, json"),
        ("TIFFIN_ALLOW_VERSION_MISMATCH", "perhaps", "is neither true nor false"),
    ],
)
def test_what_cannot_be_right_is_named_with_its_value(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({name: text})
    assert str(raised.value).startswith(f"{name}={text!r} {sentence}")


@given(st.dictionaries(st.sampled_from([name for v in VARIABLES for name in v.names]), st.text(), max_size=4))
def test_any_environment_is_settings_or_a_settings_error(environ: dict[str, str]) -> None:
    with suppress(SettingsError):
        assert isinstance(Settings.from_environ(environ), Settings)


def test_each_field_has_one_variable_and_each_name_one_meaning() -> None:
    assert [variable.field for variable in VARIABLES] == [field.name for field in fields(Settings)]
    names = [name for variable in VARIABLES for name in variable.names]
    assert len(names) == len(set(names))
