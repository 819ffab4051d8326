from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.journal.tail import Sent, _lines_backwards, costs, kills, maybe_spent, recent_sends
from harness.record import Record, reused_line
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

COUNTED = Usage(7, 11, 18)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ago(seconds: float, zone=UTC) -> datetime:
    return (NOW - timedelta(seconds=seconds)).astimezone(zone)


def result(
    sent_ago_s: float, elapsed_s: float = 1.0, *, text="fine", failed=None, usage=COUNTED, cost=None, zone=UTC
) -> bytes:
    variant = Variant("m@0.0", ProviderType.CLAUDE, "m", SamplingParams(), run_seed=1)
    request = Request("0" * 32, Prompt("p", text), variant, 0, 7, (Message("user", text),), None)
    failure = Failure("RejectedError", failed, 400, retryable=False, attempts=1) if failed else None
    completion = None if failed else Completion(text, FinishReason.STOP, usage, None, {})
    return Record("run", request, completion, failure, ago(sent_ago_s, zone), elapsed_s, 0.0, 0, cost).to_line()


def event(kind: str, ago_s: float, **facts) -> bytes:
    return json.dumps({"time": ago(ago_s).isoformat(), "event": kind, **facts}).encode() + b"\n"


@pytest.fixture
def folder(tmp_path):
    """Writes both files and asks for the last minute."""

    def ask(results: bytes = b"", events: bytes = b"", window_s: float = 60.0) -> list[Sent]:
        (tmp_path / "results.jsonl").write_bytes(results)
        (tmp_path / "events.jsonl").write_bytes(events)
        return recent_sends(tmp_path / "results.jsonl", tmp_path / "events.jsonl", NOW, window_s)

    return ask


def test_answers_sent_within_the_window_are_told_oldest_first(folder):
    assert folder(result(70, 5) + result(59, 30) + result(50, 31)) == [
        Sent("m@0.0", 59, 7, 11, 29),
        Sent("m@0.0", 50, 7, 11, 19),
    ]


def test_an_answer_long_under_way_hides_none_that_was_sent_after_it(folder):
    ages = [sent.age_s for sent in folder(result(40, 1) + result(500, 465) + result(30, 1))]
    assert ages == [40, 30]


def test_reading_stops_at_what_was_complete_before_the_window(folder):
    long_ago = b'{"timestamp": "not read"}\n' + result(10, 1)
    assert folder(long_ago + result(66.5, 1)) == []


def test_answers_that_were_written_a_little_out_of_order_are_found(folder):
    assert [sent.age_s for sent in folder(result(59, 1) + result(64, 1) + result(20, 1))] == [59, 20]


def test_an_attempt_that_failed_for_good_was_sent_too(folder):
    assert folder(result(30, 2, failed="no")) == [Sent("m@0.0", 30, None, None, 28)]


def test_failed_attempts_come_from_the_events(folder):
    events = (
        event("retry", 70, variant="a")
        + event("rate_limited", 59, variant="a")
        + event("pause", 58)
        + event("retry", 5, variant="b")
    )
    assert folder(events=events) == [Sent("a", 59, None, None, 59), Sent("b", 5, None, None, 5)]


def test_tokens_that_the_provider_did_not_count_are_unknown(folder):
    (sent,) = folder(result(5, usage=Usage(None, 3, None)))
    assert (sent.input_tokens, sent.output_tokens) == (None, 3)


def test_times_in_another_zone_are_the_same_moments(folder):
    (sent,) = folder(result(5, 1, zone=timezone(timedelta(hours=-7))))
    assert (sent.age_s, sent.finished_age_s) == (5, 4)


def test_a_time_to_come_counts_as_now(folder):
    found = folder(result(-100, 3), event("retry", -30, variant="a"))
    assert [(sent.age_s, sent.finished_age_s) for sent in found] == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    "foreign",
    [
        b"garbage\n",
        b"\n",
        b"[1]\n",
        b"\0\0\n",
        b"{}\n",
        b'{"timestamp":"yesterday","elapsed_seconds":1,"time":7}\n',
        b'{"timestamp":"2026-03-01T12:00:00","elapsed_seconds":1,"time":"2026-03-01T12:00:00"}\n',
        b'{"timestamp":"2026-03-01T12:00:00+00:00","elapsed_seconds":null}\n',
    ],
)
def test_foreign_and_torn_lines_are_passed_over(folder, foreign):
    results = foreign + result(30) + foreign + result(20) + foreign + result(10)[:-1]
    events = event("retry", 9, variant="a") + foreign + event("retry", 8, variant="a")[:-2]
    assert [sent.age_s for sent in folder(results, events)] == [30, 20, 9]


def test_a_folder_without_files_sent_nothing_and_cost_nothing(tmp_path):
    results, events = tmp_path / "results.jsonl", tmp_path / "events.jsonl"
    assert recent_sends(results, events, NOW, 60) == []
    assert kills(results, events, NOW, 60) == []
    assert costs(results) == 0


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
@settings(max_examples=100)
def test_lines_come_backwards_whatever_the_block(tmp_path_factory, pieces, block):
    path = tmp_path_factory.getbasetemp() / "backwards"
    path.write_bytes(b"\n".join(pieces))
    *finished, _torn = path.read_bytes().split(b"\n")
    assert list(_lines_backwards(path, block)) == finished[::-1]


DECEIT = ',"cost_usd":5.0,"error_detail":null,"error":null}\n'


@pytest.mark.parametrize(
    ("line", "cost"),
    [
        (result(1, cost=0.25), 0.25),
        (result(1, cost=3e-7), 3e-7),
        (result(1, cost=2), 2),
        (result(1), 0),
        (result(1, text=DECEIT, cost=0.5), 0.5),
        (result(1, failed=DECEIT, cost=0.5), 0.5),
        (result(1, failed=DECEIT), 0),
        (b'{"cost_usd": 0.5, "error": null}\n', 0.5),
        (b'{"a":{"cost_usd":7},"cost_usd":"much","error_detail":null,"error":null}\n', 0),
        (b'{"a":",\\"cost_usd\\":7","error_detail":null,"error":null}\n', 0),
        (result(1, cost=0.5)[:-1], 0),
        (b"garbage\n", 0),
    ],
)
def test_the_cost_of_a_line_is_its_own_field(tmp_path, line, cost):
    path = tmp_path / "results.jsonl"
    path.write_bytes(result(1, cost=100) + line)
    assert costs(path) == 100 + cost


def test_a_cost_as_the_harness_writes_it_is_told_without_decoding(tmp_path, monkeypatch):
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"".join(result(1, cost=cost) for cost in (0.1, None, 0.2, 1e-9)))
    monkeypatch.delattr("harness.journal.tail.decoded")
    assert costs(path) == pytest.approx(0.300000001)


def test_what_the_end_of_a_run_cut_off_was_sent_too(folder):
    events = event("end", 30, halted="Stopping", cut={"a": 2, "b": 1})

    assert sorted(sent.variant for sent in folder(events=events)) == ["a", "a", "b"]


@pytest.mark.parametrize("cut", [None, "a", {"a": "x"}, {"a": -1}, [1]])
def test_an_end_that_says_nothing_sensible_cut_nothing_off(folder, cut):
    assert folder(events=event("end", 30, cut=cut)) == []


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((), []),
        ((("begin", 50), ("end", 40)), []),
        ((("begin", 50),), [50]),
        ((("begin", 50), ("retry", 20)), [20]),
        ((("begin", 50), ("begin", 30)), [30, 30]),
        ((("begin", 50), ("end", 45), ("begin", 30)), [30]),
        ((("begin", 500), ("begin", 30), ("end", 20)), [30]),
        ((("begin", 500), ("end", 400), ("begin", 30), ("end", 20)), []),
        ((("begin", 500), ("retry", 400)), []),
    ],
)
def test_invocations_that_ended_without_saying_so_were_killed(folder, tmp_path, told, expected):
    folder(events=b"".join(event(kind, ago_s) for kind, ago_s in told))

    assert kills(tmp_path / "results.jsonl", tmp_path / "events.jsonl", NOW, 60.0) == expected


def test_the_last_answer_tells_how_long_a_killed_run_lived(folder, tmp_path):
    folder(result(40, 30), event("begin", 50))

    assert kills(tmp_path / "results.jsonl", tmp_path / "events.jsonl", NOW, 60.0) == [10]


def test_what_attempts_may_have_cost_is_summed_from_the_events(folder, tmp_path):
    folder(
        events=event("retry", 9, at_most_usd=0.5)
        + event("end", 5, at_most_usd=0.25)
        + event("retry", 3, message='"at_most_usd":7')
        + event("retry", 3, at_most_usd="much")
        + b'{"at_most_usd":9'
    )

    assert maybe_spent(tmp_path / "events.jsonl") == 0.75
    assert maybe_spent(tmp_path / "none.jsonl") == 0.0


def reused(sent_ago_s: float, **facts) -> bytes:
    request = Request(
        "0" * 32, Prompt("p", "x"), Variant("m@0.0", ProviderType.CLAUDE, "m", SamplingParams(), 1), 0, 7, (), None
    )
    return reused_line(json.loads(result(sent_ago_s, **facts)), request, "run", "/out/other")


def test_what_was_taken_from_another_run_was_not_sent_and_hides_nothing_that_was(folder):
    there = result(40) + reused(5) + reused(4000, cost=0.5) * 3
    assert [sent.age_s for sent in folder(there + result(20))] == [40, 20]
    assert [sent.age_s for sent in folder(there)] == [40]


def test_only_the_records_own_origin_counts_and_none_that_its_prompt_file_tells_of(folder):
    inside = json.loads(result(30))
    inside["prompt_metadata"] = {"reused_from": {"run_id": "a", "folder": "b", "cost_usd": 0.5}, "cost_usd": 1}
    asked = (json.dumps(inside, separators=(",", ":")) + "\n").encode()
    inside["prompt_metadata"] = ',"reused_from":{"run_id":"a"},"cost_usd":1'
    answered = (json.dumps(inside, separators=(",", ":")) + "\n").encode()
    assert len(folder(asked + answered)) == 2


def test_a_run_that_was_killed_is_dated_by_what_it_sent_itself(tmp_path):
    (tmp_path / "results.jsonl").write_bytes(result(20) + reused(0.5))
    (tmp_path / "events.jsonl").write_bytes(event("begin", 40))
    [age_s] = kills(tmp_path / "results.jsonl", tmp_path / "events.jsonl", NOW, 60.0)
    assert age_s == pytest.approx(19.0)


def test_what_was_taken_has_cost_nothing(tmp_path):
    (tmp_path / "results.jsonl").write_bytes(result(1, cost=0.25) + reused(1, cost=0.5))
    assert costs(tmp_path / "results.jsonl") == 0.25
