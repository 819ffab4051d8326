from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.local.replay.comparison import Comparison, Token
from harness.local.replay.evidence import Off
from harness.verify_report import Outcome, Report
from harness.verify_table import difference_line, reason_lines, table, to_json


def compared(
    tokens=100, position=None, *, recorded=None, replayed=None, same_text=True, deltas=(), end=None, off=None, **changed
):
    return Comparison(tokens, position, recorded, replayed, same_text, tuple(deltas), changed, end, off)


def outcome(variant="m@0.0", prompt_id="p1", comparison=None, reason=None):
    return Outcome(variant, "ab" * 16, prompt_id, 0, comparison, reason)


DIFFERENT = compared(18, 17, recorded=Token(7, " the"), replayed=Token(9, None), same_text=False, deltas=[0.5, 0.1])
MIXED = Report(
    Path("out/x"),
    0,
    (
        outcome("m@0.0", comparison=compared(82, deltas=[1e-6, 3e-6])),
        outcome("m@0.7", comparison=compared(982)),
        outcome("m@0.7", "p2", DIFFERENT),
        outcome("m@0.7", "p3", reason="No weights."),
        outcome("m@0.7", "p4", reason="No weights."),
    ),
)


def test_a_difference_is_shown_with_its_place_and_both_tokens():
    assert difference_line(MIXED.differing[0]) == "differs  m@0.7 p2, repeat 0: token 17 was “ the” (7) and is 9"


def test_an_answer_that_ended_sooner_says_so():
    line = difference_line(outcome(comparison=compared(3, 2, recorded=None, replayed=Token(9, "x"))))

    assert line.endswith("token 2 was the end and is “x” (9)")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (compared(off=Off(3, 1.0000042)), "logprobs off by 1 at position 3"),
        (compared(end=("length", "stop")), "finish_reason was length and is stop"),
        (
            compared(same_text=False, end=("length", "stop"), off=Off(0, 0.25)),
            (
                "the tokens are the same and the text is not; finish_reason was length and is stop; "
                "logprobs off by 0.25 at position 0"
            ),
        ),
        (
            compared(3, 2, recorded=Token(7, None), replayed=Token(9, None), same_text=False, end=("length", "stop")),
            "token 2 was 7 and is 9",
        ),
    ],
)
def test_all_that_differs_is_told_but_what_follows_from_another_token(found, told):
    assert difference_line(outcome(comparison=found)) == f"differs  m@0.0 p1, repeat 0: {told}"


def test_reasons_are_told_once_with_their_number():
    assert "no comparison  m@0.7, 2 of them: No weights." in reason_lines(MIXED)


def test_conditions_that_changed_are_told_once():
    newer = compared(torch=("2.12", "2.13"))

    lines = reason_lines(Report(Path("x"), 0, (outcome(comparison=newer), outcome(comparison=newer))))

    assert lines == ["note  m@0.0: torch was 2.12 and is 2.13"]


def test_what_a_record_says_cannot_act_on_the_terminal():
    nasty = "\x1b]0;owned\x07"
    differing = compared(1, 0, recorded=Token(1, nasty), replayed=Token(2, nasty), torch=(nasty, "2"))
    ended = compared(end=(nasty, "stop"))
    found = (outcome(nasty, nasty, differing), outcome(nasty, nasty, ended), outcome(nasty, nasty, reason=nasty))
    report = Report(Path(nasty), 0, found)
    screen = Console(file=io.StringIO(), width=200)
    screen.print(table(report))

    shown = screen.file.getvalue() + "\n".join([*map(difference_line, found[:2]), *reason_lines(report)])

    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_the_table_has_a_row_per_variant_and_one_for_all():
    screen = Console(file=io.StringIO(), width=120)
    screen.print(table(MIXED))

    rows = [line.split() for line in screen.file.getvalue().splitlines()]

    assert ["m@0.0", "1", "1", "0", "0", "82", "0", "2.0e-06", "3.0e-06"] in rows
    assert ["m@0.7", "2", "1", "1", "2", "1000", "100", "3.0e-01", "5.0e-01"] in rows
    assert ["total", "3", "2", "1", "2", "1082", "92.4", "5.0e-02", "5.0e-01"] in rows


def test_programs_get_the_same_as_plain_values():
    told = json.loads(json.dumps(to_json(MIXED)))

    assert told["total"]["differing"] == 1
    assert told["variants"][1]["differing_per_100k_tokens"] == pytest.approx(100)
    [differing] = told["differing"]
    assert (differing["prompt_id"], differing["position"]) == ("p2", 17)
    assert differing["recorded"] == {"token_id": 7, "token": " the"}
    assert (differing["finish_reason"], differing["logprobs_off"]) == (None, None)
    assert [item["reason"] for item in told["not_comparable"]] == ["No weights.", "No weights."]


def test_programs_are_told_what_else_differs():
    found = compared(end=("length", "stop"), off=Off(3, 1.5))

    [differing] = to_json(Report(Path("x"), 0, (outcome(comparison=found),)))["differing"]

    assert differing["finish_reason"] == {"recorded": "length", "replayed": "stop"}
    assert differing["logprobs_off"] == {"position": 3, "by": 1.5}
