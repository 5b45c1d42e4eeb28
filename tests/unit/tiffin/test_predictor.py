# ruff: noqa: ARG002, ARG005  handlers have the signatures that AWS gave them

import array
import functools
import math
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from tiffin.context import Context
from tiffin.errors import (
    BadJob,
    BadPayload,
    NoModel,
    NotAcceptable,
    PublicError,
    Stopped,
    UnsupportedMediaType,
    UserCodeError,
)
from tiffin.predictor import HandlerPredictor, Handlers, as_table
from tiffin.settings import Settings
from tiffin.table import Table

CONTEXT = Context(Settings(), {"x-amzn-sagemaker-inference-id": "order-17"})
FAILED = "the model failed on this request; the container's log says why"


def handlers(**functions: Any) -> Handlers:
    module = ModuleType("inference")
    vars(module).update({"model_fn": lambda model_dir: "model", **functions})
    return Handlers.of(module)


def predictor(model: Any = "model", **functions: Any) -> HandlerPredictor:
    return HandlerPredictor(handlers(**functions), model)


def answer(
    serving: HandlerPredictor, body: bytes = b"1\n2\n", content_type: str | None = "text/csv", accept: str | None = None
) -> tuple[bytes, str]:
    reply = serving.predict(body, content_type, accept, CONTEXT)
    return reply.body, reply.content_type


def failure(
    serving: HandlerPredictor, body: bytes = b"1\n2\n", content_type: str | None = "text/csv", accept: str | None = None
) -> PublicError:
    with pytest.raises(PublicError) as raised:
        serving.predict(body, content_type, accept, CONTEXT)
    return raised.value


class Adder:
    """A handler may be any object that can be called."""

    def __call__(self, data: Table, model: object) -> list[int]:
        return [len(row) for row in data.rows]

    def with_context(self, data: Table, model: object, context: Context) -> list[str]:
        return [context.headers["x-amzn-sagemaker-inference-id"] for _ in data.rows]


def _three(data: Table, model: object, context: Context) -> list[str]:
    return Adder().with_context(data, model, context)


def _context_with_default(data: Table, model: object, context: Context | None = None) -> list[str]:
    assert context is not None
    return _three(data, model, context)


def _other_default(data: Table, model: object, threshold: float = 0.5) -> list[float]:
    return [threshold for _ in data.rows]


def _any_number(*arguments: object) -> list[int]:
    return [len(arguments)] * 2


def _keywords_too(data: Table, model: object, **options: object) -> list[int]:
    return [len(options)] * 2


def _context_by_keyword(data: Table, model: object, *, context: Context) -> list[str]:
    return _three(data, model, context)


def _last_by_another_name(data: Table, model: object, ctx: Context) -> list[str]:
    return _three(data, model, ctx)


@pytest.mark.parametrize(
    ("predict_fn", "body"),
    [
        (lambda data, model: [model, model], b"model\nmodel\n"),
        (_three, b"order-17\norder-17\n"),
        (_context_by_keyword, b"order-17\norder-17\n"),
        (_last_by_another_name, b"order-17\norder-17\n"),
        (_context_with_default, b"order-17\norder-17\n"),
        (_other_default, b"0.5\n0.5\n"),
        (_any_number, b"2\n2\n"),
        (_keywords_too, b"0\n0\n"),
        (Adder(), b"1\n1\n"),
        (Adder().with_context, b"order-17\norder-17\n"),
        (functools.partial(_other_default, threshold=0.7), b"0.7\n0.7\n"),
        (functools.partial(lambda first, data, model: [first] * 2, "bound"), b"bound\nbound\n"),
    ],
)
def test_a_handler_gets_the_arguments_it_asks_for(predict_fn: Callable[..., Any], body: bytes) -> None:
    assert answer(predictor(predict_fn=predict_fn)) == (body, "text/csv")


@pytest.mark.parametrize(
    ("functions", "sentence"),
    [
        ({"model_fn": None}, "inference has no model_fn(model_dir)"),
        ({"model_fn": lambda: 1}, "model_fn of inference takes (); it is called with 1 arguments, or those and a con"),
        ({"predict_fn": lambda data: 1}, "predict_fn of inference takes (data); it is called with 2 arguments, or"),
        ({"predict_fn": lambda a, b, c, d: 1}, "predict_fn of inference takes (a, b, c, d); it is called with 2 "),
        ({"predict_fn": lambda data, *, model: 1}, "predict_fn of inference takes (data, *, model); it is called "),
        ({"transform_fn": lambda model, body: 1}, "transform_fn of inference takes (model, body); it is called with 4"),
        ({"predict_fn": 3}, "predict_fn of inference is int, not a function"),
        ({"predict_fn": max}, "predict_fn of inference does not tell its arguments; call it from a function of your"),
        (
            {"transform_fn": lambda m, b, c, a: b, "predict_fn": lambda d, m: d},
            "inference: transform_fn stands alone; drop it, or drop input_fn, predict_fn, output_fn",
        ),
    ],
)
def test_handlers_that_cannot_work_stop_the_start(functions: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NoModel) as raised:
        handlers(**functions)
    assert str(raised.value).startswith(sentence)


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/csv", "é,1\n"),  # K-04
        ("TEXT/CSV; charset=utf-8", "é,1\n"),
        ("text/csv; charset=latin-1", "Ã©,1\n"),
        ("application/json", "é,1\n"),
        ("application/jsonlines", "é,1\n".encode()),
        ("application/x-npy", "é,1\n".encode()),
        ("gibberish", "é,1\n".encode()),
        (None, "é,1\n".encode()),
    ],
)
def test_input_fn_and_transform_fn_get_text_of_csv_and_json(content_type: str | None, content: str | bytes) -> None:
    seen: list[Any] = []

    def input_fn(body: str | bytes, kind: str | None) -> list[Any]:
        seen.append((body, kind))
        return []

    def transform_fn(model: object, body: str | bytes, kind: str | None, accept: str | None) -> bytes:
        seen.append((body, kind))
        return b""

    answer(predictor(input_fn=input_fn, predict_fn=lambda data, model: data), "é,1\n".encode(), content_type)
    answer(predictor(transform_fn=transform_fn), "é,1\n".encode(), content_type)
    assert seen == [(content, content_type)] * 2


@pytest.mark.parametrize("function", ["input_fn", "transform_fn"])
@pytest.mark.parametrize(
    ("body", "content_type", "status"), [(b"\xff", "text/csv", 400), (b"1", "application/json; charset=hex", 415)]
)
def test_text_that_cannot_be_read_never_reaches_a_handler(
    function: str, body: bytes, content_type: str, status: int
) -> None:
    assert (
        failure(predictor(**{function: lambda *arguments: pytest.fail("it was called")}), body, content_type).status
        == status
    )


@pytest.mark.parametrize(
    ("content_type", "accept", "answered"),
    [
        ("text/csv", None, "text/csv"),
        ("application/json", "*/*", "application/json"),
        ("application/jsonl", None, "application/jsonlines"),
        ("text/csv", "application/jsonl", "application/jsonlines"),
        ("image/png", None, "application/json"),  # an input_fn may take what no codec does
        (None, None, "application/json"),
    ],
)
def test_format_of_the_answer(content_type: str | None, accept: str | None, answered: str) -> None:
    serving = predictor(input_fn=lambda body, kind: [1], predict_fn=lambda data, model: data)
    assert answer(serving, b"1\n", content_type, accept)[1] == answered


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [
        (None, None, 415),
        ("csv", None, 415),
        ("image/png", None, 415),
        ("text/csv; charset*=utf-8''x; charset*0=y", "text/csv;q=nan", 406),
        ("text/csv", "image/png", 406),
        ("text/csv", "gibberish", 406),
    ],
)
def test_a_format_that_is_not_ours_never_reaches_the_model(
    content_type: str | None, accept: str | None, status: int
) -> None:
    assert (
        failure(
            predictor(predict_fn=lambda data, model: pytest.fail("it was called")), b"1\n", content_type, accept
        ).status
        == status
    )


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        (b"1\n", b'"blue"\n'),
        (b"[1]", b'["blue"]\n'),
        (b'{"instances":[1]}', b'{"predictions":["blue"]}\n'),
    ],
)
def test_the_answer_is_held_as_the_request_was(body: bytes, answered: bytes) -> None:
    assert answer(predictor(predict_fn=lambda data, model: ["blue"]), body, "application/json")[0] == answered


@pytest.mark.parametrize(
    ("prediction", "csv", "json"),
    [
        (["blue", "red"], b"blue\nred\n", b'["blue","red"]\n'),
        (("blue", "red"), b"blue\nred\n", b'["blue","red"]\n'),
        ([["a", 1], ["b", 2]], b"a,1\nb,2\n", b'[["a",1],["b",2]]\n'),
        (np.array([1.5, math.nan]), b'1.5\n""\n', b"[1.5,null]\n"),
        (np.array([[1, 2], [3, 4]]), b"1,2\n3,4\n", b"[[1,2],[3,4]]\n"),
        (np.array(["blue", "red"]), b"blue\nred\n", b'["blue","red"]\n'),
        (np.array([True, False]), b"true\nfalse\n", b"[true,false]\n"),
        (np.array([0.5, 0.25], dtype=np.float32), b"0.5\n0.25\n", b"[0.5,0.25]\n"),
        (np.ma.masked_array([1, 2], [False, True]), b'1\n""\n', b"[1,null]\n"),
        ([np.array([1, 2]), np.array([3, 4])], b"1,2\n3,4\n", b"[[1,2],[3,4]]\n"),
        ([np.float32(0.5), np.int64(2)], b"0.5\n2\n", b"[0.5,2]\n"),
        ([(np.str_("a"), np.float32(0.5)), ("b", np.int64(2))], b"a,0.5\nb,2\n", b'[["a",0.5],["b",2]]\n'),
        (array.array("d", [0.5, 2]), b"0.5\n2.0\n", b"[0.5,2.0]\n"),
        (Table([[1], [2]], ("n",)), b"1\n2\n", b'[{"n":1},{"n":2}]\n'),
        (range(2), b"0\n1\n", b"[0,1]\n"),
    ],
)
def test_what_predict_fn_may_return(prediction: Any, csv: bytes, json: bytes) -> None:
    serving = predictor(predict_fn=lambda data, model: prediction)
    assert answer(serving)[0] == csv
    assert answer(serving, b"[1,2]", "application/json")[0] == json


@pytest.mark.parametrize(
    ("prediction", "cause"),
    [
        (None, "predict_fn returned NoneType, not a Table, an array or a list of rows"),
        ("blue", "predict_fn returned str, not a Table"),
        (b"blue", "predict_fn returned bytes, not a Table"),
        (np.float64(0.5), "predict_fn returned float, not a Table"),
        (np.array(0.5), "predict_fn returned float, not a Table"),
        (iter([1, 2]), "predict_fn returned list_iterator, not a Table"),
        ([1 + 2j, 1], "Object of type complex is not JSON serializable"),
        ([b"blue", b"red"], "Object of type bytes is not JSON serializable"),
        (Table([[1, 2], [3]], ("a", "b")), "zip() argument"),
        (["\ud800", ""], "'utf-8' codec can't encode character"),
    ],
)
def test_what_cannot_be_answered_is_the_models_fault(prediction: Any, cause: str) -> None:
    error = failure(predictor(predict_fn=lambda data, model: prediction), b"[1,2]", "application/json")
    assert (type(error), str(error)) == (UserCodeError, FAILED)
    assert cause in str(error.__cause__)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_rows_is_the_models_fault(count: int) -> None:  # B-09
    error = failure(predictor(predict_fn=lambda data, model: [0] * count))
    assert (type(error), str(error)) == (UserCodeError, f"the model answered {count} rows for 2")


def _raise(error: BaseException) -> Callable[..., Any]:
    def handler(first: object, second: object) -> Any:
        raise error

    return handler


@pytest.mark.parametrize("name", ["input_fn", "predict_fn", "output_fn"])
@pytest.mark.parametrize(
    ("raised", "status", "sentence"),
    [
        (BadPayload("is too dark", row=2), 400, "row 2: is too dark"),
        (PublicError("not today"), 500, "not today"),
        (BadJob("/opt/ml/secret"), 500, FAILED),
        (KeyError("/opt/ml/secret"), 500, FAILED),
        (MemoryError(), 507, "there is not enough memory for this request; send fewer rows at a time"),  # M-06
        (RecursionError(), 500, FAILED),
        (SystemExit(0), 500, FAILED),
        (StopIteration(), 500, FAILED),
    ],
)
def test_whose_fault_it_was(name: str, raised: BaseException, status: int, sentence: str) -> None:
    functions = {"predict_fn": lambda data, model: [1, 2], name: _raise(raised)}
    error = failure(predictor(**functions))
    assert (error.status, str(error)) == (status, sentence)
    assert isinstance(raised, PublicError) or error.__cause__ is raised


@pytest.mark.parametrize("signal", [KeyboardInterrupt, Stopped, GeneratorExit])
def test_a_signal_is_nobodys_fault(signal: type[BaseException]) -> None:
    with pytest.raises(signal):
        answer(predictor(predict_fn=_raise(signal())))


@pytest.mark.parametrize(
    ("result", "accept", "body", "content_type"),
    [
        ("é", None, "é".encode(), "application/json"),
        (b"x", "*/*", b"x", "application/json"),
        (bytearray(b"x"), "text/*", b"x", "application/json"),
        (b"x", "image/png", b"x", "image/png"),
        (b"x", "image/png;q=0.5, text/html", b"x", "text/html"),
        (b"x", "gibberish", b"x", "application/json"),
        ((b"x", "text/html; charset=utf-8"), "image/png", b"x", "text/html; charset=utf-8"),
        (("x", None), "image/png", b"x", "image/png"),
    ],
)
def test_output_fn_and_transform_fn_answer_for_themselves(
    result: Any, accept: str | None, body: bytes, content_type: str
) -> None:
    output = predictor(predict_fn=lambda data, model: [1], output_fn=lambda prediction, accept: result)
    transform = predictor(transform_fn=lambda model, body, content_type, accept: result)
    assert answer(output, accept=accept) == (body, content_type)
    assert answer(transform, accept=accept) == (body, content_type)


@pytest.mark.parametrize(
    "result",
    [
        None,
        (),
        (b"x",),
        (b"x", "text/csv", 1),
        (b"x", 5),
        (b"x", "text/csv\r\nX: y"),
        (b"", "é"),
        "\ud800",
    ],
)
def test_what_is_no_body_is_the_handlers_fault(result: Any) -> None:
    output = predictor(predict_fn=lambda data, model: [1], output_fn=lambda prediction, accept: result)
    transform = predictor(transform_fn=lambda model, body, content_type, accept: result)
    assert [str(failure(serving)) for serving in (output, transform)] == [FAILED, FAILED]


def test_output_fn_gets_what_accept_said() -> None:
    serving = predictor(predict_fn=lambda data, model: [1], output_fn=lambda prediction, accept: repr(accept))
    assert [answer(serving, accept=accept)[0] for accept in (None, "gibberish")] == [b"None", b"'gibberish'"]


def test_without_predict_fn_the_models_own_predict_gets_numbers() -> None:  # K-03
    model = LinearRegression().fit(np.eye(2), [1.0, 2.0])
    assert answer(predictor(model), b"1,0\n0,1\n", "text/csv")[0].splitlines() == [b"1.0", b"2.0"]
    error = failure(predictor(model), b"1,0\n0,red\n", "text/csv")
    assert (error.status, str(error)) == (400, "row 2, column '2': 'red' is not a number")


def test_the_models_own_predict_gets_what_input_fn_made() -> None:
    model = SimpleNamespace(predict=lambda data: [data.upper()])
    assert answer(predictor(model, input_fn=lambda body, kind: body.strip()), b"blue\n")[0] == b"BLUE\n"


def test_no_rows_in_no_rows_out() -> None:
    assert answer(predictor(predict_fn=lambda data, model: []), b"[]", "application/json")[0] == b"[]\n"


@given(st.binary(), st.none() | st.text(), st.none() | st.text())
def test_any_request_is_an_answer_or_a_public_error(body: bytes, content_type: str | None, accept: str | None) -> None:
    serving = predictor(predict_fn=lambda data, model: data)
    for kind in (content_type, "text/csv", "application/json", "application/jsonlines"):
        with suppress(BadPayload, NotAcceptable, UnsupportedMediaType):  # the handler here cannot fail
            serving.predict(body, kind, accept, CONTEXT)


def test_as_table_leaves_a_table_as_it_is() -> None:
    table = Table([["1"]], ("n",))
    assert as_table(table) is table
