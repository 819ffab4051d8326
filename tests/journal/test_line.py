from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.journal.line import outcome
from harness.record import Record
from harness.schema import (
    Completion,
    Failure,
    FinishReason,
    Message,
    Prompt,
    ProviderType,
    Request,
    SamplingParams,
    Usage,
    Variant,
)


def record(item_id, completion=None, failure=None):
    prompt = Prompt(id="p1", text='{"item_id":"", "error":null}\n')
    variant = Variant("m@0.0", ProviderType.CLAUDE, "m", SamplingParams(), run_seed=1)
    request = Request(item_id, prompt, variant, 0, 7, (Message("user", prompt.text),), None)
    return Record("run", request, completion, failure, datetime(2026, 1, 1, tzinfo=UTC), 1.0, 0.0, 0)


def test_a_success_as_the_harness_writes_it_is_told_without_decoding(item, monkeypatch):
    monkeypatch.delattr("harness.journal.line.decode")
    answer = Completion('"error":null}', FinishReason.STOP, Usage(1, 2, 3), None, {})
    assert outcome(record(item(1).hex(), completion=answer).to_line()) == (item(1), True)


def test_a_failure_is_not_taken_for_a_success_whatever_its_message_says(item):
    failure = Failure("RejectedError", 'it said ,"error":null}', 400, retryable=False, attempts=1)
    assert outcome(record(item(1).hex(), failure=failure).to_line()) == (item(1), False)


def test_a_record_that_another_tool_wrote_is_decoded(item):
    line = b'{"error": null, "x": 1, "item_id": "%b"}\n' % item(1).hex().upper().encode()
    assert outcome(line) == (item(1), True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"\n", "not JSON"),
        (b"[]\n", "not a record"),
        (b'{"item_id":"00000000000000000000000000000000"}\n', "not a record"),
        (b'{"item_id":"0000000000000000000000000000000000","error":null}\n', "not a record"),
        (b'{"item_id":"zz000000000000000000000000000000","error":null}\n', "not a record"),
        (b'{"item_id":"00 00000000000000000000000000000","error":null}\n', "not a record"),
        (b'{"item_id":7,"error":null}\n', "not a record"),
        (b'{"item_id":"00000000000000000000000000000000","a":"\0","error":null}\n', "NUL"),
        (b'{"item_id":"00000000000000000000000000000000","error":null}', "not finished"),
    ],
)
def test_what_is_no_record_says_why(line, problem):
    with pytest.raises(ValueError, match=problem):
        outcome(line)
