"""`deploy push`: the image into ECR under a tag made of its content, and what arrived there checked."""

import argparse
import sys
from typing import Any

from deploy import architectures, engine, images, manifests, pushing, repositories, scans
from deploy.context import Context
from deploy.errors import DeployError, NameTaken
from deploy.manifests import Manifest
from deploy.progress import Progress
from deploy.repositories import Place
from deploy.sections import Account, Endpoint, Image, Project

SECTIONS = (Project, Account, Image)
HELP = "push the image into ECR, made where it is not there, and check what arrived"
BOOTSTRAPPED = "dev.tiffin.bootstrapped"  # container/engine.sh's label of a base that it made itself
MB = 1_000_000
SERVERLESS_IMAGE = 10_000 * MB  # S-04


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--force", action="store_true", help="though its base was bootstrapped, or the endpoint has another processor"
    )


def run(context: Context, options: argparse.Namespace) -> int:
    with engine.connected() as client:
        image = engine.image(client, images.local(context))
        _check(context, image, options.force)
        place = repositories.ensure(context)
        tag = place.tag(image.id)
        _send(context, client, image, place, tag)
    manifest = manifests.read(context, place, tag)
    if manifest is None:
        if not context.aws.dry_run:
            raise DeployError(f"ECR took {place.name}:{tag} and does not have it: run the same command again")
        manifest = Manifest("<imageDigest>", manifests.DOCKER_V2, "<imageManifest>")
    if manifest.media_type != manifests.DOCKER_V2:
        manifests.refuse(context, place, tag, manifest)
    _move(context, place, manifest)
    if context.aws.dry_run:
        return 0
    tags = tag if place.is_immutable else f"{tag} and {place.latest}"
    context.say(f"{place.name} has it as {tags}: {manifest.size / MB:.0f} MB to pull")
    scans.show(context, place, manifest.digest)
    sys.stdout.write(f"{place.uri}@{manifest.digest}\n")
    return 0


def _check(context: Context, image: Any, force: bool) -> None:
    """Raises DeployError before anything is made; what is only unwise is said."""
    name, settings, endpoint = images.local(context), context.read(Image), context.read(Endpoint)
    built = images.platform(image)
    if built != settings.platform:
        raise DeployError(
            f"{name} is for {built} and [image] platform says {settings.platform}: `deploy build` it for that, or "
            f"--platform {built} (C-13)"
        )
    wanted = architectures.AMD64 if endpoint.kind == "serverless" else architectures.platform(endpoint.instance_type)
    if built != wanted and not force:
        where = "a serverless endpoint" if endpoint.kind == "serverless" else endpoint.instance_type
        raise DeployError(
            f"{name} is for {built}, and [endpoint] is {where}, which runs {wanted}: its container would end with "
            f"'exec format error' (C-13); build for {wanted}, choose an instance type of {built}, or --force"
        )
    if built == architectures.ARM64:
        context.say("warning: training, transform and processing jobs have no Graviton instances (C-13)")
    if image.labels.get(BOOTSTRAPPED) and not force:
        raise DeployError(
            f"{name} stands on a base that container/engine.sh bootstrapped where no registry was in reach: it trusts "
            "whatever certificates that machine trusts: build it on the published debian image, or --force"
        )
    if image.attrs["Size"] > SERVERLESS_IMAGE:
        context.say(f"warning: {name} is {image.attrs['Size'] / MB:.0f} MB; serverless takes 10 GB at most (S-04)")


def _send(context: Context, client: Any, image: Any, place: Place, tag: str) -> None:
    """A tag of content is pushed once; intended in the ledger before, recorded when all of it has arrived."""
    there = manifests.read(context, place, tag)
    if there is not None and image.id not in (there.config, there.digest):
        raise NameTaken(f"{place.name}:{tag} is there, and is another image: delete it, or use another repository")
    if there is not None:
        context.say(f"{place.name}:{tag} is there already")
        context.maker.make("image", f"{place.name}:{tag}")
        return

    def push() -> None:
        if context.aws.dry_run:
            context.say(f"would push {images.local(context)} to {place.uri}:{tag}")
            return
        context.say(f"pushing {images.local(context)} to {place.uri}:{tag}")
        target = pushing.Target(image, place.uri, tag)
        pushing.push(client, target, lambda: pushing.login(context.aws), Progress())

    context.maker.make("image", f"{place.name}:{tag}", push=push)


def _move(context: Context, place: Place, manifest: Manifest) -> None:
    """`latest` to this image, where tags may move."""
    if place.is_immutable:
        return
    there = manifests.read(context, place, place.latest)
    if there is not None and there.digest == manifest.digest:
        context.maker.make("image", f"{place.name}:{place.latest}")
        return
    context.maker.make(
        "image",
        f"{place.name}:{place.latest}",
        imageManifest=manifest.text,
        imageManifestMediaType=manifest.media_type,
    )
