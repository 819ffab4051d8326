from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.tally import Described, Tally

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
BEFORE, NOW = -3600.0, 10.0


def record(item: int = 0, at: float = NOW, error: str | None = None, **facts) -> dict:
    """A line of a run that began at noon, `at` seconds after that."""
    return {
        "item_id": f"{item:032x}",
        "prompt_id": f"p{item}",
        "provider": "claude",
        "model": "m",
        "variant": "m@0.0",
        "simulated": False,
        "finish_reason": None if error else "stop",
        "tokens_used": None if error else {"input": 10, "output": 30, "total": 40},
        "timestamp": (NOON + timedelta(seconds=at)).isoformat(),
        "elapsed_seconds": 2.0,
        "retry_count": 0,
        "cost_usd": None if error else 0.5,
        "error": error,
        **facts,
    }


@pytest.fixture
def tally():
    return Tally(NOON.timestamp())


def test_an_answer_came_when_its_last_attempt_was_over_and_took_every_request(tally):
    (answer,) = tally.sort([record(retry_count=2)]).answers
    assert (answer.at, answer.sent, answer.makes_good) == (NOON.timestamp() + 12.0, 3, False)
    assert (answer.result.variant, answer.result.prompt_id, answer.result.finish_reason) == ("m@0.0", "p0", "stop")
    assert (answer.result.output_tokens, answer.result.elapsed_seconds, answer.result.cost_usd) == (30, 2.0, 0.5)


def test_what_is_older_than_the_run_was_there_before_it(tally):
    batch = tally.sort([record(0, BEFORE), record(1, BEFORE), record(2)])
    assert (batch.resumed, len(batch.answers), batch.spent_before_usd) == (Counter({"m@0.0": 2}), 1, 1.0)


def test_a_variant_is_described_once(tally):
    batches = [tally.sort([record(0), record(1)]), tally.sort([record(2)])]
    assert [batch.variants for batch in batches] == [{"m@0.0": Described("claude", "m", simulated=False)}, {}]


def test_a_failure_of_an_earlier_run_is_overtaken_by_whatever_comes_of_its_item_now(tally):
    failed = [record(item, BEFORE, "No.") for item in range(3)]
    assert tally.sort(failed).failed_before == Counter({"m@0.0": 3})
    batch = tally.sort([record(0), record(1, NOW, "No again.")])
    assert batch.failed_before == Counter({"m@0.0": -2})
    assert [answer.makes_good for answer in batch.answers] == [False, False]


def test_a_success_makes_a_failure_of_the_same_run_good(tally):
    batch = tally.sort([record(error="No."), record()])
    assert [answer.makes_good for answer in batch.answers] == [False, True]


@pytest.mark.parametrize("at", [BEFORE, NOW])
@pytest.mark.parametrize("later", [None, "No."])
def test_what_comes_after_a_success_counts_for_nothing(tally, at, later):
    tally.sort([record(0, at)])
    batch = tally.sort([record(0, NOW, later)])
    assert (batch.answers, batch.resumed, batch.failed_before) == ([], Counter(), Counter())


def test_what_was_taken_from_another_run_was_there_before_however_young_it_is(tally):
    origin = {"run_id": "other", "folder": "out/other", "cost_usd": 0.5}
    batch = tally.sort([record(0, BEFORE, "No."), record(0, NOW, reused_from=origin, cost_usd=0.0), record(1)])
    assert (batch.resumed, batch.failed_before) == (Counter({"m@0.0": 1}), Counter({"m@0.0": 0}))
    assert [answer.result.prompt_id for answer in batch.answers] == ["p1"]


def test_a_failure_counts_once(tally):
    batch = tally.sort([record(0, BEFORE, "No.")] * 2 + [record(1, NOW, "No.")] * 2)
    assert (batch.failed_before["m@0.0"], len(batch.answers)) == (1, 1)


@pytest.mark.parametrize(
    "line",
    [{}, record() | {"item_id": "no hash"}, record() | {"timestamp": "noon"}, record() | {"elapsed_seconds": None}],
)
def test_a_line_that_is_no_record_is_left_out_and_counted(tally, line):
    batch = tally.sort([line, record(1)])
    assert (batch.unreadable, len(batch.answers)) == (1, 1)
    assert len(tally.sort([record(0)]).answers) == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=12), st.integers(1, 5))
def test_every_item_counts_once_and_as_a_success_where_there_is_one(lines, chunk):
    """As `harness.journal.read_records` has it: the first success, or else a failure; read in any pieces."""
    tally = Tally(NOON.timestamp())
    # The journal is in the order of time: what an earlier run wrote comes first.
    lines.sort(key=lambda line: line[1])
    records = [record(item, NOW if new else BEFORE, "No." if failed else None) for item, new, failed in lines]
    resumed = failed_before = ok = failed = 0
    for start in range(0, len(records), chunk):
        batch = tally.sort(records[start : start + chunk])
        resumed += batch.resumed.total()
        failed_before += batch.failed_before.total()
        for answer in batch.answers:
            ok += answer.result.error is None
            failed += (answer.result.error is not None) - answer.makes_good
    succeeded = {item for item, _, is_failure in lines if not is_failure}
    assert resumed + ok == len(succeeded)
    assert failed_before + failed == len({item for item, _, _ in lines} - succeeded)
