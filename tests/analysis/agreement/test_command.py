from __future__ import annotations

import csv
import io
import json
import sys

import pytest
from sklearn.metrics import cohen_kappa_score

from harness.analysis.agreement import agreement_command
from harness.analysis.rubric import parse_rubric
from harness.errors import UsageError

APART = {2, 9, 15}
ANN = ["yes" if number % 3 == 0 else "no" for number in range(20)]
BOB = [{"yes": "no", "no": "yes"}[said] if number in APART else said for number, said in enumerate(ANN)]


@pytest.fixture
def study(folder, record, act):
    """Twenty answers of two variants to ten prompts; ann and bob disagree on three, and eve has decided two of them."""

    def make(*, coders=("ann", "bob", "eve"), files=None, **facts):
        acts = [act(number, "ann", said, abstained="no") for number, said in enumerate(ANN)]
        acts += [act(number, "bob", said, abstained="no") for number, said in enumerate(BOB)]
        acts += [act(number, "eve", "yes", role="adjudicator", abstained="no") for number in (2, 9)]
        records = [record(number, **facts) for number in range(20)]
        return folder(records, [one for one in acts if one.coder in coders], **(files or {}))

    return make


@pytest.fixture
def printed(capsys):
    """What the command printed on stdout, and on stderr."""

    def run(folder, **options):
        assert agreement_command(folder, **options) == 0
        return capsys.readouterr()

    return run


def test_it_prints_what_scikit_learn_computes_then_rates_then_differences(study, printed):
    out = printed(study()).out
    kappa = cohen_kappa_score(ANN, BOB)
    line = next(line for line in out.splitlines() if line.startswith("all "))
    assert line.split()[:4] == ["all", "20", "10", "2"]
    assert "0.85 [" in line
    assert f" {kappa:.2f} [" in line
    titles = [out.index(title) for title in ("Agreement on hallucination", "Outcomes of real answers", "a less b")]
    assert titles == sorted(titles)


def test_json_holds_everything(study, printed):
    told = json.loads(printed(study(), form="json").out)
    assert list(told) == ["folder", "coders", "notes", "agreement", "confusions", "rates", "differences"]
    assert told["coders"] == ["ann", "bob"]
    [kappa] = [
        row["value"]
        for row in told["agreement"]
        if row["field"] == "hallucination" and row["measure"] == "cohen_kappa"
        if row["variant"] == row["prompt_category"] == "all"
    ]
    assert kappa == pytest.approx(cohen_kappa_score(ANN, BOB))
    assert [row["count"] for row in told["confusions"] if row["field"] == "hallucination"] == [5, 2, 1, 12]
    [hallucinated] = [row for row in told["rates"][:5] if row["outcome"] == "hallucinated"]
    assert (hallucinated["count"], hallucinated["denominator"], hallucinated["unresolved"]) == (7, 19, 1)
    assert {(row["variant_a"], row["variant_b"]) for row in told["differences"]} == {("m@0", "m@1")}


def test_csv_is_one_table_whose_rows_say_what_they_are(study, printed):
    rows = list(csv.DictReader(io.StringIO(printed(study(), form="csv").out)))
    kinds = list(dict.fromkeys(row["table"] for row in rows))
    assert kinds == ["agreement", "confusion", "rate", "difference"]
    assert len([row for row in rows if row["table"] == "difference"]) == 5
    [alone] = [row for row in rows if row["table"] == "difference" and row["outcome"] == "hallucinated"]
    assert float(alone["difference"]) == (int(alone["only_a"]) - int(alone["only_b"])) / int(alone["pairs"])
    assert [row["value"] for row in rows if row["field"] == "severity" and row["table"] == "agreement"] == [""] * 4


def test_csv_leaves_numbers_and_makes_texts_no_formula(study, printed):
    told = printed(study(prompt_category="=cmd|' /C calc'!A0", variant="@m"), form="csv").out
    rows = list(csv.DictReader(io.StringIO(told)))
    assert {row["variant"] for row in rows if row["table"] == "rate"} == {"all", "'@m"}
    assert {row["prompt_category"] for row in rows if row["table"] == "rate"} == {"all", "'=cmd|' /C calc'!A0"}
    numbers = json.loads(printed(study(), form="json").out)["differences"]
    assert any(row["low"] is not None and row["low"] < 0 for row in numbers)
    lows = [
        row["low"]
        for row in csv.DictReader(io.StringIO(printed(study(), form="csv").out))
        if row["table"] == "difference"
    ]
    assert [float(low) for low in lows if low] == [row["low"] for row in numbers if row["low"] is not None]


def test_latex_is_tabulars_for_booktabs(study, printed):
    out = printed(study(variant="a_b"), form="latex").out
    assert out.startswith("% \\usepackage{booktabs}\n")
    assert out.count(r"\begin{tabular}") == out.count(r"\toprule") == out.count(r"\end{tabular}") > 5
    assert r"a\_b & 20 &" in out
    assert "a_b &" not in out


def test_notes_say_what_rates_leave_out(study, printed):
    err = printed(study()).err
    assert "19 real answers" in err
    assert "0 simulated answers, 1 on which coders disagree, and 0 without a label" in err
    assert "a third person decides" in err


def test_simulated_answers_give_agreement_and_no_rate(study, printed):
    shown = printed(study(simulated=True))
    assert "Agreement on hallucination" in shown.out
    assert "Outcomes" not in shown.out
    assert "Agreement counts 20 simulated answers" in shown.err
    assert "20 simulated answers, 0 on which" in shown.err


def test_training_items_count_nowhere(study, printed):
    training = json.dumps({"training": [f"{number:032x}" for number in APART]})
    told = printed(study(files={"annotate_json": training}), form="json")
    rows = json.loads(told.out)
    assert rows["agreement"][0] | {"reason": None} == rows["agreement"][0] | {"value": 1.0, "items": 17, "reason": None}
    assert (rows["rates"][0]["denominator"], rows["rates"][0]["training"]) == (17, 3)
    assert {row["pairs"] for row in rows["differences"]} == {7}
    assert "The 3 items that coders practised on" in told.err


def test_one_coder_has_no_agreement_and_still_has_rates(study, printed):
    shown = printed(study(coders=("ann",)), form="json")
    rows = json.loads(shown.out)
    assert {row["value"] for row in rows["agreement"]} == {None}
    assert "only ann labelled it" in {row["reason"] for row in rows["agreement"]}
    assert [row["count"] for row in rows["rates"][:5]] == [0, 7, 0, 0, 13]
    assert "Only ann labelled" in shown.err


def test_decisions_alone_give_rates(study, printed):
    shown = printed(study(coders=("eve",)), form="json")
    assert [row["count"] for row in json.loads(shown.out)["rates"][:5]] == [0, 2, 0, 0, 0]
    assert "decisions and no labels" in shown.err


def test_torn_tails_are_read_up_to_and_said(study, printed):
    folder = study()
    for name in ("results.jsonl", "annotations.jsonl"):
        with (folder / name).open("ab") as file:
            file.write(b'{"item_id": ')
    shown = printed(folder)
    assert shown.err.count("unfinished line; read up to it") == 2
    assert shown.out == printed(study()).out


def test_repeats_are_said_to_be_no_independent_pairs(study, printed):
    assert "takes repeats as independent" in printed(study(repeat=1)).err
    assert "takes repeats as independent" not in printed(study()).err


def test_without_labels_it_says_how_to_make_some(study):
    with pytest.raises(UsageError, match=r"no labels yet.*`harness annotate .*import-annotations"):
        agreement_command(study(coders=()))


def test_without_results_there_is_nothing_to_label(tmp_path):
    with pytest.raises(UsageError, match=r"no results\.jsonl"):
        agreement_command(tmp_path)


def test_labels_of_unknown_items_and_of_another_rubric_are_refused(folder, record, act):
    with pytest.raises(UsageError, match=r"line 2: a label of the item 0+9, which .* does not hold"):
        agreement_command(folder([record(0)], [act(0, "ann"), act(9, "ann")]))
    with pytest.raises(UsageError, match="another rubric"):
        agreement_command(folder([record(0)], [act(0, "ann")], rubric_yaml=OTHER))


OTHER = """
name: topic
fields:
  - {name: topic, type: choice, options: [{value: x}, {value: y}]}
"""


def test_the_folders_own_rubric_is_read_and_may_have_no_rates(folder, record, act, printed):
    rubric = parse_rubric(OTHER, "here")
    acts = [
        act(number, coder, None, rubric=rubric, topic="xy"[number]) for number in (0, 1) for coder in ("ann", "bob")
    ]
    shown = printed(folder([record(0), record(1)], acts, rubric_yaml=OTHER))
    assert "Agreement on topic" in shown.out
    assert "Outcomes" not in shown.out
    assert "topic has no field hallucination" in shown.err


@pytest.mark.parametrize("name", ["sklearn.metrics", "krippendorff", "statsmodels.stats.multitest"])
def test_a_missing_library_is_named(study, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"needs \w+, which cannot be imported.*\.\[analysis\]"):
        agreement_command(study())


def test_nothing_from_records_or_coders_acts_on_the_terminal(folder, record, act, printed):
    hostile = "\x1b]52;c;cm0gLXJm\x07\u202e[/foo]"
    records = [record(number, variant=hostile, prompt_category=hostile) for number in range(4)]
    acts = [act(number, coder, "yes" if number % 2 else "no") for number in range(4) for coder in (hostile, "bob")]
    shown = printed(folder(records, acts))
    assert r"\x1b]52;c;cm0gLXJm\x07\u202e[/foo]" in shown.out
    assert all(line.isprintable() for line in (shown.out + shown.err).splitlines())
