from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from harness.analysis.report.diary import attempts_over_time

START = datetime(2026, 7, 26, 10, 0, 5, tzinfo=UTC)


def event(kind, after_s, variant="m@0.0"):
    return {"time": (START + timedelta(seconds=after_s)).isoformat(), "event": kind, "variant": variant}


@pytest.fixture
def diary(tmp_path):
    def write(*events, more=b""):
        lines = "".join(json.dumps(one) + "\n" for one in events)
        (tmp_path / "events.jsonl").write_bytes(lines.encode() + more)
        return attempts_over_time(tmp_path)

    return write


def test_attempts_are_counted_per_minute_and_variant(diary):
    told, note = diary(
        event("begin", 0), event("retry", 10), event("retry", 20), event("rate_limited", 70), event("end", 1200),
        event("retry", 70, "n@0.0"),
    )  # fmt: skip
    assert note is None
    assert (told["width_s"], told["bins"], told["kinds"]) == (60, 21, ["retry", "rate_limited"])
    assert (told["from"], told["until"]) == ("2026-07-26T10:00:00+00:00", "2026-07-26T10:21:00+00:00")
    assert told["variants"]["m@0.0"]["retry"][:3] == [2, 0, 0]
    assert told["variants"]["m@0.0"]["rate_limited"][:3] == [0, 1, 0]
    assert told["variants"]["n@0.0"]["retry"][:3] == [0, 1, 0]


@pytest.mark.parametrize(
    ("seconds", "width_s"), [(60, 10), (599, 10), (601, 60), (7199, 60), (7200, 300), (10**9, 364 * 86_400)]
)
def test_bins_are_as_wide_as_the_run_is_long(diary, seconds, width_s):
    told, _ = diary(event("begin", 0), event("retry", seconds))
    assert told["width_s"] == width_s
    assert told["bins"] <= 121
    assert told["variants"]["m@0.0"]["retry"][-1] == 1


def test_a_run_without_trouble_has_no_kinds(diary):
    told, note = diary(event("begin", 0), event("paused", 5), event("end", 9))
    assert (told["kinds"], told["variants"], note) == ([], {}, None)


def test_a_missing_diary_is_nothing_to_speak_of(tmp_path):
    assert attempts_over_time(tmp_path) == (None, None)


def test_a_torn_diary_is_read_up_to_the_tear(diary):
    told, note = diary(event("retry", 1), more=b'{"time":"2026-07-26T10:0')
    assert told["variants"]["m@0.0"]["retry"] == [1]
    assert "ends in an unfinished line" in note


def test_damaged_lines_are_left_out_and_told(diary):
    damage = b'\xff\xfe\n[]\nnull\n{"event":"retry"}\n{"time":"never","event":"retry"}\n{"time":5,"event":"retry"}\n'
    told, note = diary(event("retry", 1), more=damage)
    assert told["variants"]["m@0.0"]["retry"] == [1]
    assert note.startswith("6 of the lines of")
