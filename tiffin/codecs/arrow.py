"""Parquet and Arrow streams, by pyarrow: an extra, imported when the first such request comes.

What a body says of itself is bounded before anything is unpacked, and all that it holds is validated before it is read.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tiffin import limits
from tiffin.codecs import column
from tiffin.codecs.flatbuffer import FlatTable
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import ArrayRows, Cell, Table, shortened

_CELL = 8  # bytes that a cell counts for at least
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2  # header types of an IPC message


def decode_stream(body: bytes) -> Table:
    import pyarrow as pa

    with _malformed("an Arrow stream"):
        unpacked = 0
        for message in pa.ipc.MessageReader.open_stream(io.BytesIO(body)):
            unpacked += _unpacked(bytes(message.metadata), memoryview(message.body or b""))
            _bound(unpacked)
        with pa.ipc.open_stream(body) as stream:
            _refuse_types(stream.schema)
            batches = []
            rows = 0
            for batch in stream:
                rows += batch.num_rows
                _bound(rows * max(1, batch.num_columns) * _CELL)
                batch.validate(full=True)
                batches.append(batch)
            return _table(pa.Table.from_batches(batches, stream.schema))


def decode_parquet(body: bytes) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    with _malformed("Parquet"):
        reader = pa.BufferReader(body)
        schema = parquet.read_schema(reader)
        _refuse_types(schema)
        texts = [field.name for field in schema if _is_text(field.type)]
        reader.seek(0)
        # Text stays in its dictionary, so that one long text in a million rows is one text.
        file = parquet.ParquetFile(reader, read_dictionary=texts)
        meta = file.metadata
        _bound(meta.num_rows * max(1, meta.num_columns) * _CELL)
        _bound(sum(max(0, meta.row_group(i).total_byte_size) for i in range(meta.num_row_groups)))
        if meta.num_rows < 0:
            raise BadPayload("not Parquet: the file says that it has fewer rows than none")
        table = file.read(use_threads=False)
        table.validate(full=True)
        return _table(table)


def encode_stream(table: Table) -> bytes:
    import pyarrow as pa

    answer = _arrow(table)
    out = io.BytesIO()
    with pa.ipc.new_stream(out, answer.schema) as writer:
        writer.write_table(answer)
    return out.getvalue()


def encode_parquet(table: Table) -> bytes:
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(_arrow(table), out)
    return out.getvalue()


@contextmanager
def _malformed(what: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, EOFError, OverflowError, IndexError):
        raise BadPayload(f"not {what}: the body is malformed or cut short") from None


def _bound(size: int) -> None:
    if size > limits.UNPACKED:
        raise BadPayload(f"the body unpacks to {size} bytes or more; {limits.UNPACKED} are the most that is read")


def _refuse_types(schema: Any) -> None:
    from pyarrow import types

    names = schema.names
    if not names:
        raise BadPayload("the body has no columns")
    for field in schema:
        kind = field.type
        plain = _is_text(kind) or types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
        if not plain and not types.is_null(kind):
            text = shortened(str(kind))
            raise BadPayload(f"is of type {text}; send numbers, booleans or text", column=field.name)
        if names.count(field.name) > 1:
            raise BadPayload("is there twice", column=field.name)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _table(table: Any) -> Table:
    names = _names(table.column_names)
    first = table.schema.types[0]
    is_number = first.id in {kind.id for kind in _number_types()}
    if is_number and all(c.type == first and not c.null_count for c in table.columns):
        return Table(ArrayRows(np.column_stack([c.to_numpy() for c in table.columns])), names)
    columns = [_cells(c) for c in table.columns]
    return Table([list(row) for row in zip(*columns, strict=True)], names)


def _names(given: Sequence[str]) -> tuple[str, ...] | None:
    """None for names that only count: these are what columns without names are written with, by us and by pandas."""
    counted = [[str(index + start) for index in range(len(given))] for start in (1, 0)]
    return None if list(given) in counted else tuple(given)


def _number_types() -> Sequence[Any]:
    import pyarrow as pa

    return (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
    )


def _cells(chunked: Any) -> list[Cell]:
    from pyarrow import types

    if not types.is_dictionary(chunked.type):
        cells: list[Cell] = chunked.to_pylist()
        return cells
    cells = []
    for chunk in chunked.chunks:  # each text is made once, however many rows have it
        texts = chunk.dictionary.to_pylist()
        cells += [None if index is None else texts[index] for index in chunk.indices.to_pylist()]
    return cells


def _arrow(table: Table) -> Any:
    import pyarrow as pa

    names = table.columns or tuple(str(index + 1) for index in range(table.width))
    if len(set(names)) != len(names):
        raise NotAcceptable("the answer has two columns of one name; ask for text/csv")
    if isinstance(table.rows, ArrayRows):
        if table.rows.array.ndim > 2:  # noqa: PLR2004
            raise NotAcceptable("the format holds rows of cells; ask for application/json or application/x-npy")
        matrix = table.rows.flat()
        native = matrix.astype(matrix.dtype.newbyteorder("="), copy=False)
        arrays = [pa.array(np.ascontiguousarray(native[:, i])) for i in range(len(names))]
    else:
        arrays = [_array([row[i] for row in table.rows]) for i in range(len(names))]
    return pa.table(arrays, list(names))


def _array(cells: list[Cell]) -> Any:
    """Nulls stay nulls, unlike in a numpy array; NaN stays NaN."""
    import pyarrow as pa

    there = [cell for cell in cells if cell is not None]
    if not there:
        return pa.nulls(len(cells))
    if all(isinstance(cell, str) for cell in there):
        return pa.array(cells, pa.string())
    values = column.array(there, "a column holds one type of value")
    if len(there) == len(cells):
        return pa.array(values)
    return pa.array([None if cell is None else cell for cell in cells], pa.from_numpy_dtype(values.dtype))


def _unpacked(metadata: bytes, body: memoryview) -> int:
    """How large a message's buffers will be, by its own words: its metadata is read before pyarrow unpacks them."""
    message = FlatTable.root(metadata)
    header = message.table(2)
    kind = message.byte(1)
    if kind == _DICTIONARY_BATCH and header is not None:
        header = header.table(1)
    if kind not in (_RECORD_BATCH, _DICTIONARY_BATCH) or header is None:
        return 0
    compressed = header.at(3) is not None
    total = 0
    for offset, length in header.buffers(2):
        said = int.from_bytes(body[offset : offset + 8], "little", signed=True) if compressed and length else -1
        total += max(length if said == -1 else said, 0)
        if said < -1:
            raise ValueError("a length below zero")
    return total
