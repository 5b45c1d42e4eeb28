"""What a command is given: settings, AWS, and a way to make things, each opened when it is used."""

import argparse
import secrets
import sys
import time
from functools import cached_property
from typing import TypeVar

from deploy import options as settings
from deploy.aws import Aws
from deploy.errors import DeployError
from deploy.kinds.sagemaker import short
from deploy.making import Maker
from deploy.sections import Account, Project

Section = TypeVar("Section")


class Context:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.bucket = ""  # known when deploy.buckets was asked, and asked for once

    def read(self, section: type[Section]) -> Section:
        return settings.read(section, self._options)

    @cached_property
    def project(self) -> str:
        return self.read(Project).project

    @cached_property
    def aws(self) -> Aws:
        return Aws(self.read(Account), dry_run=bool(getattr(self._options, "dry_run", False)))

    @cached_property
    def maker(self) -> Maker:
        return Maker(self.aws, self.read(Project))

    def say(self, text: str) -> None:
        """For people, and so not on stdout, where results and a dry run's calls are."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def named(self, name: str, otherwise: str) -> str:
        """`name`, where one is given. By how it begins it is found, and allowed to who deploys."""
        if name and not name.startswith(short(self.project)):
            raise DeployError(
                f"the name {name!r} does not begin with the project's: {self.project}-{name} would be found"
            )
        return name or otherwise

    def fresh(self, what: str) -> str:
        """A name that nothing has yet: the project, what it is, the second, and a number for two in one second."""
        return f"{self.project}-{what}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(1)}"
