"""Data capture: what was asked and answered lies in S3 by the hour (D-01 to D-03)."""

import base64
import json
import re
from typing import Any

import pytest

from tests.awshosting import BUCKET, Hosting, name


def captured(hosting: Hosting, endpoint: str, place: str, count: int) -> list[dict[str, Any]]:
    """So many lines, once they are there."""

    def look() -> list[dict[str, Any]] | None:
        lines: list[dict[str, Any]] = []
        for key in hosting.keys(f"{place}/"):
            path = rf"{place.removeprefix(f's3://{BUCKET}/')}/{endpoint}/main/\d{{4}}/\d\d/\d\d/\d\d/[\w-]+\.jsonl"
            assert re.fullmatch(path, key)
            body = hosting.get(f"s3://{BUCKET}/{key}") or b""
            lines += [json.loads(line) for line in body.decode().splitlines()]
        return lines if len(lines) >= count else None

    return hosting.aws.wait(look, f"{count} captured lines")


def config(place: str, share: int = 100, modes: tuple[str, ...] = ("Input", "Output"), **more: Any) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": share,
        "DestinationS3Uri": place,
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
        **more,
    }


def test_D01_D02_lines_are_as_model_monitor_reads_them(hosting: Hosting) -> None:
    place = f"s3://{BUCKET}/{name('capture')}"
    types: dict[str, Any] = {
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
    }
    endpoint = hosting.serve(hosting.variant(hosting.model()), DataCaptureConfig=config(place, **types))
    summary = hosting.describe(endpoint)["DataCaptureConfig"]
    assert (summary["CaptureStatus"], summary["CurrentSamplingPercentage"]) == ("Started", 100)
    sent = {"text/csv; charset=utf-8": b"1,2\n", "application/json": b'{"a": 1}', "a/b": b"\xff\x00"}
    for content_type, body in sent.items():
        hosting.invoke(endpoint, body, ContentType=content_type, InferenceId="mine")
    lines = captured(hosting, endpoint, place, 3)
    assert len(lines) == 3
    for line, (content_type, body) in zip(lines, sent.items(), strict=True):
        encoding = {"t": "CSV", "a": "JSON" if "json" in content_type else "BASE64"}[content_type[0]]
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
        common = {"observedContentType": content_type, "data": data, "encoding": encoding}
        assert line["captureData"] == {
            "endpointInput": common | {"mode": "INPUT"},
            "endpointOutput": common | {"mode": "OUTPUT"},
        }
        assert line["eventVersion"] == "0"
        assert line["eventMetadata"]["inferenceId"] == "mine"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["eventMetadata"]["inferenceTime"])


@pytest.mark.parametrize(("mode", "kept"), [("Input", {"endpointInput"}), ("Output", {"endpointOutput"})])
def test_D03_modes(hosting: Hosting, mode: str, kept: set[str]) -> None:
    place = f"s3://{BUCKET}/{name('capture')}"
    endpoint = hosting.serve(hosting.variant(hosting.model()), DataCaptureConfig=config(place, modes=(mode,)))
    hosting.invoke(endpoint, b"x", ContentType="text/csv")
    [line] = captured(hosting, endpoint, place, 1)
    assert set(line["captureData"]) == kept
    [document] = line["captureData"].values()
    assert document["encoding"] == "BASE64"  # D-01: no type was listed


def test_D03_a_share_of_them(hosting: Hosting) -> None:
    place = f"s3://{BUCKET}/{name('capture')}"
    endpoint = hosting.serve(hosting.variant(hosting.model()), DataCaptureConfig=config(place, share=30))
    for _ in range(200):
        hosting.invoke(endpoint, b"x")
    hosting.sagemaker.delete_endpoint(EndpointName=endpoint)  # which writes what is left
    hosting.aws.wait(
        lambda: endpoint not in str(hosting.sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"]), "its end"
    )
    assert 30 <= len(captured(hosting, endpoint, place, 1)) <= 100  # of 200 at 30 %: fails once in 10^6
