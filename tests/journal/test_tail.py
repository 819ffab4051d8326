"""What the end of a journal tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from harness.journal.tail import Sent, costs, is_ended, recent_sends

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def _record(age_s: float, elapsed_s: float = 1.0, **facts) -> dict:
    return {
        "item_id": "0" * 32,
        "variant": "m@0.0",
        "tokens_used": {"input": 10, "output": 20, "total": 30},
        "timestamp": (NOW - timedelta(seconds=age_s)).isoformat(),
        "elapsed_seconds": elapsed_s,
        "cost_usd": None,
        "error_detail": None,
        "error": None,
        **facts,
    }


def _event(age_s: float, kind: str = "retry", **facts) -> dict:
    told = {"variant": "m@0.0", "attempts": 1, **facts}
    return {"time": (NOW - timedelta(seconds=age_s)).isoformat(), "event": kind, **told}


@pytest.fixture
def write(tmp_path):
    def to(name: str, *objects: dict, tail: bytes = b""):
        path = tmp_path / name
        path.write_bytes(b"".join(json.dumps(item, separators=(",", ":")).encode() + b"\n" for item in objects) + tail)
        return path

    return to


def test_answers_of_the_last_minute_are_found_with_their_tokens(write, tmp_path):
    results = write("r", _record(100), _record(59.0, 4.0), _record(3.0, 2.0))

    assert recent_sends(results, tmp_path / "none", NOW, 60.5) == [
        Sent("m@0.0", 3.0, 1.0, 10, 20),
        Sent("m@0.0", 59.0, 55.0, 10, 20),
    ]


def test_a_slow_answer_that_was_sent_long_ago_does_not_end_the_search(write, tmp_path):
    results = write("r", _record(30, 1), _record(200, 190), _record(5, 1))

    assert [sent.age_s for sent in recent_sends(results, tmp_path / "none", NOW, 60.5)] == [5.0, 30.0]


def test_attempts_that_failed_count_from_their_end(write):
    events = write(
        "e",
        _event(90),
        _event(20, "rate_limited"),
        _event(10, "paused"),
        _event(8, "offline", attempts=0),
        _event(5),
    )

    assert [sent.age_s for sent in recent_sends(events.with_name("none"), events, NOW, 60.5)] == [5.0, 20.0]


def test_a_clock_that_was_set_back_makes_nothing_younger_than_now(write, tmp_path):
    results = write("r", _record(-50, 1))

    assert [sent.age_s for sent in recent_sends(results, tmp_path / "none", NOW, 60.5)] == [0.0]


def test_torn_and_foreign_lines_are_passed_over(write, tmp_path):
    results = write("r", _record(5), {"odd": 1}, tail=b'[1]\n{"item_id":"0')

    assert len(recent_sends(results, tmp_path / "none", NOW, 60.5)) == 1


def test_lines_longer_than_a_block_are_read_whole(write, tmp_path):
    results = write("r", _record(9, full_response="x" * 200_000), _record(5, full_response="y" * 70_000))

    assert [sent.age_s for sent in recent_sends(results, tmp_path / "none", NOW, 60.5)] == [5.0, 9.0]


def test_nothing_is_known_of_files_that_are_not_there(tmp_path):
    assert recent_sends(tmp_path / "r", tmp_path / "e", NOW, 60.5) == []
    assert not is_ended(tmp_path / "e")


def test_a_run_has_ended_when_that_is_the_last_event(write):
    assert is_ended(write("e", _event(5), _event(1, "end")))
    assert not is_ended(write("e", _event(5, "end"), _event(1, "begin")))


def test_costs_are_summed_whatever_a_model_wrote(write):
    path = write(
        "r",
        _record(5, cost_usd=0.25),
        _record(5, cost_usd=1e-05),
        _record(5),
        _record(5, full_response=',"cost_usd":9,"error_detail":null,"error":null}', cost_usd=0.5),
        _record(5, error="failed", cost_usd=9.0, error_detail={"type": "x"}),
        tail=b'{"cost_usd":7',
    )

    assert costs(path) == pytest.approx(0.75001 + 9.0)
