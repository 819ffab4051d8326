"""Every record as a typed Parquet table, nested columns kept. Knows no other format.

Types: texts are strings, counts int64, seconds, dollars and logprobs float64, `timestamp` an instant in UTC with
microseconds. `messages` and `token_logprobs` are lists of structs; `tokens_used`, `sampling_params`, `reused_from` and
`error_detail` structs. `prompt_metadata`, `runtime` and `template` may hold anything and are JSON as text.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.analysis.export.jobs import Counted, Written
from harness.analysis.export.outputs import Outputs
from harness.analysis.libraries import library
from harness.errors import UsageError
from harness.json_text import to_json
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.analysis.export.jobs import Job
    from harness.analysis.records import Record

# A row group; the second bound keeps a column of long texts far from the 2 GiB that one may hold.
_ROWS = 5_000
_CHARACTERS = 1 << 26
_JSON = ("prompt_metadata", "runtime", "template")
_TEXTS = ("prompt", "full_response", "thinking")


def write(job: Job) -> Written:
    """Write the file; memory holds a row group at a time.

    Raises:
        UsageError: pyarrow is not installed, a record does not fit the types, nothing to export or nowhere to write.
        JournalCorruptError: a line of the journal is no record.
    """
    library("pyarrow.parquet")
    records = Counted(job.folder)
    Outputs(job.target.parent, "parquet").write(job.target, _chunks(records))
    return Written(((job.target, counted(records.records, "record")),), records.notes())


def schema() -> Any:
    """The table's schema, a `pyarrow.Schema`; the columns are the fields of a record in their order."""
    pa = library("pyarrow")
    text, whole, real, flag = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    # In the order of a record; what is named here is not a string.
    types = {
        "schema_version": whole, "repeat": whole, "seed": whole, "retry_count": whole,
        "elapsed_seconds": real, "queued_seconds": real, "cost_usd": real,
        "is_synthetic_probe": flag, "simulated": flag,
        "timestamp": pa.timestamp("us", "UTC"),
        "messages": pa.list_(pa.struct({"role": text, "content": text})),
        "tokens_used": pa.struct(dict.fromkeys(("input", "output", "total", "cached_input", "thinking"), whole)),
        "token_logprobs": pa.list_(pa.struct({
            "token_position": whole, "token": text, "token_id": whole, "logprob": real, "raw_logprob": real,
            "top_tokens": pa.list_(text), "top_token_ids": pa.list_(whole), "top_logprobs": pa.list_(real),
        })),
        "output_token_ids": pa.list_(whole),
        "sampling_params": pa.struct({
            "temperature": real, "max_tokens": whole, "seed": whole, "top_p": real, "top_k": whole, "min_p": real,
            "repetition_penalty": real, "stop": pa.list_(text),
        }),
        "reused_from": pa.struct({"run_id": text, "folder": text, "cost_usd": real}),
        "error_detail": pa.struct({"type": text, "status": whole, "retryable": flag, "attempts": whole}),
    }  # fmt: skip
    return pa.schema([(name, types.get(name, text)) for name in _COLUMNS])


_COLUMNS = (
    "item_id", "run_id", "schema_version", "prompt_id", "prompt", "messages", "system", "prompt_category",
    "is_synthetic_probe", "prompt_metadata", "provider", "model", "model_version", "variant", "repeat", "simulated",
    "full_response", "thinking", "finish_reason", "finish_detail", "tokens_used", "token_logprobs", "logprobs_of",
    "output_token_ids", "sampling_params", "seed", "runtime", "template", "timestamp", "elapsed_seconds",
    "queued_seconds", "retry_count", "request_id", "reused_from", "cost_usd", "error_detail", "error",
)  # fmt: skip


class _Pipe:
    """A file for pyarrow to write to, whose contents are taken out as they come."""

    closed = False

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def taken(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def _chunks(records: Iterable[Record]) -> Iterator[bytes]:
    typed, pipe = schema(), _Pipe()
    with library("pyarrow.parquet").ParquetWriter(pipe, typed, compression="zstd") as writer:
        for batch in _batches(records):
            writer.write_table(_table(batch, typed))
            yield pipe.taken()
    yield pipe.taken()


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += sum(len(record.get(name) or "") for name in _TEXTS)
        if len(batch) == _ROWS or characters > _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _table(records: Sequence[Record], typed: Any) -> Any:
    pa = library("pyarrow")
    misfits = (pa.ArrowException, ValueError, TypeError, OverflowError)
    with suppress(*misfits):
        return pa.Table.from_pylist([_row(record) for record in records], schema=typed)
    for record in records:
        try:
            pa.Table.from_pylist([_row(record)], schema=typed)
        except misfits as error:
            raise UsageError(
                f"The record of the item {record['item_id']} does not fit the table's types ({error}). Correct it, or "
                "export with --format jsonl, which takes every value."
            ) from error
    raise AssertionError("records fit one by one and not together")


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {name: record.get(name) for name in _COLUMNS}
    for name in _JSON:
        row[name] = None if row[name] is None else to_json(row[name]).decode()
    row["timestamp"] = datetime.fromisoformat(row["timestamp"])
    sampling = row["sampling_params"]
    if sampling and isinstance(sampling.get("stop"), str):
        # As an `extra_body` may have sent it.
        row["sampling_params"] = {**sampling, "stop": [sampling["stop"]]}
    return row
