"""What fills an image: its largest folders where it can be asked, else its largest layers."""

import heapq
import re
from collections.abc import Iterable
from typing import Any

ROWS = 10
SMALL = 1 << 20


def folders(client: Any, image: Any) -> list[tuple[int, str]]:
    """Bytes and folder, by the image's own `du` in a container without network; empty where it has none."""
    from docker.errors import DockerException

    try:
        said = client.containers.run(
            image.id,
            ["-xk", "/"],
            entrypoint=["du"],
            user="0",
            network_mode="none",
            remove=True,
            stderr=False,
            environment={"LC_ALL": "C"},
        )
    except DockerException:
        return []
    return divided(_sizes(said.decode(errors="replace").splitlines()))


def layers(image: Any) -> list[tuple[int, str]]:
    """Bytes and the instruction that made them."""
    rows = [(int(each["Size"]), _instruction(each["CreatedBy"])) for each in image.history()]
    return sorted((row for row in rows if row[0] >= SMALL), reverse=True)[:ROWS]


def divided(sizes: dict[str, int], rows: int = ROWS) -> list[tuple[int, str]]:
    """The largest folder is opened, again and again, until there are so many rows."""
    children: dict[str, list[str]] = {}
    for path in sizes:
        if path != "/":
            children.setdefault(path.rpartition("/")[0] or "/", []).append(path)
    heap = [(-sizes["/"], "/")] if "/" in sizes else []
    shown: list[tuple[int, str]] = []
    while heap and len(heap) + len(shown) < rows:
        size, path = heapq.heappop(heap)
        inside = [child for child in children.get(path, []) if sizes[child] >= SMALL]
        if not inside or -size > 2 * sum(sizes[child] for child in inside):
            shown.append((-size, path))  # its own files are most of it
            continue
        own = -size - sum(sizes[child] for child in children[path])
        if own >= SMALL:
            shown.append((own, f"files in {path}"))
        for child in inside:
            heapq.heappush(heap, (-sizes[child], child))
    return sorted([*shown, *((-size, path) for size, path in heap)], reverse=True)[:rows]


def _sizes(lines: Iterable[str]) -> dict[str, int]:
    found = (re.match(r"(\d+)\t(/.*)$", line) for line in lines)
    return {each[2]: int(each[1]) * 1024 for each in found if each}


def _instruction(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"^/bin/sh -c (#\(nop\) )?", "", text)).strip()[:90] or "the base image"
