"""Where R lies in a plug and in an artifact; knows nothing of R itself."""

from pathlib import Path

from tiffin.errors import NoModel

CODE = "model.R"
SAVED = ("model.rds", "model.rdata", "model.rda")  # in any case


def is_r(file: Path) -> bool:
    return file.name == CODE or file.name.lower() in SAVED


def artifact(folder: Path) -> Path | None:
    """The saved R model in it; raises NoModel where there are several."""
    found = sorted(file for file in folder.glob("*") if file.name.lower() in SAVED) if folder.is_dir() else []
    if len(found) > 1:
        raise NoModel(f"the artifact holds {' and '.join(file.name for file in found)}; leave one of them")
    return found[0] if found else None
