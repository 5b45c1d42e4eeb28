"""A loaded, ready model, and how handler functions become one (K-02, K-03).

User code runs in exactly one place, `_user_code`, which says whose fault a failure was: a `PublicError` raised by
a handler is its own answer to the caller, anything else is the handler's defect and becomes `UserCodeError`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tiffin import bad_rows, codecs, complaint, document, media, passing
from tiffin.bad_rows import BadRows
from tiffin.codecs import json
from tiffin.context import Context
from tiffin.errors import BadPayload, NoModel, NotAcceptable, OutOfMemory, PublicError, StreamsOnly, UserCodeError
from tiffin.media import MediaType
from tiffin.stream import Converse, Stream, StreamClosed
from tiffin.table import ArrayRows, Table, count_columns

_ARITY = {
    "pre_model_fn": 1,
    "model_fn": 1,
    "model_warmup_fn": 2,
    "input_fn": 2,
    "document_fn": 2,
    "predict_fn": 2,
    "output_fn": 2,
    "transform_fn": 4,
    "raw_fn": 2,
    "stream_fn": 2,
}
HANDLERS = tuple(_ARITY)

_WRITTEN_AS_THEY_ARE = frozenset("?bBhHiIlLqQefd")  # dtypes by their letter: booleans, integers, floats


@dataclass(frozen=True)
class Reply:
    """`parts`, where there are any, stand in for `body` and are sent as they come (H-22)."""

    body: bytes
    content_type: str
    rows: int | None = None
    parts: Iterator[bytes] | None = None
    problem: str = ""  # for the log: rows that got a placeholder (B-07)


Raw = Callable[[list[bytes]], list[bytes | None]]


class Predictor(Protocol):
    @property
    def raw(self) -> Raw | None:
        """Bodies of text/csv to answers of text/csv, many at a time; None for a body that needs `predict`."""
        ...

    @property
    def converse(self) -> Converse | None:
        """What a bidirectional stream is answered by (W-02); None for a model that offers none."""
        ...

    def predict(self, body: bytes, content_type: str | None, accept: str | None, context: Context) -> Reply:
        """Raises PublicError, and nothing else."""
        ...

    def warm_up(self) -> None:
        """In each process, before its first request; raises NoModel for a model that cannot serve (H-06)."""
        ...


@dataclass(frozen=True)
class Handlers:
    """The functions a user's module offers, each wrapped to take a context, whether it wants one or not."""

    functions: Mapping[str, Callable[..., Any]]
    source: str
    pass_through: tuple[MediaType, ...] = ()  # what predict_fn gets and gives as bytes

    @classmethod
    def of(cls, module: ModuleType) -> "Handlers":
        """Signatures are read here, once. Raises NoModel for a combination or arity that cannot work."""
        source = getattr(module, "__file__", None) or module.__name__
        functions = {}
        for name in HANDLERS:
            function = getattr(module, name, None)
            if function is not None:
                functions[name] = _with_context(function, _ARITY[name], f"{name} of {source}")
        if "transform_fn" in functions and functions.keys() & {"input_fn", "predict_fn", "output_fn"}:
            raise NoModel(f"{source}: transform_fn stands alone; drop it, or drop input_fn, predict_fn, output_fn")
        if "model_fn" not in functions:
            raise NoModel(f"{source} has no model_fn(model_dir)")
        if "document_fn" in functions and (
            "predict_fn" not in functions or functions.keys() & {"input_fn", "transform_fn"}
        ):
            raise NoModel(
                f"{source}: document_fn reads JSON for a predict_fn, and where there is no input_fn or transform_fn"
            )
        return cls(functions, source, passing.declared(module, source))

    def __contains__(self, name: str) -> bool:
        return name in self.functions

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return self.functions[name]


@dataclass(frozen=True)
class HandlerPredictor:
    handlers: Handlers
    model: Any
    raw: Raw | None = None
    warm: Callable[[], None] | None = None
    streams_only: bool = False
    parsed_json: bool = False  # JSON reaches predict_fn as the document that it is, not as rows

    def warm_up(self) -> None:
        if self.warm is not None:
            self.warm()

    @property
    def converse(self) -> Converse | None:
        return self._converse if "stream_fn" in self.handlers else None

    def _converse(self, stream: Stream, context: Context) -> None:
        with _user_code():
            replies = self.handlers["stream_fn"](stream, self.model, context)
            if replies is None:
                return
            if not isinstance(replies, Iterator):
                raise TypeError(f"stream_fn returned {type(replies).__name__}; it sends, or yields, what it answers")
            for reply in replies:
                stream.send(reply)

    def predict(self, body: bytes, content_type: str | None, accept: str | None, context: Context) -> Reply:
        if self.streams_only:
            raise StreamsOnly(
                "this model has no predict_fn: it answers WebSockets at /invocations-bidirectional-stream"
            )
        if "transform_fn" in self.handlers:
            return self._transform(body, content_type, accept, context)
        data, request_format, rows, bad = self._input(body, content_type, context)
        if "output_fn" in self.handlers:
            return self._output(self._ask(data, context), accept, rows, context)
        if request_format == media.JSON and self._keeps_documents:
            return self._whole(self._ask(data, context), accept)
        chosen = passing.negotiate(accept, request_format, self.handlers.pass_through)
        if bad is not None and rows is not None and isinstance(data, Table):
            found = bad_rows.answered(partial(self._ask_rows, context=context), data, bad)
            answer, problem = bad_rows.filled(found, rows, bad, bad_rows.policy(context)), bad.summary(rows)
        else:
            prediction, problem = self._ask(data, context), ""
            if self.handlers.pass_through and isinstance(prediction, bytes | bytearray):
                return Reply(bytes(prediction), str(chosen.for_bytes()), rows)
            if isinstance(prediction, dict):
                return self._whole(prediction, accept)
            answer = _as_many(prediction, rows)
        accepted = chosen.for_rows()
        if isinstance(data, Table):
            answer = replace(answer, envelope=data.envelope)
        with _user_code():  # what cannot be written is what the model answered
            body = codecs.encode(answer, accepted)
        return Reply(body, codecs.full_name(accepted), len(answer), problem=problem)

    def _input(
        self, body: bytes, content_type: str | None, context: Context
    ) -> tuple[object, MediaType, int | None, BadRows | None]:
        """What predict_fn gets, the format, how many rows Tiffin read, and those kept apart, where it is asked to."""
        if "input_fn" in self.handlers:
            content = _content(body, content_type)
            with _user_code("input_fn"):
                data = self.handlers["input_fn"](content, content_type, context)
            return data, _format_of(content_type), None, None
        parsed = media.parse_content_type(content_type, (*codecs.offered(), *self.handlers.pass_through))
        if parsed in self.handlers.pass_through:
            return body, parsed, None, None
        known = codecs.canonical(parsed, self.handlers.pass_through)
        if known == media.JSON and self._keeps_documents:
            return document.read(codecs.as_text(body, parsed)), known, None, None
        keeps = "output_fn" not in self.handlers and bad_rows.policy(context) != "fail"
        bad = BadRows() if keeps else None
        if known == media.JSON and "document_fn" in self.handlers:
            read = self._document(codecs.as_text(body, parsed), bad, context)
            if not isinstance(read, Table):
                return read, known, None, None
            table = read
        else:
            table = codecs.decode(body, parsed, bad)
        return table, known, len(table) + (len(bad) if bad is not None else 0), bad

    def _document(self, text: str, bad: BadRows | None, context: Context) -> object:
        """What document_fn makes of a JSON document, or its rows where that returns None."""
        if not text.strip():
            return codecs.decode(b"", media.JSON)  # which says what an empty body lacks
        found = json.loads(text)
        with _user_code():
            read = self.handlers["document_fn"](found, self.model, context)
        return json.rows_of(found, bad) if read is None else read

    @property
    def _keeps_documents(self) -> bool:
        return self.parsed_json and not {"input_fn", "document_fn"} & self.handlers.functions.keys()

    def _whole(self, answer: object, accept: str | None) -> Reply:
        """What answers the request, and not its rows one by one: JSON, as AWS's toolkit writes it (K-05)."""
        with _user_code():
            body, content_type = document.written(answer, accept)
        return Reply(body, content_type)

    def _ask(self, data: object, context: Context) -> Any:
        with _user_code():
            if "predict_fn" in self.handlers:
                return self.handlers["predict_fn"](data, self.model, context)
            return self.model.predict(self._numbers(data) if isinstance(data, Table) else data)  # K-03

    def _ask_rows(self, table: Table, context: Context) -> Table:
        return _as_many(self._ask(table, context), len(table))

    def _numbers(self, table: Table) -> Any:
        """By name where the request names its columns and the estimator was fitted with names."""
        names = getattr(self.model, "feature_names_in_", None)
        if table.columns is not None and names is not None:
            table = table.select([str(name) for name in names])
        numbers, width = table.numbers(), getattr(self.model, "n_features_in_", None)
        if isinstance(width, int) and numbers.shape[1] != width:
            raise BadPayload(f"has {count_columns(numbers.shape[1])}; this model takes {width}", row=1)
        return numbers

    def _output(self, prediction: object, accept: str | None, rows: int | None, context: Context) -> Reply:
        with _user_code("output_fn"):
            result = self.handlers["output_fn"](prediction, accept, context)
            return _reply(result, accept, rows)

    def _transform(self, body: bytes, content_type: str | None, accept: str | None, context: Context) -> Reply:
        content = _content(body, content_type)
        with _user_code("transform_fn"):
            result = self.handlers["transform_fn"](self.model, content, content_type, accept, context)
            return _reply(result, accept, None)


def _as_many(prediction: Any, rows: int | None) -> Table:
    with _user_code():
        table = as_table([prediction] if rows == 1 and _is_single(prediction) else prediction)
    if rows is not None and len(table) != rows:
        raise UserCodeError(f"the model answered {len(table)} rows for {rows}")  # B-09: joins count on it
    return table


def _is_single(prediction: Any) -> bool:
    """A text or a number; a Table is asked for neither its array nor its cells."""
    return not isinstance(prediction, Table) and isinstance(_plain(prediction), str | int | float)


def as_table(prediction: Any) -> Table:
    """What a handler may return, as rows: a Table, an array, or a list of either."""
    if isinstance(prediction, Table):
        return prediction
    if type(prediction) is np.ndarray and prediction.ndim and prediction.dtype.char in _WRITTEN_AS_THEY_ARE:
        return Table(ArrayRows(prediction))
    prediction = _plain(prediction)
    if not isinstance(prediction, Sequence) or isinstance(prediction, str | bytes):
        raise TypeError(f"predict_fn returned {type(prediction).__name__}, not a Table, an array or a list of rows")
    rows = [_plain(row) for row in prediction]
    return Table([[_plain(cell) for cell in row] if isinstance(row, list | tuple) else [row] for row in rows])


def _plain(value: Any) -> Any:
    """An array's, tensor's or series' content and a numpy number as Python's own, which codecs can write."""
    return value.tolist() if hasattr(value, "tolist") else value


@contextmanager
def _user_code(handler: str = "") -> Iterator[None]:
    """`handler`: one that may refuse the request by a plain exception."""
    try:
        yield
    except (PublicError, StreamClosed):
        raise
    except MemoryError as error:
        raise OutOfMemory.of_a_request() from error  # M-06
    except (Exception, SystemExit) as error:
        refused = complaint.refusal(handler, error) if handler else None
        if refused is not None:
            raise refused from error
        raise UserCodeError("the model failed on this request; the container's log says why") from error


def _format_of(content_type: str | None) -> MediaType:
    """The request's format where it is one of ours, else JSON: what an answer is written in by default."""
    try:
        return codecs.canonical(media.parse_content_type(content_type, codecs.offered()))
    except PublicError:
        return media.JSON


def _content(body: bytes, content_type: str | None) -> str | bytes:
    """K-04: text of CSV and JSON, bytes of all else; raises as `codecs.as_text` does."""
    try:
        parsed = media.parse(content_type or "")
    except ValueError:
        return body
    return codecs.as_text(body, parsed) if parsed in (media.CSV, media.JSON) else body


def _with_context(function: Any, arity: int, what: str) -> Callable[..., Any]:
    """`function` as one that takes `arity` arguments and a context; raises NoModel when it takes neither number.

    A context goes to who cannot do without a last argument, or names it so: `threshold=0.5` and `*args` get none.
    """
    if not callable(function):
        raise NoModel(f"{what} is {type(function).__name__}, not a function")
    try:
        signature = inspect.signature(function)
    except ValueError:
        raise NoModel(f"{what} does not tell its arguments; call it from a function of your own") from None
    context = signature.parameters.get("context")
    if (
        context is not None
        and context.kind is inspect.Parameter.KEYWORD_ONLY
        and _binds(signature, arity, context=None)
    ):
        return lambda *arguments: function(*arguments[:-1], context=arguments[-1])
    takes_more, takes_fewer = _binds(signature, arity + 1), _binds(signature, arity)
    if takes_more and (not takes_fewer or list(signature.parameters)[arity : arity + 1] == ["context"]):
        wrapped: Callable[..., Any] = function
        return wrapped
    if takes_fewer:
        return lambda *arguments: function(*arguments[:-1])
    raise NoModel(f"{what} takes {signature}; it is called with {arity} arguments, or those and a context")


def _binds(signature: inspect.Signature, count: int, **named: object) -> bool:
    try:
        signature.bind(*range(count), **named)
    except TypeError:
        return False
    return True


@runtime_checkable
class _Response(Protocol):
    content_type: str

    def get_data(self) -> bytes: ...


def _reply(result: object, accept: str | None, rows: int | None) -> Reply:
    """What output_fn or transform_fn returned: a body, (body, content type), or a response such as Flask's."""
    if isinstance(result, _Response):
        result = result.get_data(), result.content_type
    body, content_type = result if isinstance(result, tuple) else (result, None)
    if content_type is None:
        try:
            first = media.parse_accept(accept)[0].media
        except NotAcceptable:
            first = MediaType("*", "*")
        content_type = str(first) if "*" not in str(first) else "application/json"
    if not isinstance(content_type, str) or not (content_type.isascii() and content_type.isprintable()):
        raise TypeError(f"output_fn returned {content_type!r}, which is no content type")
    if isinstance(body, Iterator):
        return Reply(b"", content_type, rows, _stream(body))
    return Reply(_bytes(body), content_type, rows)


def _bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, dict | list):
        return document.dumps(body)
    raise TypeError(f"output_fn returned {type(body).__name__}, not text, bytes or an iterator of them")


def _stream(parts: Iterator[Any]) -> Iterator[bytes]:
    """The first part is made now: what fails before it is an ordinary error. What fails later cuts the answer short."""
    return chain([_bytes(part) for part in islice(parts, 1)], map(_bytes, parts))
