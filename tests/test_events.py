from __future__ import annotations

import json
import os

import pytest

from harness.events import EventLog


def test_each_event_is_one_line_with_its_time_and_facts(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as events:
        events("rate_limited", variant="m", wait_s=1.5)
        events("end")
    first, last = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["event"], first["variant"], first["wait_s"]) == ("rate_limited", "m", 1.5)
    assert first["time"].endswith("+00:00")
    assert last["event"] == "end"


def test_a_later_run_adds_to_the_same_file_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        with EventLog(path) as events:
            events("begin")
    assert len(path.read_text().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_refuses_costs_the_event_and_not_the_run(tmp_path, monkeypatch):
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with EventLog(tmp_path / "events.jsonl") as events:
        monkeypatch.setattr(os, "write", refuse)
        events("begin")
    monkeypatch.undo()
    assert (tmp_path / "events.jsonl").read_bytes() == b""


def test_a_lone_surrogate_in_a_providers_words_is_no_reason_to_stop(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as events:
        events("retry", message="bad \ud83d")
    assert json.loads(path.read_text())["message"] == "bad \ufffd"


def test_what_json_does_not_know_is_told_as_text(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as events:
        events("odd", where=path)
    assert json.loads(path.read_text())["where"] == str(path)


def test_a_line_that_a_crash_left_unfinished_is_cut_off(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event":"begin"}\n{"time":"2026-11')

    with EventLog(path) as events:
        events("end")

    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["begin", "end"]


@pytest.mark.parametrize("content", [b"", b'{"event":"begin"}\n'])
def test_a_diary_that_ends_as_it_should_is_left_alone(tmp_path, content):
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)

    with EventLog(path):
        pass

    assert path.read_bytes() == content
