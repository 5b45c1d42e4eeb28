"""application/jsonlines: one JSON row a line; blank lines are passed over."""

from typing import Any

from tiffin.bad_rows import BadRows, refuse
from tiffin.codecs import json
from tiffin.errors import BadPayload
from tiffin.table import Envelope, Table


def decode(text: str, bad: BadRows | None = None) -> Table:
    rows: dict[int, Any] = {}
    for number, line in enumerate((line for line in text.split("\n") if line.strip()), 1):
        try:
            row = json.loads(line, row=number)
            if isinstance(row, dict) and "instances" in row:
                raise BadPayload("'instances' belongs to application/json; a line holds one row", row=number)
        except BadPayload as error:
            refuse(error, bad)
        else:
            rows[number] = row
    return json.table(list(rows.values()), Envelope.MANY, bad, list(rows))


def encode(table: Table) -> str:
    return "".join(json.dumps(value) + "\n" for value in json.values_of(table))
