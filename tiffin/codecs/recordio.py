"""application/x-recordio-protobuf: MXNet's RecordIO frames around the `Record` of AWS's built-in algorithms.

Read: the dense tensor features["values"] of each record; its label, uid and metadata are passed over. Written: columns
without names as features["values"], so that the next container can read them; named ones as label[name], as AWS's
containers answer (label["score"], label["predicted_label"]). Sparse tensors are refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tiffin.codecs import column
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import Array, ArrayRows, Table, count_columns

_MAGIC = 0xCED7230A
_LENGTH = (1 << 29) - 1  # the upper three bits say that a record goes on in the next frame
_FEATURES, _LABEL = 1, 2
_TENSORS = {2: "<f4", 3: "<f8", 7: "<i4"}  # fields of Value
_FIELD_OF = {"f4": 2, "f8": 3, "i4": 7}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types
_WIDEST_VARINT = 10


class _Malformed(Exception):
    """The protobuf of one record; its text says how."""


@dataclass(frozen=True)
class _Tensor:
    """`start` is where its packed values lie in the record, or None."""

    values: Array
    start: int | None


def decode(body: bytes) -> Table:
    tensors: list[Array] = []
    for number, frame in enumerate(_frames(body), 1):
        try:
            tensor = _features(frame)
        except _Malformed as error:
            raise BadPayload(f"is no record: {error}", row=number) from None
        if number == 1 and (rest := _all_alike(body, len(frame), tensor)) is not None:
            return Table(ArrayRows(rest))
        first = tensors[0] if tensors else tensor.values
        if len(tensor.values) != len(first):
            raise BadPayload(f"has {count_columns(len(tensor.values))} where row 1 has {len(first)}", row=number)
        if tensor.values.dtype != first.dtype:
            raise BadPayload(f"has {tensor.values.dtype.name} values where row 1 has {first.dtype.name}", row=number)
        tensors.append(tensor.values)
    return Table(ArrayRows(np.stack(tensors)))


def encode(table: Table) -> bytes:
    matrix = _matrix(table)
    field = _field(matrix.dtype)
    if table.columns is None and matrix.dtype.kind == "f" and len(matrix):
        return _alike(matrix, framed(_entry(_FEATURES, "values", field, matrix[0])))
    if table.columns is None:
        records = [_entry(_FEATURES, "values", field, row) for row in matrix]
    else:
        records = [
            b"".join(_entry(_LABEL, name, field, row[i : i + 1]) for i, name in enumerate(table.columns))
            for row in matrix
        ]
    return b"".join(framed(record) for record in records)


# Frames


def _frames(body: bytes) -> Iterator[bytes]:
    view, start, number = memoryview(body), 0, 0
    while start < len(body):
        number += 1
        if len(body) - start < 8:  # noqa: PLR2004
            raise BadPayload("not RecordIO: the body ends within the 8 bytes before a record", row=number)
        magic = int.from_bytes(view[start : start + 4], "little")
        length = int.from_bytes(view[start + 4 : start + 8], "little")
        if magic != _MAGIC:
            raise BadPayload(f"not RecordIO: 0x{magic:08X} stands where 0x{_MAGIC:08X} should", row=number)
        if length > _LENGTH:
            raise BadPayload("a record in several frames is not read", row=number)
        end = start + 8 + length
        if _padded(length) > len(body) - start - 8:
            raise BadPayload(f"is said to have {length} bytes, and the body ends before them", row=number)
        yield body[start + 8 : end]
        start += 8 + _padded(length)


def framed(record: bytes) -> bytes:
    """With its head and padding, as MXNet's RecordIO has it."""
    head = _MAGIC.to_bytes(4, "little") + len(record).to_bytes(4, "little")
    return head + record + bytes(_padded(len(record)) - len(record))


def _padded(length: int) -> int:
    return (length + 3) // 4 * 4


def _all_alike(body: bytes, length: int, first: _Tensor) -> Array | None:
    """All records in one step, where they differ from the first in their packed values only."""
    size = 8 + _padded(length)
    if first.start is None or not len(first.values) or len(body) % size:
        return None
    frames = np.frombuffer(body, np.uint8).reshape(-1, size)
    start = 8 + first.start
    end = start + first.values.nbytes
    for part in (slice(0, start), slice(end, size)):
        if (frames[:, part] != frames[0, part]).any():
            return None
    return np.ascontiguousarray(frames[:, start:end]).view(first.values.dtype)


def _alike(matrix: Array, first: bytes) -> bytes:
    """All rows in one step: frames differ from the `first` in their packed values only, which end the record."""
    values = matrix.view(np.uint8).reshape(len(matrix), -1)
    end = 8 + int.from_bytes(first[4:8], "little")
    frames = np.tile(np.frombuffer(first, np.uint8), (len(matrix), 1))
    frames[:, end - values.shape[1] : end] = values
    return frames.tobytes()


# Protobuf


def _features(record: bytes) -> _Tensor:
    found: _Tensor | None = None
    for number, wire, start, end in _fields(record, 0, len(record)):
        if number == _FEATURES:
            if wire != _BYTES or found is not None:
                raise _Malformed("it has several features, or a malformed one; send one, named 'values'")
            found = _feature(record, start, end)
    if found is None:
        raise _Malformed("it has no features")
    return found


def _feature(record: bytes, start: int, end: int) -> _Tensor:
    entry = {number: (wire, a, b) for number, wire, a, b in _fields(record, start, end)}
    _, a, b = entry.get(1, (_BYTES, 0, 0))
    if record[a:b] != b"values":
        raise _Malformed("its feature is not named 'values'")
    wire, a, b = entry.get(2, (_BYTES, 0, 0))
    tensors = list(_fields(record, a, b)) if wire == _BYTES else []
    if len(tensors) != 1 or tensors[0][0] not in _TENSORS or tensors[0][1] != _BYTES:
        raise _Malformed("its feature is no tensor of float32, float64 or int32")
    number, _, a, b = tensors[0]
    return _tensor(record, a, b, np.dtype(_TENSORS[number]))


def _tensor(record: bytes, start: int, end: int, dtype: "np.dtype[np.generic]") -> _Tensor:
    parts: list[Array] = []
    places: list[int | None] = []
    for number, wire, a, b in _fields(record, start, end):
        if number == 2 and b > a:  # noqa: PLR2004  keys
            raise _Malformed("its tensor is sparse; send the values dense, without keys")
        if number != 1:
            continue  # the shape of a dense tensor says nothing that its values do not
        if dtype.kind == "i":
            if wire not in (_VARINT, _BYTES):
                raise _Malformed("its values are malformed")
            parts.append(np.array(list(_integers(record, a, b)), dtype=dtype))
            places.append(None)
        elif wire in (_FIXED32 if dtype.itemsize == 4 else _FIXED64, _BYTES):  # noqa: PLR2004
            if (b - a) % dtype.itemsize:
                raise _Malformed("its values end within a number")
            parts.append(np.frombuffer(record, dtype, (b - a) // dtype.itemsize, a))
            places.append(a)
        else:
            raise _Malformed("its values are malformed")
    if not parts:
        raise _Malformed("its tensor has no values")
    return _Tensor(parts[0], places[0]) if len(parts) == 1 else _Tensor(np.concatenate(parts), None)


def _integers(record: bytes, at: int, end: int) -> Iterator[int]:
    while at < end:
        number, at = _varint(record, at, end)
        number = number - (1 << 64) if number >> 63 else number
        if not -(1 << 31) <= number < 1 << 31:
            raise _Malformed("an integer has more than 32 bits")
        yield number


def _fields(record: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, wire type, start, end) of each value."""
    while at < end:
        tag, at = _varint(record, at, end)
        wire, start = tag & 7, at
        if wire == _VARINT:
            _, at = _varint(record, at, end)
        elif wire == _BYTES:
            length, start = _varint(record, at, end)
            at = start + length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise _Malformed(f"its protobuf has a field of wire type {wire}")
        if at > end or not tag >> 3:
            raise _Malformed("its protobuf ends within a field")
        yield tag >> 3, wire, start, at


def _varint(record: bytes, at: int, end: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 7 * _WIDEST_VARINT, 7):
        if at >= end:
            break
        byte = record[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004
            return number & ((1 << 64) - 1), at
    raise _Malformed("its protobuf ends within a number")


def _entry(field: int, name: str, tensor: int, values: Array) -> bytes:
    packed = b"".join(map(_written, values.tolist())) if values.dtype.kind == "i" else values.tobytes()
    value = _bytes(tensor, _bytes(1, packed))
    return _bytes(field, _bytes(1, name.encode()) + _bytes(2, value))


def _bytes(field: int, content: bytes) -> bytes:
    return _written(field << 3 | _BYTES) + _written(len(content)) + content


def _written(number: int) -> bytes:
    out, number = bytearray(), number & ((1 << 64) - 1)
    while number > 0x7F:  # noqa: PLR2004
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


# What is written


def _matrix(table: Table) -> Array:
    """(rows, columns) of float32, float64 or int32, little-endian."""
    if isinstance(table.rows, ArrayRows):
        if table.rows.array.ndim > 2:  # noqa: PLR2004
            raise NotAcceptable("a record holds one row of numbers; ask for application/json or application/x-npy")
        matrix = table.rows.flat()
    else:
        cells = [cell for row in table.rows for cell in row]
        matrix = column.array(cells, "a record holds numbers").reshape(len(table.rows), table.width)
    if matrix.dtype.kind in "iu" and matrix.dtype.str[1:] != "i4":
        if matrix.size and (matrix.min() < -(1 << 31) or matrix.max() >= 1 << 31):
            raise NotAcceptable("a record holds integers of 32 bits only; ask for application/json")
        matrix = matrix.astype("<i4")
    if matrix.dtype.str[1:] == "f2":
        matrix = matrix.astype("<f4")
    if matrix.dtype.str[1:] not in _FIELD_OF:
        kind = "text" if matrix.dtype.kind == "U" else "booleans"
        raise NotAcceptable(f"a record holds numbers, and the answer has {kind}; ask for application/json")
    return np.ascontiguousarray(matrix, matrix.dtype.newbyteorder("<"))


def _field(dtype: "np.dtype[np.generic]") -> int:
    return _FIELD_OF[dtype.str[1:]]
