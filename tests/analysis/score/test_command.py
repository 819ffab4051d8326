from __future__ import annotations

import json
import stat

import pytest

from harness.analysis.score import score_command
from harness.errors import UsageError


def test_every_answer_gets_a_line_and_the_table_counts_them(record, folder, capsys):
    place = folder(
        record(1, "It affects Red Hat JBoss RichFaces Framework."),
        record(2, "I cannot confirm that."),
        record(3, error="gone"),
    )
    assert score_command(place) == 0
    lines = (place / "scores.jsonl").read_text().splitlines()
    assert [line[:13] for line in lines] == ['{"item_id":"0'] * 2
    one, other = map(json.loads, lines)
    assert (one["item_id"], one["variant"], one["simulated"]) == (f"{1:032x}", "m@0.0", False)
    assert (one["heuristic_existence_agrees"], one["heuristic_gold_points"]) == (True, [False, True])
    assert other["heuristic_abstained"] is True
    assert all(name.startswith("heuristic_") for name in list(one)[6:])
    shown, said = capsys.readouterr()
    assert " ".join(shown.splitlines()[2].split()) == "m@0.0 real 2 1/2 50% 0/2 0% 1/1 100% 1/2 50% 0/2 0% 1/4 25%"
    assert shown.splitlines()[0] == f"{place}: heuristic marks"
    assert "2 answers are marked in" in said


def test_json_says_the_same(record, folder, capsys):
    place = folder(record(1, "It affects Red Hat JBoss."))
    score_command(place, as_json=True)
    told = json.loads(capsys.readouterr().out)
    [counts] = told["counts"]
    assert (counts["variant"], counts["kind"], counts["agrees"]) == ("m@0.0", "real", {"count": 1, "of": 1})
    assert told["scores"] == str(place / "scores.jsonl")


def test_scores_are_written_anew_and_private(record, folder):
    place = folder(record(1), record(2))
    score_command(place)
    folder(record(1))
    score_command(place)
    assert len((place / "scores.jsonl").read_text().splitlines()) == 1
    assert stat.S_IMODE((place / "scores.jsonl").stat().st_mode) == 0o600
    assert sorted(path.name for path in place.iterdir()) == ["results.jsonl", "scores.jsonl"]


def test_prompts_without_gold_are_said_once(record, folder, capsys):
    score_command(folder(record(1, prompt_metadata={}), record(2, prompt_metadata={}), record(3)))
    said = capsys.readouterr().err
    assert said.count("without gold label") == 1
    assert "2 of 3 answers are to prompts without gold label" in said


def test_simulated_answers_are_marked_in_the_file_and_watermarked_on_the_screen(record, folder, capsys):
    place = folder(record(1, "I cannot confirm that.", simulated=True))
    score_command(place)
    shown, said = capsys.readouterr()
    assert shown.splitlines()[2].split() == ["sim", "m@0.0", "real", "1", *"------"]
    assert "SIMULATED" in shown.splitlines()[0]
    assert "1 of 1 answers are simulated" in said
    line = json.loads((place / "scores.jsonl").read_text())
    assert (line["simulated"], line["heuristic_abstained"]) == (True, True)


def test_a_folder_of_failures_is_refused(record, folder):
    with pytest.raises(UsageError, match="holds failures only"):
        score_command(folder(record(1, error="gone")))


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        score_command(tmp_path)


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(record, folder):
    place = folder(record(1))
    (place / "scores.jsonl").mkdir()
    with pytest.raises(UsageError, match=r"scores\.jsonl cannot be written"):
        score_command(place)


def test_hostile_answers_are_marked_like_others(record, folder, capsys):
    answers = [
        "<script>alert(1)</script>",
        "\u202e\x1b]52;c;x\x07",
        "x" * 1_000_000,
        "\n \n" * 100_000,
        "I am not " * 50_000,
    ]
    place = folder(*(record(number, answer) for number, answer in enumerate(answers)))
    assert score_command(place) == 0
    assert len((place / "scores.jsonl").read_text().splitlines()) == 5
    assert "\x1b" not in capsys.readouterr().out
