"""What `SHOW STATUS LIKE 'Aurora_ml%'` counts, of all sessions together."""

import threading
from collections import Counter

NAMES = (
    "Aurora_ml_actual_request_cnt",
    "Aurora_ml_actual_response_cnt",
    "Aurora_ml_cache_hit_cnt",  # stays 0: a function is NOT DETERMINISTIC, nothing is kept
    "Aurora_ml_logical_request_cnt",
    "Aurora_ml_logical_response_cnt",
    "Aurora_ml_retry_request_cnt",
    "Aurora_ml_single_request_cnt",
)


class Counters:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Counter[str] = Counter()

    def add(self, **counts: int) -> None:
        """`logical_request=100`: Aurora_ml_logical_request_cnt by 100."""
        with self._lock:
            self._found.update(counts)

    def flush(self) -> None:
        with self._lock:
            self._found.clear()

    def all(self) -> dict[str, int]:
        with self._lock:
            return {name: self._found[name.removeprefix("Aurora_ml_").removesuffix("_cnt")] for name in NAMES}
