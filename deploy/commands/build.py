"""`deploy build`: the image, for one platform and with a manifest that SageMaker takes; says what fills it."""

import argparse
import os
import sys

from deploy import builders, engine, filling, images, sources
from deploy.context import Context
from deploy.errors import DeployError
from deploy.progress import Progress
from deploy.sections import Image, Project

SECTIONS = (Project, Image)
HELP = "build the image with Docker, and say what fills it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="though files with credentials would be in the image")


def run(context: Context, options: argparse.Namespace) -> int:
    settings, tag = context.read(Image), images.local(context)
    given = sources.find(settings)
    leaks = sources.leaks(given, settings.secrets)
    if leaks and not options.force:
        raise DeployError(
            f"credentials would be in the image, for whoever can pull it: {', '.join(leaks)}; name them in "
            f"{given.context / '.dockerignore'}, or --force"
        )
    for name in settings.build_args:
        if any(word in name.upper() for word in ("PASSWORD", "TOKEN", "SECRET", "CREDENTIAL")):
            context.say(f"warning: the build argument {name} stays in the image's history; --secrets do not")
    for name, value in builders.proxies(os.environ).items():
        if any(here in value for here in ("//localhost", "//127.0.0.1", "//[::1]")):
            context.say(f"warning: {name} names this machine itself, which a build step does not reach by that name")
    plan = builders.Plan(
        tag, settings.platform, sources.labels(given, settings.build_args), settings.build_args, settings.secrets
    )
    with engine.connected() as client:
        builder = builders.choose(plan, client)
        of = f"{given.dockerfile}{f', stage {given.target}' if given.target else ''}"
        context.say(f"building {tag} for {plan.platform} from {of}, with {builder.name}")
        if options.dry_run:
            return 0
        builders.build(builder, client, given, plan, Progress())
        image = engine.image(client, tag)
        built = images.platform(image)
        if built != plan.platform:
            raise DeployError(
                f"{tag} came out as {built} and not as {plan.platform}: a base image of that name and of the other "
                f"processor is here; `docker pull --platform {plan.platform}` it anew (C-13)"
            )
        context.say(f"{tag} is {image.attrs['Size'] / 1e6:.0f} MB; what fills it:")
        for size, what in filling.folders(client, image) or filling.layers(image):
            context.say(f"  {size / 1e6:7.1f} MB  {what}")
    sys.stdout.write(f"{tag}\n")
    return 0
