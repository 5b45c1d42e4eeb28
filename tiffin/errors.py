"""What can go wrong, whose fault it is, and the sentence for whoever has to mend it.

`PublicError` is answered to an HTTP caller with its status. `SettingsError`, `NoModel` and `BadJob` stop a
process before it works; they never meet a caller. `Stopped` is not an error: it is SIGTERM arriving.
"""

from typing import ClassVar


class TiffinError(Exception):
    """Its text is meant for people: what, where, what would be right."""


class SettingsError(TiffinError):
    """An environment variable that cannot be right. Stops the start."""


class NoModel(TiffinError):
    """There is no code to serve or train with, or the artifact cannot be loaded. Stops the start."""


class BadJob(TiffinError):
    """A training job's hyperparameters, channels or data are wrong: the caller of the job has to mend it."""


class Stopped(BaseException):
    """SIGTERM came while a training job ran (T-35).

    Raised inside `train_fn`. Catch it to leave a valid artifact in `job.model_dir` and return: what is there is
    then published. Uncaught, the job ends with nothing in the model directory.
    """


class PublicError(TiffinError):
    """An invocation that is answered with `status` and this text. No text of ours holds a path or a traceback."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        """`row` counts from 1, as a person counts the lines of a payload."""
        # a handler's numpy number or text would not go into the answer's JSON
        row, column = None if row is None else int(row), None if column is None else str(column)
        where = ", ".join(part for part in (row and f"row {row}", column is not None and f"column {column!r}") if part)
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message  # without the place
        self.row = row
        self.column = column


class BadPayload(PublicError):
    status = 400


class ModelNotLoadable(PublicError):
    """A model of a multi-model endpoint whose artifact or code is at fault; its text says how."""

    status = 400


class ModelNotLoaded(PublicError):
    status = 404


class NotAcceptable(PublicError):
    status = 406


class ModelAlreadyLoaded(PublicError):
    status = 409


class PayloadTooLarge(PublicError):
    status = 413


class UnsupportedMediaType(PublicError):
    status = 415


class UserCodeError(PublicError):
    """The model's own code failed. The caller hears only that; the traceback goes to the log."""

    status = 500


class StreamsOnly(PublicError):
    """An invocation of a model whose code answers bidirectional streams and nothing else."""

    status = 501


class NotReady(PublicError):
    status = 503


class OutOfMemory(PublicError):
    """The platform unloads other models and asks again (M-02)."""

    status = 507

    @classmethod
    def of_a_request(cls) -> "OutOfMemory":
        return cls("there is not enough memory for this request; send fewer rows at a time")
