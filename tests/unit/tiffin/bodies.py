"""Bodies of the binary formats, honest and hostile."""

import io
import struct
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tiffin import media
from tiffin.media import MediaType

MAGIC = 0xCED7230A
TRILLION = 10**12


def npy(array: Any, allow_pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


def npy_header(text: str, data: bytes = b"") -> bytes:
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def header_of(descr: str, shape: str) -> bytes:
    return npy_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")


def packed(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def stream(columns: dict[str, Any], compression: str | None = None) -> bytes:
    table = pa.table(columns)
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return out.getvalue()


def parquet_file(columns: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    return out.getvalue()


def frame(record: bytes, length: int | None = None, magic: int = MAGIC) -> bytes:
    return struct.pack("<II", magic, len(record) if length is None else length) + record + bytes(-len(record) % 4)


PICKLE = npy(np.array([{}], dtype=object), allow_pickle=True)
FLOATS = npy(np.arange(6.0).reshape(2, 3))
TWO = npy(np.zeros(2))

# What AWS's own record_pb2 writes for these (sagemaker/amazon/common.py).
RECORDS_FLOAT32 = bytes.fromhex(
    "0a23d7ce180000000a160a0676616c756573120c120a0a080000c03f000000c0"
    "0a23d7ce180000000a160a0676616c756573120c120a0a080000803e00004040"
)
RECORD_FLOAT64 = bytes.fromhex("0a23d7ce180000000a160a0676616c756573120c1a0a0a089a9999999999b93f")
RECORD_INT32 = bytes.fromhex("0a23d7ce1d0000000a1b0a0676616c75657312113a0f0a0d01feffffffffffffffff01ac02000000")
RECORDS_LABELLED = bytes.fromhex(
    "0a23d7ce280000000a120a0676616c756573120812060a040000c03f12120a0676616c756573120812060a040000803f"
    "0a23d7ce280000000a120a0676616c756573120812060a040000204012120a0676616c756573120812060a0400000000"
)
RECORD_NAMED = bytes.fromhex("0a23d7ce1700000012150a0573636f7265120c1a0a0a08000000000000e03f00")
RECORD_SPARSE = bytes.fromhex("0a23d7ce1f0000000a1d0a0676616c756573121312110a080000803f00000040120203461a016400")


def hostile() -> dict[str, tuple[MediaType, bytes, str]]:
    """By name: the format, the body, and what the sentence says."""
    return {
        "npy of pickled objects": (media.NPY, PICKLE, "Python objects, which only pickle could read"),
        "npy of structured rows": (media.NPY, npy(np.zeros(2, dtype=[("a", "f8")])), "structured rows"),
        "npy of dates": (media.NPY, npy(np.array(["2026"], dtype="M8[D]")), "'<M8[D]' is not read"),
        "npy of raw bytes": (media.NPY, npy(np.array([b"a"])), "'|S1' is not read"),
        "npy of a trillion rows": (media.NPY, header_of("'<f8'", f"({TRILLION},)"), "but 0 bytes of data are there"),
        "npy of a trillion rows of no width": (media.NPY, header_of("'<f8'", f"({TRILLION}, 0)"), "have no columns"),
        "npy of a trillion empty texts": (media.NPY, header_of("'<U0'", f"({TRILLION},)"), "'<U0' is not read"),
        "npy of fewer rows than none": (media.NPY, header_of("'<f8'", "(-1,)"), "does not say descr"),
        "npy of a shape in words": (media.NPY, header_of("'<f8'", "(1 2,)"), "is no shape"),
        "npy of no dimension": (media.NPY, npy(np.array(1.0)), "0 dimensions"),
        "npy of code": (media.NPY, npy_header("__import__('os').abort()"), "does not say descr"),
        "npy of nested brackets": (media.NPY, npy_header("[" * 4000), "does not say descr"),
        "npy of a long header": (media.NPY, npy_header(" " * 60_000), "is said to have 60001 bytes"),
        "npy of version 9": (media.NPY, b"\x93NUMPY\x09\x00" + bytes(20), "version 9.0 is not read"),
        "npy cut short": (media.NPY, FLOATS[:-1], "but 47 bytes of data are there"),
        "npy cut in its header": (media.NPY, FLOATS[:30], "is said to have"),
        "npy of what is no boolean": (media.NPY, header_of("'|b1'", "(1,)") + b"\x07", "neither 0 nor 1"),
        "npy of what is no text": (media.NPY, header_of("'<U1'", "(1,)") + b"\xff" * 4, "is no character"),
        "npz that is a bomb": (media.NPZ, packed({"a.npy": bytes(300 * 2**20)}), "unpacks to 314572800 bytes"),
        "npz of pickled objects": (media.NPZ, packed({"a.npy": PICKLE}), "array 'a': the array holds Python objects"),
        "npz of nothing": (media.NPZ, packed({}), "holds 0 arrays"),
        "npz of a text file": (media.NPZ, packed({"a.txt": b"x"}), "no array of its own"),
        "npz of ragged columns": (media.NPZ, packed({"a.npy": TWO, "b.npy": npy(np.zeros(3))}), "is (3,) beside 'a'"),
        "npz of two tables": (media.NPZ, packed({"a.npy": FLOATS, "b.npy": FLOATS}), "send one array of rows"),
        "npz packed by lzma": (media.NPZ, packed({"a.npy": TWO}, zipfile.ZIP_LZMA), "stored or deflated"),
        "npz of scipy": (
            media.NPZ,
            packed(dict.fromkeys(("data.npy", "format.npy", "shape.npy", "indices.npy"), TWO)),
            "sparse matrix",
        ),
        "npz cut short": (media.NPZ, packed({"a.npy": TWO})[:-30], "no whole zip file"),
        "npz that is none": (media.NPZ, b"PK\x03\x04 and so on", "no whole zip file"),
        "recordio of another magic": (media.RECORDIO, frame(b"", magic=1), "0x00000001 stands where 0xCED7230A should"),
        "recordio of a long record": (media.RECORDIO, frame(b"1234", length=1 << 28), "the body ends before them"),
        "recordio in parts": (media.RECORDIO, frame(b"1234", length=1 << 29 | 4), "in several frames"),
        "recordio cut short": (media.RECORDIO, RECORDS_FLOAT32[:-40] + b"\n#", "the body ends"),
        "recordio without features": (media.RECORDIO, RECORD_NAMED, "row 1: is no record: it has no features"),
        "recordio, sparse": (media.RECORDIO, RECORD_SPARSE, "sparse"),
        "recordio of noise": (media.RECORDIO, frame(b"\xff" * 12), "ends within a number"),
        "recordio, ragged": (
            media.RECORDIO,
            RECORDS_FLOAT32 + RECORDS_LABELLED,
            "row 3: has 1 column where row 1 has 2",
        ),
        "recordio of two types": (media.RECORDIO, RECORDS_LABELLED + RECORD_FLOAT64, "row 3: has float64 values"),
        "parquet that is a bomb": (media.PARQUET, parquet_file({"a": np.zeros(40_000_000)}), "unpacks to 320000000"),
        "parquet cut short": (media.PARQUET, parquet_file({"a": [1]})[:-10], "malformed or cut short"),
        "parquet that is none": (media.PARQUET, b"PAR1" + bytes(40) + b"PAR1", "malformed or cut short"),
        "arrow that is a bomb": (media.ARROW_STREAM, stream({"a": np.zeros(40_000_000)}, "zstd"), "unpacks to 3200000"),
        "arrow of a billion nulls": (media.ARROW_STREAM, stream({"a": pa.nulls(10**9)}), "unpacks to 8000000000"),
        "arrow cut short": (media.ARROW_STREAM, stream({"a": [1, 2]})[:-20], "malformed or cut short"),
        "arrow of lying lengths": (media.ARROW_STREAM, b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(20), "malformed or"),
        "arrow of dates": (
            media.ARROW_STREAM,
            stream({"when": pa.array([0], pa.timestamp("s"))}),
            "column 'when': is of type 'timestamp[s]'; send numbers",
        ),
        "arrow of lists": (media.ARROW_STREAM, stream({"a": [[1]]}), "is of type 'list<"),
        "arrow without columns": (media.ARROW_STREAM, stream({}), "has no columns"),
    }
