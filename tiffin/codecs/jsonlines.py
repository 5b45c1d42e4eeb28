"""application/jsonlines: one JSON row a line; blank lines are passed over."""

from tiffin.codecs import json
from tiffin.errors import BadPayload
from tiffin.table import Envelope, Table


def decode(text: str) -> Table:
    lines = [line for line in text.split("\n") if line.strip()]
    rows = [json.loads(line, row=number) for number, line in enumerate(lines, 1)]
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict) and "instances" in row:
            raise BadPayload("'instances' belongs to application/json; a line holds one row", row=number)
    return json.table(rows, Envelope.MANY)


def encode(table: Table) -> str:
    return "".join(json.dumps(json.value(row, table.columns)) + "\n" for row in table.rows)
