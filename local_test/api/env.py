"""`eval $(python -m local_test env)`: any AWS client of this shell talks to this machine, and can reach no account.

What stops an accident: keys that AWS does not know, no profile, no role and no instance metadata to take others from,
no address of one service that would win over ours. A client that names its address itself, as both SageMaker SDKs do
for STS, still goes there, and is refused for its keys.
"""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from local_test.api.identity import ACCESS_KEY, REGION, SECRET_KEY

# Would win over ours, or bring keys that AWS knows.
_AWAY = re.compile(
    r"AWS_(ENDPOINT_URL_.+|PROFILE|DEFAULT_PROFILE|SESSION_TOKEN|SECURITY_TOKEN|ROLE_ARN|ROLE_SESSION_NAME"
    r"|WEB_IDENTITY_TOKEN_FILE|CONTAINER_CREDENTIALS_(RELATIVE|FULL)_URI|CONTAINER_AUTHORIZATION_TOKEN(_FILE)?"
    r"|IGNORE_CONFIGURED_ENDPOINT_URLS|USE_FIPS_ENDPOINT|USE_DUALSTACK_ENDPOINT|CREDENTIAL_EXPIRATION)"
)
CONFIG = """\
[default]
region = {region}
retry_mode = standard
"""
SDK_CONFIG = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


def variables(port: int, folder: Path, region: str = REGION) -> dict[str, str]:
    """What is set; `folder` gets the files that are pointed at."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    files = {"config": CONFIG.format(region=region), "credentials": "", "sagemaker.yaml": SDK_CONFIG}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(folder / "sagemaker.yaml"),  # both SDKs' telemetry goes past our address
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(folder / "sagemaker.yaml"),
        "SAGEMAKER_VALIDATE_ROLE": "false",  # the role of ModelTrainer need not exist here
        "NO_PROXY": "127.0.0.1,localhost",
    }


def removed(environ: Mapping[str, str]) -> list[str]:
    return sorted(name for name in environ if _AWAY.fullmatch(name))


def shell(port: int, folder: Path, region: str = REGION, environ: Mapping[str, str] = os.environ) -> str:
    """Lines for `eval` in a POSIX shell."""
    wanted = variables(port, folder, region)
    others = [name for name in environ.get("NO_PROXY", "").split(",") if name and name not in wanted["NO_PROXY"]]
    wanted["NO_PROXY"] = ",".join([*others, wanted["NO_PROXY"]])
    lines = [f"unset {name};" for name in removed(environ)]
    lines += [f"export {name}={shlex.quote(value)};" for name, value in wanted.items()]
    return "\n".join(lines) + "\n"
