"""What an endpoint is to be: the requests that make it, and how one that is there differs from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy import artifacts, buckets, checks, enterprise, images, roles
from deploy.context import Context
from deploy.errors import DeployError
from deploy.sections import Account, Endpoint, Image
from deploy.variants import Variant, variants

OUTPUT, FAILURES, CAPTURE = "async-output", "async-failures", "capture"  # below the project's prefix


@dataclass(frozen=True)
class Plan:
    """`models` are CreateModel's parameters by variant, `variants` ProductionVariants without a model's name."""

    endpoint: str
    settings: Endpoint
    models: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Mapping[str, Any]]
    config: Mapping[str, Any]
    prefixes: tuple[str, ...]

    @property
    def is_serverless(self) -> bool:
        return self.settings.kind == "serverless"

    @property
    def scales(self) -> bool:
        return self.settings.max_instances > 0


def plan(context: Context) -> Plan:
    """Checked; AWS is only read."""
    settings = endpoint_of(context)
    chosen = variants(settings.variants, settings.model_data or _latest(context, settings))
    checks.check(checks.Wanted(settings, chosen, context.read(Account), context.read(Image)))
    role, image = roles.execution(context), images.pushed(context)
    checks.check_region(image, context.aws.region)
    config, prefixes = _config(context, settings)
    return Plan(
        settings.endpoint,
        settings,
        {
            each.name: {"ExecutionRoleArn": role, "PrimaryContainer": _container(each, image, settings)}
            for each in chosen
        },
        {each.name: _variant(each, settings, len(chosen)) for each in chosen},
        config,
        prefixes,
    )


def endpoint_of(context: Context) -> Endpoint:
    """The settings, with the endpoint's name in them."""
    settings = context.read(Endpoint)
    return settings if settings.endpoint else type(settings)(**{**vars(settings), "endpoint": context.project})


def differences(
    wanted: Plan, config: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]], account: Account
) -> list[str]:
    """Of what DescribeEndpointConfig and DescribeModel, by variant, say: what is not as it is planned."""
    there = {each["VariantName"]: each for each in config["ProductionVariants"]}
    if set(there) != set(wanted.variants):
        return [f"the variants are {', '.join(sorted(there))}; asked: {', '.join(sorted(wanted.variants))}"]
    found = []
    for name, variant in wanted.variants.items():
        model = enterprise.dressed("model", wanted.models[name], account)
        planned = {**_of_variant(variant), **_of_model(model)}
        found += _differing(f"variant {name}", {**_of_variant(there[name]), **_of_model(models.get(name, {}))}, planned)
    dressed = enterprise.dressed("endpoint configuration", wanted.config, account)
    return [*found, *_differing("the endpoint", _of_config(config), _of_config(dressed))]


# What is compared; AWS answers with members that nobody asked for, and with its defaults.


def _of_variant(variant: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("InstanceType", "InitialInstanceCount", "ServerlessConfig")
    timeouts = ("ContainerStartupHealthCheckTimeoutInSeconds", "ModelDataDownloadTimeoutInSeconds")
    return {
        **{name: variant.get(name) for name in (*kept, *timeouts)},
        "InitialVariantWeight": variant.get("InitialVariantWeight", 1.0),
    }


def _of_model(model: Mapping[str, Any]) -> dict[str, Any]:
    container = model.get("PrimaryContainer") or {}
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    return {
        **{name: model.get(name) for name in ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")},
        **{name: container.get(name) for name in ("Image", "Environment")},
        "ModelDataUrl": container.get("ModelDataUrl") or source.get("S3Uri"),
        "Mode": container.get("Mode") or "SingleModel",
    }


def _of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    capture = config.get("DataCaptureConfig") or {}
    return {
        "DataCaptureConfig": capture if capture.get("EnableCapture") else None,
        **{name: config.get(name) for name in ("AsyncInferenceConfig", "KmsKeyId")},
    }


def _differing(where: str, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        f"{where}: {name} is {_shown(there[name])}; asked: {_shown(wanted[name])}"
        for name in wanted
        if not _same(there[name], wanted[name])
    ]


def _same(there: Any, wanted: Any) -> bool:
    """AWS adds members with its defaults; what is not there may be there, empty."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        members = set(wanted) if wanted else set(there)
        return all(_same(there.get(each), wanted.get(each)) for each in members)
    if isinstance(wanted, list) and isinstance(there, list):
        return sorted(map(str, there)) == sorted(map(str, wanted))
    return there == wanted or not (there or wanted)


def _shown(value: Any) -> str:
    return str(value) if value else "nothing"


def _latest(context: Context, settings: Endpoint) -> str:
    if settings.variants:
        return ""
    if settings.kind == "multi-model":
        raise DeployError("multi-model: --model-data names the prefix, s3://…/, that the models lie below")
    return artifacts.latest(context)


def _container(variant: Variant, image: str, settings: Endpoint) -> dict[str, Any]:
    container: dict[str, Any] = {"Image": image, "Environment": dict(settings.environment)}
    if settings.kind == "multi-model":
        return container | {"Mode": "MultiModel", "ModelDataUrl": variant.model_data}
    if variant.model_data.endswith("/"):  # H-20
        source = {"S3Uri": variant.model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
        return container | {"ModelDataSource": {"S3DataSource": source}}
    return container | {"ModelDataUrl": variant.model_data}


def _variant(variant: Variant, settings: Endpoint, many: int) -> dict[str, Any]:
    if settings.kind == "serverless":
        size = {"MemorySizeInMB": settings.memory_mb, "MaxConcurrency": settings.max_concurrency}
        return {"VariantName": variant.name, "ServerlessConfig": size}
    timeouts = {
        "ContainerStartupHealthCheckTimeoutInSeconds": settings.start_timeout,
        "ModelDataDownloadTimeoutInSeconds": settings.download_timeout,
    }
    return {
        "VariantName": variant.name,
        "InstanceType": settings.instance_type,
        "InitialInstanceCount": settings.instance_count,
        "InitialVariantWeight": variant.weight if many > 1 else 1.0,
        **{name: seconds for name, seconds in timeouts.items() if seconds},
    }


def _config(context: Context, settings: Endpoint) -> tuple[dict[str, Any], tuple[str, ...]]:
    config: dict[str, Any] = {}
    prefixes: tuple[str, ...] = ()
    if settings.kind == "async":
        prefixes += (OUTPUT, FAILURES)
        config["AsyncInferenceConfig"] = {
            "OutputConfig": {
                "S3OutputPath": buckets.below(context, OUTPUT),
                "S3FailurePath": buckets.below(context, FAILURES),
            },
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": settings.max_concurrency},
        }
    if settings.capture:
        prefixes += (CAPTURE,)
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": round(settings.capture),
            "DestinationS3Uri": buckets.below(context, CAPTURE),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json", "application/jsonlines"],
            },
        }
    return config, prefixes
