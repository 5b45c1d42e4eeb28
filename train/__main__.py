"""`train`: what SageMaker starts for a training job (C-01)."""

import os
import sys

from tiffin import logs
from tiffin.errors import SettingsError
from tiffin.settings import Settings
from train.run import FAILED, run, write_failure


def main() -> int:
    if len(sys.argv) > 1:
        sys.stderr.write("train: takes no arguments; everything is set by the environment (docs/03-settings.md)\n")
        return 2
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"train: {error}\n")
        base = {name: value for name, value in os.environ.items() if name == "SAGEMAKER_BASE_DIR"}
        write_failure(Settings.from_environ(base).paths, error)
        return FAILED
    logs.configure(settings)
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
