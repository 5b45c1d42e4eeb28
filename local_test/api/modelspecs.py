"""Of a model, what the engine is to start for a job."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from local_test.api import instances
from local_test.api.images import runner_for
from local_test.api.jobs import Job
from local_test.api.objects import Location
from local_test.api.platform import Platform
from local_test.engine.archive import ArchiveError, unpack
from local_test.engine.containers import EngineError, Resources, Runner
from local_test.engine.serving import ServingSpec
from tiffin import limits


@dataclass(frozen=True)
class JobModel:
    """Its containers as they were when the job was asked for: the model may be deleted meanwhile."""

    containers: list[dict[str, Any]]

    @classmethod
    def of(cls, name: str, backend: Any) -> "JobModel":
        """Raises ValidationError for what AWS refuses."""
        model = backend._models.get(name)
        if model is None:
            raise ValidationError(f'Could not find model "{name}".')
        containers = model.containers or [model.primary_container]
        for container in containers:
            if container.get("Mode") == "MultiModel":
                raise ValidationError(f"Model {name} is of many models, which a transform job does not serve.")
            if (container.get("ModelDataSource") or {}).get("S3DataSource"):
                raise ValidationError(f"Model {name} has a ModelDataSource, which no transform job takes (H-20).")
        return cls(containers)

    def specs(self, platform: Platform, job: Job, kind: str, folder: Path) -> tuple[Runner, list[ServingSpec]]:
        """Its data is put below `folder`; raises EngineError."""
        specs = []
        for number, container in enumerate(self.containers):
            runner, image = runner_for(platform, container["Image"])
            tree = folder / f"model-{number}"
            (tree / "model").mkdir(parents=True)
            if url := container.get("ModelDataUrl"):
                try:
                    unpack(platform.objects.file(job.account, Location.of(url)), tree / "model")
                except ArchiveError as error:
                    raise EngineError(f"Failed to extract model data archive from {url}: {error}") from None
            size = instances.size_of(kind)
            told = platform.aws_environment(job.region, runner.runs_images) | (container.get("Environment") or {})
            specs.append(
                ServingSpec(
                    image,
                    tree,
                    told,
                    hostname=container.get("ContainerHostname"),
                    resources=Resources(*size) if size else Resources(),
                    port=limits.PORT + number,
                )
            )
        return runner, specs
