from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.continuing import spent_in
from harness.errors import JournalCorruptError, UsageError
from harness.journal import read_records
from harness.journal.tail import recent_sends
from harness.merge import merge
from harness.merge.facts import joined_events
from tests.merge.run_folders import events, item, line

FILES = ["events.jsonl", "results.jsonl", "run.json"]


def _bytes_in(*folders: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_one_line_of_every_item_is_in_the_output_and_the_inputs_stay(folders):
    one = folders.make("a", line(1), line(2, error="503"), diary=events(("2026-07-26T10:00:00+00:00", "begin")))
    other = folders.make("b", line(2), line(3, error="503"), line(1, run_id="b"), b"{torn", shard="1/2")
    third = folders.make("c", line(1, "No."), shard=None)
    before = _bytes_in(one, other, third)

    made = merge([one, other, third], Path("m"))

    assert (made.records, made.answers, made.failures, made.duplicates, made.conflicts) == (3, 2, 1, 1, 1)
    assert [(one.records, one.taken, one.torn) for one in made.inputs] == [(2, 1, 0), (3, 2, 5), (1, 0, 0)]
    assert Path("m/results.jsonl").read_bytes() == line(1) + line(2) + line(3, error="503")
    told = json.loads(Path("m/events.jsonl").read_text().splitlines()[-1])
    assert (told["event"], told["records"], told["duplicates"], told["conflicts"]) == ("merged", 3, 1, 1)
    conflict = {"item_id": item(1).hex(), "variant": "m@0.0", "prompt_id": "p1", "folders": [str(one), str(third)]}
    assert json.loads(Path("m/conflicts.jsonl").read_text()) == conflict
    assert made.first_conflicts == (conflict,)
    joined = json.loads(Path("m/run.json").read_text())["merged_from"]
    assert [(one["records"], one["conflicts"]) for one in joined] == [(1, 0), (2, 0), (0, 1)]
    assert _bytes_in(one, other, third) == before


def test_what_is_written_is_private_and_without_conflicts_there_is_no_file_of_them(folders):
    merge([folders.make("a", line(1))], Path("m"))

    assert sorted(path.name for path in Path("m").iterdir()) == [".lock", *FILES]
    assert {path.stat().st_mode & 0o777 for path in Path("m").iterdir()} == {0o600}
    assert json.loads(Path("m/run.json").read_text())["config"]["output_dir"] == "m"


@pytest.mark.parametrize(
    "bad", [line(2, schema_version=2), line(1, schema_version=2), line(1).replace(b'"Yes."', b'"Yes.')]
)
def test_what_is_found_late_leaves_nothing_behind(folders, bad):
    inputs = [folders.make("a", line(1)), folders.make("b", bad, line(3))]

    with pytest.raises((UsageError, JournalCorruptError), match=r"b/results\.jsonl"):
        merge(inputs, Path("m"))

    assert sorted(path.name for path in Path.cwd().iterdir()) == ["a", "b"]


def test_an_input_that_grows_meanwhile_makes_no_folder(folders, monkeypatch):
    one = folders.make("a", line(1))

    def write_and_join(diaries):
        with (one / "results.jsonl").open("ab") as file:
            file.write(line(2))
        return joined_events(diaries)

    monkeypatch.setattr("harness.merge.merging.joined_events", write_and_join)

    with pytest.raises(UsageError, match="a was changed while it was read"):
        merge([one], Path("m"))
    assert [path.name for path in Path.cwd().iterdir()] == ["a"]


def test_folders_without_any_result_are_refused_and_one_beside_others_is_not(folders):
    empty = [folders.make(name) for name in "ab"]

    with pytest.raises(UsageError, match="None of these folders holds a result yet"):
        merge(empty, Path("m"))
    assert merge([*empty, folders.make("c", line(1))], Path("m")).records == 1


def test_the_merged_folder_has_cost_what_its_inputs_have(folders):
    def maybe(usd: float) -> bytes:
        return events(("2026-07-26T10:00:00+00:00", "retry"), variant="m@0.0", at_most_usd=usd)

    inputs = [
        folders.make("a", line(1, cost_usd=0.1), line(2, cost_usd=0.2), line(1, cost_usd=0.3), diary=maybe(0.7)),
        folders.make("b", line(2, cost_usd=0.4), line(3, "No.", cost_usd=0.5)),
        folders.make("c", line(3, cost_usd=0.6), line(4, error="x"), diary=maybe(0.8)),
    ]

    merge(inputs, Path("m"))

    assert spent_in(Path("m")) == pytest.approx(sum(map(spent_in, inputs)), abs=1e-12)


def test_what_two_folders_have_of_one_run_has_been_paid_for_once(folders):
    diary = events(("2026-07-26T10:00:00+00:00", "retry"), at_most_usd=2.0)
    one = folders.make("a", line(1, cost_usd=1.0), diary=diary)
    other = folders.make("b", line(2, cost_usd=4.0), line(1, cost_usd=8.0))
    merge([one, other], Path("m"))

    again = merge([Path("m"), one], Path("n"))

    assert spent_in(Path("n")) == spent_in(Path("m")) == 15.0
    assert (again.records, again.duplicates) == (2, 1)


def test_what_was_sent_a_moment_ago_is_seen_from_the_end_of_the_merged_journal(folders):
    now = datetime.now(UTC)

    def answered(n: int, age_s: float) -> bytes:
        return line(n, timestamp=(now - timedelta(seconds=age_s + 1)).isoformat(), tokens_used={"input": n})

    old = [answered(n, 3000 - n) for n in range(20, 40)]
    inputs = [
        folders.make("a", *old[:10], answered(1, 20), answered(2, 10)),
        folders.make("b", *old[10:], answered(3, 15), answered(4, 5)),
    ]
    merge(inputs, Path("m"))

    sent = recent_sends(Path("m/results.jsonl"), Path("m/events.jsonl"), now, 60.0)

    assert [one.input_tokens for one in sent] == [1, 3, 2, 4]


def test_a_journal_that_nobody_wrote_to_lately_keeps_its_order(folders):
    to_come = line(1, timestamp=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    one = folders.make("a", to_come, line(2))
    os.utime(one / "results.jsonl", (time.time() - 3600,) * 2)

    merge([one], Path("m"))

    assert Path("m/results.jsonl").read_bytes() == to_come + line(2)


def test_killed_anywhere_it_leaves_a_whole_folder_or_none_and_the_next_try_makes_it(folders):
    inputs = [folders.make("a", line(1), diary=events(("2026-07-26T10:00:00+00:00", "begin")))]
    inputs.append(folders.make("b", line(2), line(1, "No.")))
    before = _bytes_in(*inputs)

    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_child.py")), "a", "b", "m"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    told = [json.loads(one) for one in done.stdout.splitlines()]
    assert len(told) > 20
    assert all(one == {"killed": True, "held": None} for one in told[:-1])
    assert told[-1]["held"] == [".lock", "conflicts.jsonl", *FILES]
    assert [record["prompt_id"] for record in read_records(Path("m/results.jsonl"))] == ["p1", "p2"]
    assert _bytes_in(*inputs) == before
