from __future__ import annotations

import json
from functools import partial

import pytest

from harness.analysis.bootstrap import clustered
from harness.analysis.uncertainty import auroc, uncertainty_command
from harness.errors import UsageError


@pytest.fixture(autouse=True)
def _few_replicates(monkeypatch):
    monkeypatch.setattr(auroc, "clustered", partial(clustered, replicates=50))


@pytest.fixture
def labelled(folder, listed, record):
    sure = {1: 0.9, 2: 0.6, 3: 0.5, 4: 0.4, 5: 0.8}
    made = [
        record(number, [listed({"It": value, "The": 0.1})], of="provider", variant="m@0.0")
        for number, value in sure.items()
    ]
    made += [record(6, [listed({"It": 0.5, "The": 0.1})], of="provider", variant="s@0.0", simulated=True)]
    return folder([*made, record(7, variant="none@0.0")], {1: "no", 2: "yes", 3: "no", 4: "yes", 5: "no"})


def lines(text):
    return [line.split() for line in text.splitlines()]


def test_the_table_has_means_and_areas_with_their_counts(labelled, capsys):
    assert uncertainty_command(labelled) == 0
    shown = capsys.readouterr().out
    [margin] = [line for line in lines(shown)[:12] if "mean_margin" in line]
    assert margin[:4] == ["mean_margin", "5", "of", "5"]
    assert margin[4:6] == ["0.540", "0.500"]
    assert margin[6:8] == ["2/3", "0.833"]
    assert lines(shown)[9][:6] == ["none@0.0", "no", "logprobs", "0", "of", "1"]
    assert "first 50 unless the config says otherwise" in shown


def test_simulated_variants_are_watermarked_and_have_no_area(labelled, capsys):
    uncertainty_command(labelled)
    shown, said = capsys.readouterr()
    assert "sim s@0.0" in shown
    assert "sim m@0.0" not in shown
    assert "SIMULATED" in shown.splitlines()[0]
    assert "1 of 7 answers are simulated" in said


def test_json_says_the_same(labelled, capsys):
    assert uncertainty_command(labelled, as_json=True, seed=5) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(group["variant"], group["simulated"]) for group in told["variants"]] == [
        ("m@0.0", False),
        ("none@0.0", False),
        ("s@0.0", True),
    ]
    margin = told["variants"][0]["measures"]["mean_margin"]
    assert margin["mean"] == pytest.approx(0.54)
    assert margin["auroc"]["value"] == pytest.approx(5 / 6)
    assert margin["auroc"]["interval"]["low"] < 5 / 6
    assert told["total"]["measures"]["mean_margin"]["auroc"]["positives"] == 2
    assert told["variants"][0]["measures"]["yes_no_margin"] == {
        "answers": 0,
        "mean": None,
        "median": None,
        "auroc": {"positives": 0, "negatives": 0, "value": None, "interval": None},
    }
    assert told["seed"] == 5


def test_without_labels_there_are_means_alone(folder, listed, record, capsys):
    uncertainty_command(folder([record(1, [listed({"A": 0.5, "B": 0.1})], of="provider")]))
    shown, said = capsys.readouterr()
    assert "AUROC" not in shown
    assert "0.400" in shown
    assert "No label `hallucination` is settled yet" in said


def test_rows_are_written_where_they_are_asked_for(labelled, tmp_path, capsys):
    assert uncertainty_command(labelled, output=tmp_path / "u.jsonl") == 0
    assert len((tmp_path / "u.jsonl").read_text().splitlines()) == 7
    assert "7 answers are in" in capsys.readouterr().err


def test_a_wrong_output_is_refused_before_anything_is_shown(labelled, tmp_path, capsys):
    with pytest.raises(UsageError, match="end in"):
        uncertainty_command(labelled, output=tmp_path / "u.txt")
    assert capsys.readouterr().out == ""


def test_nothing_from_the_journal_acts_on_the_terminal(folder, listed, record, capsys):
    uncertainty_command(folder([record(1, [listed({"A": 0.5})], of="provider", variant="\x1b]52;c;x\x07\u202e[/b]")]))
    shown = capsys.readouterr().out
    assert "\\x1b]52;c;x\\x07\\u202e[/b]" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
