"""The servers that are compared, each set up as its own documentation says, all with the same tree."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.process import Command
from bench.wire import CSV, LIST_JSON, ROWS_JSON, V2, Wire

ROOT = Path(__file__).resolve().parent.parent
APPS = Path(__file__).resolve().parent / "apps"
PLUGS = Path(__file__).resolve().parent / "plugs"
MANY = 1_000_000  # rows, more than any request has
BATCH = 32  # the connections of the workload that is about many single rows


@dataclass(frozen=True)
class Place:
    """Where and how a peer runs this time. `folder` is empty, and its own; `tree` the joblib dump."""

    port: int
    other_ports: tuple[int, int]
    workers: int
    folder: Path
    programs: Path  # the bin/ of its environment
    tree: Path
    colour_base: Path  # Tiffin's own /opt/ml tree, with the colour artifact
    columns: int = 0  # of the estimator in `tree`; 0: it is the colour tree

    @property
    def environment(self) -> dict[str, str]:
        """Whose model takes other columns than R,G,B is told so."""
        return {"PYTHONPATH": str(APPS), "BENCH_TREE": str(self.tree), **self.columns_said}

    @property
    def columns_said(self) -> dict[str, str]:
        return {"BENCH_COLUMNS": str(self.columns)} if self.columns else {}


@dataclass(frozen=True)
class Peer:
    title: str
    commands: Callable[[Place], list[Command]]
    requirements: str | None = None  # bench/requirements/<this>.txt; None: nothing of its own
    packages: tuple[str, ...] = ()  # whose versions are told
    ready: str = "/ping"
    wire: Wire = CSV
    is_limit: bool = False
    note: str = ""
    warm: float = 2.0  # seconds of load before anything is measured
    debian: bool = False  # `packages` are Debian's
    needs: tuple[str, ...] = ()  # of Debian, beside its own
    any_columns: bool = True  # serves another estimator too
    same_tree: bool = True  # its answers are compared with Tiffin's


def _configured(name: str, place: Place, target: str) -> Path:
    text = Template((APPS / name).read_text()).safe_substitute(
        port=place.port, workers=place.workers, folder=place.folder
    )
    file = place.folder / target
    file.write_text(text)
    return file


def _nginx(place: Place, configuration: str) -> Command:
    file = _configured(configuration, place, "nginx.conf")
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
    return Command([program, "-p", f"{place.folder}/", "-c", str(file), "-e", "stderr"])


def _constant(place: Place) -> list[Command]:
    return [_nginx(place, "constant.nginx.conf")]


def _gunicorn(place: Place, bind: str, *options: str) -> Command:
    line = [str(place.programs / "gunicorn"), "--bind", bind, "--workers", str(place.workers), *options]
    return Command([*line, "flask_app:app"], place.environment)


def _aws(place: Place) -> list[Command]:
    """X-02; nginx comes second, since its error log of a missing socket is no part of what is measured."""
    behind = _gunicorn(place, f"unix:{place.folder}/gunicorn.sock", "--worker-class", "sync", "--timeout", "60")
    return [behind, _nginx(place, "aws.nginx.conf")]


def _gthread(place: Place) -> list[Command]:
    return [_gunicorn(place, f"127.0.0.1:{place.port}", "--worker-class", "gthread", "--threads", "4")]


def _fastapi(place: Place) -> list[Command]:
    line = [str(place.programs / "uvicorn"), "fastapi_app:app", "--host", "127.0.0.1", "--port", str(place.port)]
    workers = ["--workers", str(place.workers)] if place.workers > 1 else []
    return [Command([*line, *workers], place.environment)]


def _mlserver(batching: Mapping[str, float]) -> Callable[[Place], list[Command]]:
    def commands(place: Place) -> list[Command]:
        settings = {
            "host": "127.0.0.1",
            "http_port": place.port,
            "grpc_port": place.other_ports[0],
            "metrics_port": place.other_ports[1],
            # its documentation: 0 predicts in the server's own process, which is quicker for one worker
            "parallel_workers": place.workers if place.workers > 1 else 0,
        }
        model = {"name": "colour", "implementation": "mlserver_app.ColourTree", **batching}
        (place.folder / "settings.json").write_text(json.dumps(settings))
        (place.folder / "model-settings.json").write_text(json.dumps(model))
        return [Command([str(place.programs / "mlserver"), "start", "."], place.environment)]

    return commands


def _litserve(batch: int) -> Callable[[Place], list[Command]]:
    def commands(place: Place) -> list[Command]:
        own = {"BENCH_PORT": str(place.port), "BENCH_WORKERS": str(place.workers), "BENCH_BATCH": str(batch)}
        line = [str(place.programs / "python"), str(APPS / "litserve_app.py")]
        return [Command(line, {**place.environment, **own})]

    return commands


def _bentoml(batch: int) -> Callable[[Place], list[Command]]:
    def commands(place: Place) -> list[Command]:
        own = {"BENCH_WORKERS": str(place.workers), "BENCH_BATCH": str(batch), "BENTOML_HOME": str(place.folder)}
        own["BENTOML_DO_NOT_TRACK"] = "True"
        line = [str(place.programs / "bentoml"), "serve", "bentoml_app:ColourTree", "--working-dir", str(APPS)]
        own["PATH"] = f"{place.programs}:{os.environ.get('PATH', '')}"
        return [Command([*line, "--host", "127.0.0.1", "--port", str(place.port)], {**place.environment, **own})]

    return commands


def _ray(place: Place) -> list[Command]:
    own = {"BENCH_PORT": str(place.port), "BENCH_WORKERS": str(place.workers), "BENCH_FOLDER": str(place.folder)}
    own |= {"RAY_USAGE_STATS_ENABLED": "0", "PATH": f"{place.programs}:{os.environ.get('PATH', '')}"}
    return [Command([str(place.programs / "python"), str(APPS / "ray_app.py")], {**place.environment, **own})]


def _plumber(place: Place) -> list[Command]:
    colours = ROOT / "model" / "data" / "colours.csv"
    return [Command(["Rscript", str(APPS / "plumber_app.R"), str(place.port), str(colours)])]


def _granian(place: Place) -> list[Command]:
    line = [str(place.programs / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(place.port)]
    return [Command([*line, "--workers", str(place.workers), "flask_app:app"], place.environment)]


def _mms(place: Place) -> list[Command]:
    """As sagemaker_inference.model_server starts it: a folder as the model, the toolkit's handler service."""
    archive = place.folder / "models" / "colour"
    (archive / "MAR-INF").mkdir(parents=True)
    shutil.copy(APPS / "mms_service.py", archive)
    model = {"modelName": "colour", "handler": "mms_service:handle"}
    manifest = {"runtime": "python", "model": model, "modelServerVersion": "1.0", "specificationVersion": "1.0"}
    (archive / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest))
    _configured("mms.properties", place, "mms.properties")
    line = [str(place.programs / "multi-model-server"), "--start", "--foreground", "--mms-config", "mms.properties"]
    own = {
        "PATH": f"{place.programs}:{os.environ.get('PATH', '')}",
        "TMPDIR": str(place.folder),
    }  # TMPDIR: its PID file
    own["SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"] = "text/csv"
    return [Command([*line, "--model-store", "models", "--models", "colour=colour"], {**place.environment, **own})]


def _tiffin(place: Place, base: Path, plug: Path) -> list[Command]:
    """The access log is on, as it is by default."""
    environment = {
        "PYTHONPATH": f"{ROOT}:{APPS}",
        "PYTHONSAFEPATH": "1",
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(place.port),
        "SERVE_HOST": "127.0.0.1",
        "SERVE_WORKERS": str(place.workers),
        "TIFFIN_PLUG": str(plug),
        **place.columns_said,
    }
    return [Command([sys.executable, "-m", "serve"], environment)]


def _tiffin_colour(place: Place) -> list[Command]:
    return _tiffin(place, place.colour_base, ROOT / "model")


def _tiffin_numpy(place: Place) -> list[Command]:
    """The same plug where nothing was compiled."""
    plug = place.folder / "model"
    shutil.copytree(ROOT / "model", plug, ignore=shutil.ignore_patterns("*.so", "__pycache__", "data"))
    return _tiffin(place, place.colour_base, plug)


def _tiffin_sklearn(place: Place) -> list[Command]:
    (place.folder / "model").mkdir()
    shutil.copy(place.tree, place.folder / "model" / "tree.joblib")
    return _tiffin(place, place.folder, PLUGS / "sklearn_tree")


def _tiffin_r(place: Place) -> list[Command]:
    """A saved rpart without code: the tree that plumber_app.R fits."""
    artifact = place.folder / "model"
    artifact.mkdir()
    colours = ROOT / "model" / "data" / "colours.csv"
    line = ["Rscript", str(APPS / "rpart_tree.R"), str(colours), str(artifact / "model.rds")]
    subprocess.run(line, check=True, capture_output=True, timeout=120)
    command, *_ = _tiffin(place, place.folder, place.folder / "no-plug")
    return [Command([str(place.programs / "python"), "-m", "serve"], {**command.environment, "RPY2_CFFI_MODE": "ABI"})]


_OURS = ("gunicorn", "flask", "numpy", "scikit-learn")
_SKLEARN = ("pandas", "scikit-learn")
_BATCHED = {"max_batch_size": BATCH, "max_batch_time": 0.005}

PEERS: Mapping[str, Peer] = {
    "nginx": Peer("limit: nginx returns a constant", _constant, is_limit=True, note="no model; its log is off"),
    "aws": Peer(
        "AWS's layout: nginx → gunicorn sync → Flask → pandas → predict",
        _aws,
        "flask",
        ("gunicorn", "flask", *_SKLEARN),
        note="client_max_body_size raised from 5m to 100m, so that 6 MB pass",
    ),
    "gthread": Peer("gunicorn gthread → the same Flask app", _gthread, "flask", ("gunicorn", "flask", *_SKLEARN)),
    "granian": Peer("granian → the same Flask app", _granian, "granian", ("granian", "flask", *_SKLEARN)),
    "fastapi": Peer(
        "FastAPI, uvicorn, pandas", _fastapi, "fastapi", ("fastapi", "uvicorn", "uvloop", "httptools", *_SKLEARN)
    ),
    "mlserver": Peer(
        "MLServer",
        _mlserver({}),
        "mlserver",
        ("mlserver", "scikit-learn"),
        ready="/v2/models/colour/ready",
        wire=V2,
        note="its own protocol, V2 as JSON, in and out",
    ),
    "mlserver-batching": Peer(
        "MLServer with its batching",
        _mlserver(_BATCHED),
        "mlserver",
        ("mlserver", "scikit-learn"),
        ready="/v2/models/colour/ready",
        wire=V2,
        note="as above; max_batch_size 32, max_batch_time 5 ms",
    ),
    "mms": Peer(
        "sagemaker-inference, multi-model-server (Java)",
        _mms,
        "mms",
        ("sagemaker-inference", "multi-model-server", "scikit-learn"),
        note="the toolkit's own decoder and encoder; warmed for longer, since Java compiles what is used",
        warm=18,
    ),
    "litserve": Peer(
        "LitServe", _litserve(1), "litserve", ("litserve", "scikit-learn"), "/health", ROWS_JSON, note="JSON in and out"
    ),
    "litserve-batching": Peer(
        "LitServe with its batching",
        _litserve(BATCH),
        "litserve",
        ("litserve", "scikit-learn"),
        "/health",
        ROWS_JSON,
        note="JSON in and out; max_batch_size 32, batch_timeout 5 ms",
    ),
    "bentoml": Peer(
        "BentoML", _bentoml(1), "bentoml", ("bentoml", "scikit-learn"), "/readyz", LIST_JSON, note="JSON in and out"
    ),
    "bentoml-batching": Peer(
        "BentoML with its batching",
        _bentoml(MANY),
        "bentoml",
        ("bentoml", "scikit-learn"),
        "/readyz",
        LIST_JSON,
        note="JSON in and out; batchable, with room for the largest request",
    ),
    "ray": Peer("Ray Serve", _ray, "ray", ("ray", "starlette", *_SKLEARN), note="a proxy and replicas, as it comes"),
    "plumber": Peer(
        "R plumber, rpart",
        _plumber,
        packages=("r-cran-plumber", "r-cran-rpart"),
        debian=True,
        note="rpart's own tree on R,G,B, so that its labels are not compared; one process, whatever is asked for",
        any_columns=False,
        same_tree=False,
    ),
    "tiffin": Peer(
        "**Tiffin**, the colour classifier",
        _tiffin_colour,
        None,
        _OURS,
        any_columns=False,
        note="with its compiled pass" if any((ROOT / "model").glob("*.so")) else "without a compiled pass",
    ),
    "tiffin-numpy": Peer(
        "**Tiffin**, the same without the compiled pass",
        _tiffin_numpy,
        None,
        _OURS,
        note="numpy alone",
        any_columns=False,
    ),
    "tiffin-sklearn": Peer(
        "**Tiffin**, a scikit-learn Pipeline by its own predict",
        _tiffin_sklearn,
        None,
        _OURS,
        note="bench/plugs/sklearn_tree: no predict_fn, so that requests are joined",
    ),
    "tiffin-r": Peer(
        "**Tiffin**, a saved rpart of R",
        _tiffin_r,
        "r",
        ("gunicorn", "flask", "numpy", "rpy2-rinterface"),
        needs=("r-base-core", "r-cran-rpart", "make"),
        note="the tree that plumber serves, by R's own predict in Tiffin's processes; requests are joined",
        any_columns=False,
        same_tree=False,
    ),
}
OURS = ("tiffin", "tiffin-numpy", "tiffin-sklearn", "tiffin-r")
