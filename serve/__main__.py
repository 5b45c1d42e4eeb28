"""`serve`: what SageMaker starts for hosting and batch transform (C-01)."""

import os
import sys

from tiffin import logs
from tiffin.errors import SettingsError
from tiffin.settings import Settings


def main() -> int:
    if len(sys.argv) > 1:
        sys.stderr.write("serve: takes no arguments; everything is set by the environment (docs/03-settings.md)\n")
        return 2
    try:
        settings = Settings.from_environ(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"serve: {error}\n")
        return 1
    logs.configure(settings)
    from serve.server import serve  # after the settings are known to be right: gunicorn and Flask cost time

    return serve(settings)


if __name__ == "__main__":
    sys.exit(main())
