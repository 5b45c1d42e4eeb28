import json

import pytest

from local_test.transform.job import TransformJob
from local_test.transform.parameters import Parameters, decide, environment

OFFER = {"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 10}


@pytest.mark.parametrize(
    ("job", "status", "offer", "decided"),
    [
        ({}, 404, "not found", (1, 6, "MultiRecord")),
        ({}, 0, "", (1, 6, "MultiRecord")),
        ({}, 500, json.dumps(OFFER), (1, 6, "MultiRecord")),
        ({}, 200, json.dumps(OFFER), (8, 10, "SingleRecord")),
        ({}, 200, json.dumps({**OFFER, "BatchStrategy": "MultiRecord"}), (8, 10, "MultiRecord")),
        ({}, 200, '{"MaxPayloadInMB": 0}', (1, 0, "MultiRecord")),
        ({"max_payload_in_mb": 2}, 200, json.dumps(OFFER), (8, 2, "SingleRecord")),
        ({"max_payload_in_mb": 0}, 200, json.dumps(OFFER), (8, 0, "SingleRecord")),
        ({"max_concurrent_transforms": 3}, 200, json.dumps(OFFER), (3, 10, "SingleRecord")),
        ({"max_concurrent_transforms": 0}, 200, json.dumps(OFFER), (8, 10, "SingleRecord")),
        ({"batch_strategy": "MultiRecord"}, 200, json.dumps(OFFER), (8, 10, "MultiRecord")),
    ],
)
def test_B02_the_job_decides_over_the_container_over_the_defaults(
    job: dict[str, object], status: int, offer: str, decided: tuple[int, int, str]
) -> None:
    said: list[str] = []
    assert decide(TransformJob(**job), status, offer.encode(), said.append) == Parameters(*decided)  # type: ignore[arg-type]
    assert said == []


@pytest.mark.parametrize(
    ("offer", "decided", "sentence"),
    [
        ("<html>", (1, 6, "MultiRecord"), "200 with no JSON object"),
        ("[1]", (1, 6, "MultiRecord"), "200 with no JSON object"),
        ('{"MaxConcurrentTransforms": "8"}', (1, 6, "MultiRecord"), "MaxConcurrentTransforms='8' is passed over"),
        ('{"MaxConcurrentTransforms": true}', (1, 6, "MultiRecord"), "MaxConcurrentTransforms=True is passed over"),
        ('{"MaxPayloadInMB": 101}', (1, 6, "MultiRecord"), "MaxPayloadInMB=101 is passed over"),
        ('{"BatchStrategy": "MANY"}', (1, 6, "MultiRecord"), "BatchStrategy='MANY' is passed over"),
        ('{"BatchStrategy": ["MULTI_RECORD"]}', (1, 6, "MultiRecord"), "is passed over"),
        ('{"MaxConcurrentTransforms": 20}', (16, 6, "MultiRecord"), "20 requests of 6 MB are more than the 100 MB"),
    ],
)
def test_what_the_container_says_wrongly_is_named(offer: str, decided: tuple[int, int, str], sentence: str) -> None:
    said: list[str] = []
    assert decide(TransformJob(), 200, offer.encode(), said.append) == Parameters(*decided)
    assert len(said) == 1
    assert sentence in said[0]


def test_B01_the_environment_says_what_the_job_says() -> None:
    assert environment(TransformJob(environment={"A": "b"})) == {"A": "b", "SAGEMAKER_BATCH": "true"}
    job = TransformJob(batch_strategy="MultiRecord", max_payload_in_mb=5, max_concurrent_transforms=2)
    assert environment(job) == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "5",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
    }
