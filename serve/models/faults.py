"""An error of one process as what another tells its caller."""

from serve.models.frames import Fields
from tiffin.errors import ModelAlreadyLoaded, ModelNotLoadable, ModelNotLoaded, OutOfMemory, PublicError
from tiffin.table import shortened


def fault(error: PublicError) -> Fields:
    return {
        "error": type(error).__name__,
        "status": error.status,
        "message": str(error),
        "row": error.row,
        "column": error.column,
    }


def raise_fault(fields: Fields) -> None:
    """Nothing where `fields` are no fault."""
    if "error" in fields:
        raise as_error(fields)


def as_error(fields: Fields) -> PublicError:
    """Of that name, status and text.

    By name, as handlers may raise classes of their own; and a UserCodeError has had its traceback logged elsewhere.
    """
    kind = type(fields["error"], (PublicError,), {"status": fields["status"]})
    error: PublicError = kind(fields["message"])
    error.row, error.column = fields["row"], fields["column"]  # which its text has already
    return error


def not_loaded(name: str) -> ModelNotLoaded:
    return ModelNotLoaded(f"there is no model {shortened(name)}; POST /models loads one, GET /models lists them")


def already_loaded(name: str) -> ModelAlreadyLoaded:
    return ModelAlreadyLoaded(f"there is a model {shortened(name)} already; DELETE it first")


def failure(name: str, how: str, report: Fields) -> PublicError:
    """Why a process ended before it had the model."""
    if how == "memory" or report.get("error") == "memory":
        return OutOfMemory(f"model {shortened(name)} does not fit into the memory that is left")
    reason = report.get("message", f"its process died ({how})")
    return ModelNotLoadable(f"model {shortened(name)} cannot be loaded: {reason}")
