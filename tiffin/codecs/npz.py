"""application/x-npz: a zip of npy arrays. Either one array, which is the rows, or one of one dimension for each column.

numpy's own name for an array without one, arr_0, names no column. Zips are bounded before a byte is unpacked.
"""

import io
import zlib

import numpy as np

from tiffin import limits
from tiffin.codecs import column, npy
from tiffin.errors import BadPayload, NotAcceptable
from tiffin.table import Array, ArrayRows, Cell, Table, shortened

_UNNAMED = "arr_0"
_SPARSE = {"data", "format", "shape"}  # what scipy.sparse.save_npz writes in every layout
_MOST_ARRAYS = 10_000
_ENCRYPTED = 0x1  # flag of a zip member that is encrypted


def decode(body: bytes) -> Table:
    arrays = _arrays(body)
    if arrays.keys() >= _SPARSE:
        raise BadPayload("the arrays are a sparse matrix of scipy's; send it dense")
    if len(arrays) == 1:
        ((name, only),) = arrays.items()
        if only.ndim > 1 or name == _UNNAMED:
            return Table(ArrayRows(only))
    first_name, first = next(iter(arrays.items()))
    for name, array in arrays.items():
        if array.ndim != 1 or len(array) != len(first):
            raise BadPayload(
                f"array {shortened(name)} is {array.shape} beside {shortened(first_name)} of {first.shape}; send one "
                "array of rows, or one of one dimension for each column, all of one length"
            )
    columns = tuple(arrays)
    if all(array.dtype == first.dtype for array in arrays.values()):
        return Table(ArrayRows(np.column_stack(list(arrays.values()))), columns)
    rows = zip(*(array.tolist() for array in arrays.values()), strict=True)
    return Table([list(row) for row in rows], columns)


def encode(table: Table) -> bytes:
    arrays = {_UNNAMED: npy.matrix(table)} if table.columns is None else _named(table, table.columns)
    from zipfile import ZipFile

    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy.dumps(array))
    return out.getvalue()


def _named(table: Table, columns: tuple[str, ...]) -> dict[str, Array]:
    if len(set(columns)) != len(columns) or not all(columns):
        raise NotAcceptable("the answer's columns cannot be names of arrays; ask for application/json")
    if isinstance(table.rows, ArrayRows):
        return {name: npy.little(table.rows.flat()[:, index]) for index, name in enumerate(columns)}
    cells: list[list[Cell]] = [[row[index] for row in table.rows] for index in range(len(columns))]
    because = "an array of npz holds one type of value"
    return {name: npy.little(column.array(cells[i], because)) for i, name in enumerate(columns)}


def _arrays(body: bytes) -> dict[str, Array]:
    from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

    arrays: dict[str, Array] = {}
    try:
        with ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            if not 0 < len(members) <= _MOST_ARRAYS:
                raise BadPayload(f"the npz holds {len(members)} arrays; send 1 to {_MOST_ARRAYS}")
            size = sum(member.file_size for member in members)
            if size > limits.UNPACKED:
                raise BadPayload(f"the npz unpacks to {size} bytes; {limits.UNPACKED} are the most that is read")
            for member in members:
                name = member.filename.removesuffix(".npy")
                if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or member.flag_bits & _ENCRYPTED:
                    raise BadPayload(
                        f"array {shortened(name)} is packed otherwise than numpy packs: stored or deflated"
                    )
                if name == member.filename or name in arrays or not name:
                    raise BadPayload(f"{shortened(member.filename)} is no array of its own: NAME.npy, each name once")
                arrays[name] = _array(archive.read(member), name)
    except (BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError):
        raise BadPayload("not npz: the body is no whole zip file") from None
    return arrays


def _array(body: bytes, name: str) -> Array:
    try:
        return npy.array(body)
    except BadPayload as error:
        raise BadPayload(f"array {shortened(name)}: {error}") from None
