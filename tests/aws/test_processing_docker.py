"""Processing jobs through boto3 in real containers."""

import json
from collections.abc import Iterator

import pytest

from tests.awsjobs import BUCKET, Jobs
from tests.awsprocessing import Processing, given
from tests.container.conftest import COLOUR
from tests.localaws import up
from tests.outside import outside

pytestmark = pytest.mark.container

MEETS = """
import json, pathlib, socket, time
base = pathlib.Path("/opt/ml")
known = json.loads((base / "config/resourceconfig.json").read_text())
here, others = known["current_host"], [host for host in known["hosts"] if host != known["current_host"]]
server = socket.create_server(("", 7000))
for other in others:
    until = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection((other, 7000), timeout=2) as peer:
                peer.sendall(here.encode())
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
met = sorted(server.accept()[0].recv(64).decode() for _ in others)
share = sorted(path.name for path in (base / "processing/input").iterdir())
(base / f"processing/out/{here}.json").write_text(json.dumps([met, share]))
"""


@pytest.fixture(scope="module")
def processing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processing]:
    with up(tmp_path_factory.mktemp("aws") / "state", "--docker") as api:
        yield Processing(Jobs(api, COLOUR))


@pytest.mark.parametrize("isolated", [False, True])
def test_hosts_meet_and_get_their_shards(processing: Processing, isolated: bool) -> None:
    jobs = processing.jobs
    data = jobs.put(a=b"1", b=b"2", c=b"3")
    shards = given(data, S3DataDistributionType="ShardedByS3Key")
    network = {"EnableNetworkIsolation": isolated}
    name = processing.start(MEETS, hosts=2, inputs=[shards], NetworkConfig=network)
    job = processing.ended(name)
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.lines(name))
    found = [json.loads(jobs.read(f"s3://{BUCKET}/{name}/algo-{number}.json")) for number in (1, 2)]
    assert found == [[["algo-2"], ["a", "c"]], [["algo-1"], ["b"]]]


def test_T15_an_isolated_job_reaches_nobody(processing: Processing) -> None:
    with outside() as there:
        name = processing.start(there.code, NetworkConfig={"EnableNetworkIsolation": True})
        job = processing.ended(name)
    assert job["ProcessingJobStatus"] == "Completed", (job, processing.lines(name))
    assert sorted(processing.lines(name)) == there.of_nobody()
    assert there.datagrams == []


def test_one_host_that_fails_ends_the_others(processing: Processing) -> None:
    code = (
        "import json, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "host = json.load(open('/opt/ml/config/resourceconfig.json'))['current_host']\n"
        "sys.exit(4) if host == 'algo-2' else time.sleep(600)"
    )
    job = processing.ended(processing.start(code, hosts=2))
    assert (job["ProcessingJobStatus"], job["FailureReason"]) == ("Failed", "AlgorithmError: exit code: 4")
