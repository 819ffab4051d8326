from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.merge import merge_command
from tests.merge.run_folders import line

LABELS = "stays where it is: labels belong to the draw, the training items and the answers of their folder."
DIFFER = "left out: the first folder with the item says something else. All of them are named in"
GO_ON = "is asked by `harness run` with the config of these runs and"


def test_it_says_what_is_there_what_was_left_out_and_how_to_go_on(folders, capsys):
    folders.make("a", *(line(n) for n in range(6)), line(8, error="503"), b"{torn", shard="1/4")
    folders.make("b", *(line(n, "No.") for n in range(5)), line(5), shard="3/4")
    folders.make("c", shard="1/4")
    Path("b/annotations.jsonl").touch()

    assert merge_command([Path("a"), Path("b"), Path("c")], Path("all of it"), as_json=False) == 0

    told = capsys.readouterr().err.splitlines()
    assert told == [
        "7 records, 1 of them failures, from 3 folders in all of it/results.jsonl.",
        "note    a/results.jsonl ends in 5 bytes of an unfinished line; read up to it.",
        f"note    b/annotations.jsonl {LABELS}",
        "note    c holds no records yet.",
        "note    1 answer left out: the one taken of the item says the same.",
        f"warning 5 answers {DIFFER} all of it/conflicts.jsonl, and `harness compare` shows what differs:",
        "        m@0.0, prompt p0: a was taken, b left out",
        "        m@0.0, prompt p1: a was taken, b left out",
        "        m@0.0, prompt p2: a was taken, b left out",
        "        and 2 more",
        "note    shard 2/4 is not among them.",
        "note    shard 4/4 is not among them.",
        f"What is missing or failed {GO_ON} `--output 'all of it'`.",
    ]


def test_a_plain_merge_says_two_things(folders, capsys):
    folders.make("a", line(1))

    merge_command([Path("a")], Path("m"), as_json=False)

    first, second = capsys.readouterr().err.splitlines()
    assert first == "1 record from 1 folder in m/results.jsonl."
    assert second == f"What is missing, if anything, {GO_ON} `--output m`."


def test_many_missing_shards_are_counted(folders, capsys):
    folders.make("a", line(1), shard="1/40")

    merge_command([Path("a")], Path("m"), as_json=False)

    told = capsys.readouterr().err
    assert told.count("is not among them") == 10
    assert "note    and 29 more shards are not." in told


def test_what_a_record_says_cannot_act_on_the_terminal(folders, capsys):
    folders.make("a", line(1))
    folders.make("b", line(1, "No.", prompt_id="\x1b[2J"))

    merge_command([Path("a"), Path("b")], Path("m"), as_json=False)

    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "\\x1b[2J" in told


@pytest.mark.parametrize("conflict", [True, False])
def test_as_json_it_is_one_object_and_nothing_else(folders, capsys, conflict):
    folders.make("a", line(1), shard="1/2")
    folders.make("b", line(1, "No." if conflict else "Yes."), b"{", shard="1/2")

    assert merge_command([Path("a"), Path("b")], Path("m"), as_json=True) == 0

    written = capsys.readouterr()
    made = json.loads(written.out)
    assert written.err == ""
    assert (made["folder"], made["records"], made["conflicts"], made["duplicates"]) == ("m", 1, conflict, not conflict)
    assert made["missing_shards"] == ["2/2"]
    assert [(one["folder"], one["taken"], one["torn"], one["shard"]) for one in made["inputs"]] == [
        ("a", 1, 0, "1/2"),
        ("b", 0, 1, "1/2"),
    ]
