from __future__ import annotations

import pytest

from harness.analysis.agreement import agreement_of
from harness.analysis.agreement.table import agreement_sheets
from harness.analysis.rubric import read_rubric


def cells(sheet):
    return {column.header: list(column.cells) for column in (*sheet.names, *sheet.columns)}


@pytest.fixture
def sheets(record, act, annotations):
    def make(*acts):
        records = [record(number) for number in range(8)]
        made = agreement_sheets(agreement_of(records, annotations(*acts), read_rubric()))
        return {sheet.title: cells(sheet) | {"remarks": list(sheet.remarks)} for sheet in made}

    return make


def test_a_field_has_a_table_of_groups_and_one_of_what_was_confused(sheets, act):
    acts = [act(number, "ann", "yes" if number < 4 else "no") for number in range(8)]
    acts += [act(number, "bob", "yes" if number < 3 else "no") for number in range(8)]
    shown = sheets(*acts)
    groups = shown["Agreement on hallucination, with 95 % intervals"]
    assert groups["answers"] == ["all", "m@0", "m@1", "category cve"]
    assert (groups["items"][:2], groups["coders"][0]) == (["8", "4"], "2")
    assert groups["agreement"][0] == "0.88 [0.62, 1.00]"
    assert groups["Cohen's kappa"][0].startswith("0.75 [")
    confused = shown["hallucination: rows by ann, columns by bob"]
    assert (confused[""], confused["yes"], confused["no"]) == (["yes", "no"], ["3", "0"], ["1", "4"])


def test_what_is_undefined_is_a_dash_and_its_reason_stands_below(sheets, act):
    shown = sheets(act(0, "ann", severity="minor"), act(0, "bob", severity="minor"))
    groups = shown["Agreement on severity (ordinal), with 95 % intervals"]
    assert groups["quadratic kappa"] == groups["Krippendorff's alpha"] == ["-", "-", "-"]
    assert groups["agreement"] == ["1.00 [-]"] * 3
    assert "9 x undefined, since every label is minor" in groups["remarks"]
    assert shown["Agreement on citations, with 95 % intervals"]["remarks"] == ["3 x nobody labelled it"]


def test_several_choices_are_counted_option_by_option(sheets, act):
    shown = sheets(act(0, "ann", types=["detail", "other"]), act(0, "bob", types=["detail", "citation"]))
    counted = shown["types: chosen by ann and by bob"]
    assert counted[""] == ["citation", "detail", "other"]
    assert (counted["both"], counted["only ann"], counted["only bob"], counted["neither"]) == (
        ["0", "1", "0"], ["0", "0", "1"], ["1", "0", "0"], ["0", "0", "0"],
    )  # fmt: skip
