"""DataProcessing (B-09): what of each record the container is sent, and what of record and answer is kept.

Bodies are read as records here, and only here: CSV rows, JSON documents, JSON lines. Blank lines are no records. CSV
goes through row by row, so that a body of 100 MB does not become ten times as much in lists of texts.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from local_test.transform.filters import FilterError, JsonPath
from local_test.transform.job import CSV, JSON, TransformJob, media_type

OUTPUT, INPUT = "SageMakerOutput", "SageMakerInput"

Record = Any  # a row of CSV as a list of texts, or what JSON holds


class ProcessingError(Exception):
    """A record or an answer cannot be filtered or joined; its text says which and why."""

    def __init__(self, text: str, *, is_of_answer: bool = False) -> None:
        super().__init__(text)
        self.is_of_answer = is_of_answer


@dataclass(frozen=True)
class Processing:
    """Of one job. `first` is the number of a body's first record in its file."""

    input: JsonPath
    output: JsonPath
    joins: bool
    is_csv: bool
    is_document: bool  # a body is one JSON document, over as many lines as it likes

    @classmethod
    def of(cls, job: TransformJob, strategy: str) -> "Processing | None":
        """None where bodies pass unread."""
        if not job.processes_data:
            return None
        kind = media_type(job.content_type)
        alone = job.split_type == "None" or strategy == "SingleRecord"
        return cls(
            JsonPath.parse(job.input_filter),
            JsonPath.parse(job.output_filter),
            job.join_source == "Input",
            kind == CSV,
            kind == JSON and alone,
        )

    def request(self, body: bytes, first: int) -> bytes:
        """What the container is sent for `body`. Raises ProcessingError."""
        if self.input.is_everything:
            return body
        return self._write(self.input, lambda: self._records(body, _INPUT), first)

    def response(self, body: bytes, answer: bytes, first: int) -> bytes:
        """What is kept of the container's answer to `body`, without a newline at its end. Raises ProcessingError."""
        if not self.joins:
            if self.output.is_everything:
                return answer
            return self._write(self.output, lambda: self._records(answer, _ANSWER), first).removesuffix(b"\n")
        return self._write(self.output, lambda: self._joined(body, answer), first).removesuffix(b"\n")

    def _records(self, body: bytes, what: str) -> Iterator[Record]:
        if self.is_csv:
            return _rows(body, what)
        if self.is_document:
            return iter([_document(body, what)])
        lines = (line for line in body.split(b"\n") if line.strip())
        return (_document(line, f"{what}, in its line {number},") for number, line in enumerate(lines, 1))

    def _joined(self, body: bytes, answer: bytes) -> Iterator[Record]:
        join = _join_rows if self.is_csv else _join_documents
        pairs = zip(self._records(body, _INPUT), self._records(answer, _ANSWER), strict=True)
        try:
            for record, result in pairs:
                yield join(record, result)
        except ValueError:  # of zip
            sent, came = (sum(1 for _ in self._records(each, _ANSWER)) for each in (body, answer))
            raise ProcessingError(
                f"the container's answer has {_count(came)} to {_count(sent)} sent; a join needs as many out as in",
                is_of_answer=True,
            ) from None

    def _write(self, path: JsonPath, records: Callable[[], Iterator[Record]], first: int) -> bytes:
        select = path.of_rows() if self.is_csv else path.select
        try:
            return self._dump(records() if path.is_everything else map(select, records()))
        except (FilterError, IndexError):
            raise _first_failure(path, records(), first) from None

    def _dump(self, records: Iterable[Record]) -> bytes:
        if self.is_csv:
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows(records)
            return text.getvalue().encode(errors="surrogateescape")
        ending = "" if self.is_document else "\n"
        dumped = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + ending for record in records)
        return "".join(dumped).encode(errors="surrogatepass")


_INPUT, _ANSWER = "the input", "the container's answer"


def _rows(body: bytes, what: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(body.decode(errors="surrogateescape"), newline="\n"), strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, 1):  # noqa: B007  looked at afterwards
            if row:
                yield row
    except csv.Error as error:
        raise ProcessingError(
            f"{what} is no CSV by RFC 4180 in its line {reader.line_num}: {error}", is_of_answer=what == _ANSWER
        ) from None
    if reader.line_num != number:
        text = f"{what} has a newline within quotes, which DataProcessing does not take"
        raise ProcessingError(text, is_of_answer=what == _ANSWER)


def _join_rows(row: list[str], answer: list[str]) -> list[str]:
    return row + answer


def _join_documents(record: Record, answer: Record) -> Record:
    return {**record, OUTPUT: answer} if isinstance(record, dict) else {INPUT: record, OUTPUT: answer}


def _first_failure(path: JsonPath, records: Iterator[Record], first: int) -> ProcessingError:
    """Once more and slowly, to say which record it is."""
    for number, record in enumerate(records, first):
        try:
            path.select(record)
        except FilterError as error:
            return ProcessingError(f"{path.text} of record {number}: {error}")
    return ProcessingError(f"{path.text} finds nothing in a record")


def _document(body: bytes, what: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProcessingError(f"{what} is no JSON: {error}", is_of_answer=what.startswith(_ANSWER)) from None


def _count(records: int) -> str:
    return "1 record" if records == 1 else f"{records} records"
