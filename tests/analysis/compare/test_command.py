from __future__ import annotations

import json

import pytest

from harness.analysis.compare import compare_command
from harness.errors import UsageError


def test_the_table_counts_and_lists_what_differs(folder, record, capsys):
    one = folder("one", record(1), record(2), record(3, cost_usd=0.5))
    other = folder("other", record(1), record(2, "It is not.", finish_reason="length"), record(3, cost_usd=0.4))
    assert compare_command(one, other) == 0
    shown, said = capsys.readouterr()
    row = next(line for line in shown.splitlines() if line.startswith("m@0.0"))
    assert " ".join(row.split()) == "m@0.0 3 2 1 0 0 0 2.0 +0.0 $0.50 -$0.10 1.00 +0.00"
    assert "3 items are in both, matched by item_id; 0 only in the first, 0 only in the second." in shown
    assert "finish reason  stop → length: 1" in shown
    assert "m@0.0 p2, repeat 0: different; finish reason stop → length\n    It [-is.-] {+is not.+}" in shown
    assert "p1" not in shown
    assert "Both folders are of the same run" in said


def test_twenty_are_listed_and_all_are_in_json(folder, record, capsys):
    one = folder("one", *(record(number) for number in range(23)))
    other = folder("other", *(record(number, "No.") for number in range(23)))
    compare_command(one, other)
    shown = capsys.readouterr().out
    assert shown.count("repeat 0: different") == 20
    assert "… and 3 more that differ; --json has all." in shown
    compare_command(one, other, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["differing"]) == 23


def test_json_says_all_of_it(folder, record, capsys):
    one = folder("one", record(1, "I cannot confirm it."), record(2), record(5, error="gone"))
    other = folder("other", record(1, "It is."), record(3), record(5, error="gone"))
    compare_command(one, other, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["one"] == {"folder": str(one), "items": 3, "simulated": False}
    assert (told["matched_by"], told["matched"]) == ({"item_id": 2}, 2)
    assert (told["only_in_one"], told["only_in_other"]) == ([f"{2:032x}"], [f"{3:032x}"])
    assert (told["kinds"]["different"], told["kinds"]["failed in both"]) == (1, 1)
    [variant] = told["variants"]
    assert variant["quantities"]["output_tokens"] == {"pairs": 1, "one": 2.0, "other": 2.0, "difference": 0.0}
    [item] = told["differing"]
    assert (item["item_id"], item["kind"]) == (f"{1:032x}", "different")
    assert item["difference"] == "[-I cannot confirm it.-] {+It is.+}"
    assert item["marks"] == {"heuristic_abstained": {"one": True, "other": False}}
    assert told["marks"] == {"heuristic_abstained": 1}


def test_simulated_answers_are_watermarked_where_they_are_shown(folder, record, capsys):
    compare_command(folder("one", record(1)), folder("other", record(1, "No.", simulated=True)))
    shown, said = capsys.readouterr()
    assert "sim m@0.0" in shown
    assert "SIMULATED" in shown
    assert "simulated  m@0.0 p1, repeat 0: different" in shown
    assert "1 of 1 answers are simulated" in said


def test_one_folder_twice_is_refused_under_any_name(folder, record, tmp_path):
    place = folder("one", record(1))
    (tmp_path / "link").symlink_to(place)
    for other in (place, tmp_path / "link"):
        with pytest.raises(UsageError, match="are the same folder"):
            compare_command(place, other)


def test_a_folder_without_results_is_refused(folder, record, tmp_path):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        compare_command(folder("one", record(1)), tmp_path / "nowhere")


def test_a_torn_tail_is_said(folder, record, capsys):
    one, other = folder("one", record(1)), folder("other", record(1))
    with (other / "results.jsonl").open("a") as file:
        file.write('{"item')
    compare_command(one, other)
    assert f"{other / 'results.jsonl'} ends in 6 bytes" in capsys.readouterr().err


def test_nothing_from_a_journal_acts_on_the_terminal(folder, record, capsys):
    hostile = "\x1b]52;c;x\x07\u202e[/b]"
    one = folder("one", record(1, hostile, variant=hostile))
    compare_command(one, folder("other", record(1, "x", variant=hostile, finish_reason=hostile)))
    shown = capsys.readouterr().out
    assert "\\x1b]52;c;x\\x07\\u202e[/b]" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_how_many_were_matched_by_what_is_told(folder, record, capsys):
    one, other = folder("one", record(1), record(2)), folder("other", record(1), record(12, prompt_id="p2"))
    compare_command(one, other)
    shown, said = capsys.readouterr()
    assert "2 items are in both, matched by item_id (1), then by prompt_id, variant, repeat (1); 0 only" in shown
    assert "1 of 2 pairs are not the same item" in said
