"""What the keeper knows of a model, from the first question for it until nothing of it is left."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from serve.models.child import Child
from serve.models.frames import Fields

PAGE = 100  # models on one page of GET /models (M-03)
_PAGE_BYTES = 48 * 1024  # so that an answer always fits an empty socket's buffer


class State(Enum):
    LOADING = "its process has not reported yet"
    READY = "it answers"
    RESTING = "its process died by itself; the next invocation starts another"
    ENDING = "unloaded: nobody sees it any more, and it is gone soon"


Asker = Any  # the keeper's connection to whoever asked


@dataclass(frozen=True)
class Artifact:
    """`url` as the platform gave it, `folder` what it resolves to, `size` of its files in bytes."""

    url: str
    folder: str
    size: int


@dataclass
class Model:
    """`listed`: callers see it, and it stays when its process dies."""

    name: str
    artifact: Artifact
    address: str
    child: Child | None = None
    state: State = State.LOADING
    listed: bool = False
    deadline: float = float("inf")  # of its end, once it is unloaded
    waiting: list[tuple[Asker, Fields]] = field(default_factory=list)  # for it to be loaded: what they then hear
    leaving: list[Asker] = field(default_factory=list)  # who unloaded it, and hear so when it is gone
    following: list[tuple[Asker, Fields]] = field(default_factory=list)  # loads that came while it was ending
    watching: list[tuple[Asker, int]] = field(default_factory=list)  # who ask how the process of that id ended
    last_end: tuple[int, str] = (0, "")

    @property
    def entry(self) -> dict[str, str]:
        return {"modelName": self.name, "modelUrl": self.artifact.url}


def page(models: Iterable[Model], token: str | None) -> Fields:
    """One page in the order of names, after the one that `token` stands for; raises ValueError for no token of ours."""
    after = None if token is None else _name_of(token)
    listed = sorted((m for m in models if m.listed and (after is None or m.name > after)), key=lambda m: m.name)
    entries: list[dict[str, str]] = []
    size = 0
    for model in listed[:PAGE]:
        size += 6 * (len(model.name) + len(model.artifact.url))
        if entries and size > _PAGE_BYTES:
            break
        entries.append(model.entry)
    answer: Fields = {"models": entries}
    if len(entries) < len(listed):
        answer["nextPageToken"] = base64.urlsafe_b64encode(entries[-1]["modelName"].encode()).decode()
    return answer


def _name_of(token: str) -> str:
    return base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
