"""application/x-npy: numpy's own format. One dimension is rows of one cell, two are rows; more reach `Table.array`.

Nothing is ever unpickled (K-07): the header is matched by a pattern, and its shape has to be that of the bytes there.
"""

import io
import math
import re

import numpy as np

from tiffin.codecs import column
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import Array, ArrayRows, Table, shortened

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 4096
_ENTRY = r"['\"](descr|fortran_order|shape)['\"]\s*:\s*('[^']*'|\"[^\"]*\"|True|False|\([\d,\s]*\))"
_HEADER = re.compile(rf"\{{\s*{_ENTRY}\s*,\s*{_ENTRY}\s*,\s*{_ENTRY}\s*,?\s*\}}\s*")
_STRUCTURED = re.compile(r"['\"]descr['\"]\s*:\s*[\[(]")
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U[1-9]\d{0,8})")
_DIMENSIONS = 32
_LAST_CHARACTER, _SURROGATES = 0x10FFFF, (0xD800, 0xDFFF)
_WIDEST = 512 * 1024 * 1024  # bytes of an array of text, where one long cell makes every cell as long


def decode(body: bytes) -> Table:
    return Table(ArrayRows(array(body)))


def encode(table: Table) -> bytes:
    return dumps(matrix(table))


def dumps(values: Array) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, values, allow_pickle=False)
    return out.getvalue()


def array(body: bytes) -> Array:
    """Read-only where it can be a view. Raises BadPayload for what is no array of numbers, booleans or text."""
    start, header = _header(body)
    if _STRUCTURED.search(header):
        raise BadPayload("the array has structured rows; send one plain array, or application/x-npz with one a column")
    match = _HEADER.fullmatch(header)
    found = dict(zip(match.groups()[::2], match.groups()[1::2], strict=True)) if match else {}
    if len(found) != 3:  # noqa: PLR2004
        raise BadPayload("not npy: the header does not say descr, fortran_order and shape")
    dtype = _dtype(found["descr"])
    if found["fortran_order"] not in ("True", "False") or not found["shape"].startswith("("):
        raise BadPayload("not npy: the header's fortran_order or shape is malformed")
    shape = _shape(found["shape"])
    if len(body) - start != math.prod(shape) * dtype.itemsize:
        size = f"{shape} of {dtype.itemsize} bytes each"
        raise BadPayload(f"the array is said to be {size}, but {len(body) - start} bytes of data are there")
    flat = np.frombuffer(body, dtype, offset=start)
    _check(flat)
    native = flat.astype(dtype.newbyteorder("="), copy=False)
    return native.reshape(shape, order="F" if found["fortran_order"] == "True" else "C")


def matrix(table: Table) -> Array:
    """The answer as one array, of one dimension for one column; raises NotAcceptable where one type is not enough."""
    if isinstance(table.rows, ArrayRows):
        return little(table.rows.array)
    rows = table.rows
    flat = little(
        column.array([cell for row in rows for cell in row], "npy holds one type of value"),
    )
    return flat if table.width == 1 else flat.reshape(len(rows), table.width)


def little(values: Array) -> Array:
    """As it is written: text of fixed width that fits, every byte little-endian."""
    if values.dtype.kind == "U":
        if values.dtype.itemsize == 0:
            return values.astype("<U1")
        if values.nbytes > _WIDEST:
            raise NotAcceptable(f"one long text makes the array {values.nbytes} bytes large; ask for application/json")
    return np.asarray(values, values.dtype.newbyteorder("<"))


def _header(body: bytes) -> tuple[int, str]:
    """Where the data begins, and the header's text."""
    if not body.startswith(_MAGIC) or len(body) < len(_MAGIC) + 2:
        raise BadPayload("not npy: the body does not begin with \\x93NUMPY and a version")
    version, size = body[6], 2 if body[6] == 1 else 4
    if version not in (1, 2, 3) or body[7] != 0:
        raise BadPayload(f"npy of version {version}.{body[7]} is not read; send version 1.0")
    start = 8 + size
    length = int.from_bytes(body[8:start], "little")
    if length > _LONGEST_HEADER or len(body) < start + length:
        raise BadPayload(f"not npy: the header is said to have {length} bytes, and the body has {len(body)}")
    return start + length, body[start : start + length].decode("latin-1")


def _dtype(text: str) -> "np.dtype[np.generic]":
    name = text[1:-1]
    if name[1:2] == "O" or name == "O":
        raise BadPayload("the array holds Python objects, which only pickle could read: send numbers or text (<U)")
    if not _DTYPE.fullmatch(name):
        raise BadPayload(f"an array of {shortened(name)} is not read; send numbers, booleans or text (<U)")
    return np.dtype(name)


def _shape(text: str) -> tuple[int, ...]:
    members = [member.strip() for member in text[1:-1].split(",")]
    if members and not members[-1]:
        members.pop()
    if any(not member.isdecimal() or len(member) > 18 for member in members):  # noqa: PLR2004
        raise BadPayload(f"not npy: {shortened(text)} is no shape")
    shape = tuple(map(int, members))
    if not 0 < len(shape) <= _DIMENSIONS:
        raise BadPayload(f"the array has {len(shape)} dimensions; send one or two: (rows, columns)")
    if shape[0] and 0 in shape[1:]:
        raise BadPayload(f"the array's {shape[0]} rows have no columns")
    return shape


def _check(flat: Array) -> None:
    """What numpy itself would only stumble over later."""
    if flat.dtype.kind == "b" and flat.size and flat.view(np.uint8).max() > 1:
        raise BadPayload("an array of booleans holds a byte that is neither 0 nor 1")
    if flat.dtype.kind == "U":
        codes = flat.view(np.dtype(np.uint32).newbyteorder(flat.dtype.byteorder))
        first, last = _SURROGATES
        if codes.size and (codes.max() > _LAST_CHARACTER or ((codes >= first) & (codes <= last)).any()):
            raise BadPayload("an array of text holds what is no character")
