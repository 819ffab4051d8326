from __future__ import annotations

from harness.analysis.rates import differences_of, rates_of
from harness.analysis.rates.tables import difference_sheets, rate_sheets


def cells(sheet):
    return {column.header: list(column.cells) for column in (*sheet.names, *sheet.columns)}


def test_a_rate_is_shown_with_its_count_and_interval(study):
    [total] = rate_sheets(rates_of(*study(a="hhhcchccha"), by=()))
    shown = cells(total)
    assert shown["settled"] == ["10"]
    assert shown["hallucinated"] == ["5  50.0% [20.0, 80.0]"]
    assert shown["truncated"] == ["0  0.0% [-]"]


def test_groups_without_a_label_are_left_out_and_said(study):
    [total, by_variant] = rate_sheets(rates_of(*study(a="hc", b=".."), by=("variant",)))
    assert cells(by_variant)["variant"] == ["a"]
    assert by_variant.remarks == ["1 groups without a labelled real answer are left out."]
    assert (cells(total)["unlabelled"], list(total.remarks)) == (["2"], [])
    assert by_variant.title.endswith(", by variant")


def test_a_group_of_disagreements_alone_is_shown_without_rates(study, act):
    records, told = study(a="h", b="c")
    disputed = type(told)((*told.acts, act(0, "no", coder="bob")))
    [_, by_variant] = rate_sheets(rates_of(records, disputed, by=("variant",)))
    shown = cells(by_variant)
    assert (shown["variant"], shown["settled"], shown["unresolved"]) == (["a", "b"], ["0", "1"], ["1", "0"])
    assert shown["hallucinated"] == ["-", "0  0.0% [-]"]


def test_without_a_label_there_is_no_table(study):
    assert rate_sheets(rates_of(*study(a=".."))) == []


def test_differences_are_in_points_of_outcomes_that_differ(study):
    [hallucinated, correct] = difference_sheets(differences_of(*study(a="hhhhhhcchhcc", b="hccchhccccch")))
    assert hallucinated.title.startswith("hallucinated")
    assert correct.title.startswith("correct")
    shown = cells(hallucinated)
    assert (shown["a"], shown["b"], shown["only a"], shown["only b"]) == (["a"], ["b"], ["5"], ["1"])
    assert shown["a - b"][0].startswith("+33.3 [")
    assert (shown["p"], shown["p Holm"]) == (["0.219"], ["0.219"])


def test_small_ps_are_below_the_smallest_and_missing_ones_a_dash(study):
    [sheet, _] = difference_sheets(differences_of(*study(a="h" * 12 + ".", b="c" * 12 + ".", c="." * 12 + "h")))
    assert cells(sheet)["p"] == ["<0.001", "-", "-"]
    assert cells(sheet)["a - b"] == ["+100.0 [-]", "-", "-"]
    assert sheet.remarks[-1] == "2 x no prompt is settled for both"
