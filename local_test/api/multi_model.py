"""Multi-model endpoints: models fetched, loaded, evicted and invoked as the platform does it (M-01 to M-15).

Each instance has what it has loaded (a rack); what was fetched lies on the disk once for all instances of a variant and
is not fetched again (M-15).
"""

import hashlib
import json
import shutil
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from local_test.api.artifacts import DataError, unpacked
from local_test.api.objects import Location, Objects
from local_test.api.plans import PlannedVariant
from local_test.api.refusal import Refusal, invalid
from local_test.api.traffic import Traffic
from local_test.engine import process_runner
from local_test.engine.client import TimedOut
from local_test.engine.instance import Instance
from local_test.wire import Reply

ALREADY, FULL, UNKNOWN = 409, 507, 404  # M-02, M-06


class _Rack:
    """The models of one instance, the least recently used first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users: OrderedDict[str, int] = OrderedDict()
        self.loaded: set[str] = set()
        self.loading: dict[str, threading.Lock] = defaultdict(threading.Lock)


@dataclass
class Files:
    """The models of a variant on disk."""

    objects: Objects
    account: str
    container: dict[str, Any]
    tree: Path
    runs_images: bool

    def __post_init__(self) -> None:
        self._prefix = Location.of(self.container["ModelDataUrl"])
        self._lock = threading.Lock()
        self._fetching: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def url(self, model: str) -> str:
        """As the container sees it (M-08)."""
        has_own = self.runs_images or process_runner.has_namespaces()
        base = Path("/opt/ml") if has_own else self.tree.resolve()
        return str(base / "models" / _id(model) / "model")

    def fetch(self, model: str) -> None:
        """Whole or not at all; raises Refusal."""
        folder = self.tree / "models" / _id(model)
        if folder.is_dir():
            return
        if model.startswith("/") or ".." in model.split("/"):
            raise invalid(f"Invalid TargetModel {model!r}: it is a path below {self._prefix}.")
        with self._lock:
            lock = self._fetching[model]
        with lock:
            if folder.is_dir():
                return
            beside = self.tree / f".{folder.name}"
            shutil.rmtree(beside, ignore_errors=True)
            try:
                unpacked(self.objects, self.account, self._prefix.under(model), beside / "model")
            except DataError as error:
                shutil.rmtree(beside, ignore_errors=True)
                raise invalid(str(error)) from None
            beside.rename(folder)


class Shelf:
    """The models of a variant."""

    def __init__(self, files: Files, variant: PlannedVariant, traffic: Traffic) -> None:
        self._files, self._variant, self._traffic = files, variant.name, traffic
        cache = (files.container.get("MultiModelConfig") or {}).get("ModelCacheSetting", "Enabled")
        self._keeps = cache == "Enabled"  # M-10
        self._racks: WeakKeyDictionary[Instance, _Rack] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def has(self, instance: Instance, model: str) -> bool:
        return model in self._rack(instance).loaded

    def invoke(self, instance: Instance, model: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        """What the container says of it, of its loading too; raises WireError, and Refusal for what is not in S3."""
        rack = self._rack(instance)
        self._files.fetch(model)
        with rack.lock:
            rack.users[model] = rack.users.get(model, 0) + 1
            rack.users.move_to_end(model)
        try:
            return self._invoke(instance, model, body, headers, timeout)
        finally:
            with rack.lock:
                rack.users[model] -= 1
            if not self._keeps:
                self._unload(instance, model)

    def _invoke(self, instance: Instance, model: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        rack, path = self._rack(instance), f"/models/{_id(model)}/invoke"
        self._traffic.measured(self._variant, "ModelCacheHit", float(model in rack.loaded))
        if (refused := self._load(instance, model, timeout)) is not None:
            return refused
        reply = instance.servers[0].invoke(body, headers, path, timeout)
        if reply.status == UNKNOWN:  # the container has lost it
            with rack.lock:
                rack.loaded.discard(model)
            if (refused := self._load(instance, model, timeout)) is not None:
                return refused
            return instance.servers[0].invoke(body, headers, path, timeout)
        while reply.status == FULL and self._evict(instance):
            reply = instance.servers[0].invoke(body, headers, path, timeout)
        return reply

    def _load(self, instance: Instance, model: str, timeout: float) -> Reply | None:
        """None when it is loaded; else what the container answered instead."""
        rack = self._rack(instance)
        with rack.lock:
            lock = rack.loading[model]
        with lock:
            if model in rack.loaded:
                return None
            begun = time.perf_counter()
            asked = json.dumps({"model_name": _id(model), "url": self._files.url(model)}).encode()
            while True:
                try:
                    reply = instance.servers[0].invoke(asked, {"Content-Type": "application/json"}, "/models", timeout)
                except TimedOut:  # the container goes on, and will say 409 when it is asked again
                    raise Refusal(
                        429,
                        "ModelNotReadyException",
                        f"Model {model} is not loaded within {timeout:g} s; try again (M-11).",
                    ) from None
                if 200 <= reply.status < 300 or reply.status == ALREADY:  # noqa: PLR2004
                    break
                if reply.status != FULL or not self._evict(instance):
                    return reply
            with rack.lock:
                rack.loaded.add(model)
            self._traffic.measured(self._variant, "ModelLoadingTime", (time.perf_counter() - begun) * 1e6)
            return None

    def _evict(self, instance: Instance) -> bool:
        """Of those that nobody uses just now, the one that has not been used for longest; False where there is none."""
        rack = self._rack(instance)
        with rack.lock:
            oldest = next((each for each, users in rack.users.items() if not users and each in rack.loaded), None)
        return oldest is not None and self._unload(instance, oldest)

    def _unload(self, instance: Instance, model: str) -> bool:
        rack = self._rack(instance)
        with rack.lock:
            lock = rack.loading[model]
        with lock:
            with rack.lock:
                if rack.users.get(model) or model not in rack.loaded:
                    return True  # somebody has just come for it, or it has gone already
                rack.loaded.discard(model)
            instance.servers[0].client.request("DELETE", f"/models/{_id(model)}")  # M-05: its memory is free by now
        return True

    def _rack(self, instance: Instance) -> _Rack:
        with self._lock:
            if instance not in self._racks:
                self._racks[instance] = _Rack()
            return self._racks[instance]


def _id(model: str) -> str:
    """M-07: opaque to the container."""
    return hashlib.sha256(model.encode()).hexdigest()[:32]
