"""The estimate as people and programs read it."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from harness.estimate import DryRun, VariantEstimate, _total
from harness.estimate_table import notes, table, time_span, to_json
from harness.reuse import Counts

ROW = VariantEstimate(
    variant="claude-sonnet-4-6@0.0",
    local=False,
    pool="claude-sonnet-4-6",
    requests=600,
    input_tokens=1_200_000,
    max_output_tokens=1_228_800,
    expected_output_tokens=1_228_800,
    from_answers=False,
    max_cost_usd=22.032,
    expected_cost_usd=22.032,
    seconds=7800.0,
    price_source="config",
)
LOCAL = replace(
    ROW, variant="Qwen@0.0", local=True, pool="cuda", max_cost_usd=None, expected_cost_usd=None, seconds=None
)
UNPRICED = replace(ROW, variant="my-proxy@0.0", pool="proxy", max_cost_usd=None, expected_cost_usd=None)
ANSWERED = replace(
    ROW,
    variant="gemini@0.0",
    pool="gemini",
    from_answers=True,
    expected_output_tokens=310_000,
    expected_cost_usd=3.41,
    seconds=600.0,
)


def dry_run(*rows: VariantEstimate, limit: float | None = None, spent: float = 0.0) -> DryRun:
    return DryRun(rows, _total(rows), limit, spent)


def lines(run: DryRun, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table(run, width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_row_has_requests_tokens_cost_and_time():
    header, row, total = lines(dry_run(ROW))

    assert header.split() == ["variant", "requests", "tok", "in", "max", "out", "at", "most", "time"]
    assert row.split() == ["claude-sonnet-4-6@0.0", "600", "1.2M", "1.23M", "$22.03", "2", "h", "10", "min"]
    assert total.split() == ["total", "600", "1.2M", "1.23M", "$22.03", "2", "h", "10", "min"]


def test_what_is_expected_stands_beside_what_it_is_at_most():
    header, first, second, total = lines(dry_run(ROW, ANSWERED))

    assert "expected  at most" in header
    assert "≤ $22.03   $22.03" in first
    assert "$3.41   $22.03" in second
    assert "≤" not in second
    assert "≤ $25.44   $44.06" in total


def test_what_is_local_costs_nothing_and_what_nobody_knows_is_asked():
    _, priced, local, unpriced, total = lines(dry_run(ROW, LOCAL, UNPRICED))

    assert priced.split()[4] == "$22.03"
    assert local.split()[-2:] == ["-", "-"]
    assert unpriced.split()[4] == "?"
    assert "$22.03 + ?" in total


def test_a_plan_without_any_price_has_no_sum():
    *_, total = lines(dry_run(UNPRICED))

    assert total.split()[4] == "?"


def test_a_narrow_terminal_loses_columns_and_says_which():
    shown = lines(dry_run(ROW, ANSWERED), width=60)

    assert max(map(len, shown)) <= 60
    assert "at most" in shown[0]
    assert "--json has everything" in " ".join(shown)
    assert "max out" not in shown[0]


def test_a_hostile_name_acts_neither_in_the_table_nor_below_it():
    run = dry_run(replace(UNPRICED, variant="\x1b]0;title\x07@0.0"))

    assert "\x1b" not in "".join(lines(run))
    assert "\x1b" not in "".join(notes(run))


def test_an_unknown_price_is_named_below_with_what_to_write():
    said = " ".join(notes(dry_run(ROW, UNPRICED)))

    assert "No price is known for my-proxy@0.0." in said
    assert "`price: 0`" in said


@pytest.mark.parametrize(
    ("row", "limit", "spent", "verdict"),
    [
        (ANSWERED, 100.0, 0.0, "$100.00 of the budget of $100.00 is left, which is enough."),
        (ANSWERED, 30.0, 10.0, "$20.00 of the budget of $30.00 is left, which is expected to be enough; long answers"),
        (ANSWERED, 5.0, 4.0, "$1.00 of the budget of $5.00 is left: the run would stop before its end."),
        (ANSWERED, 5.0, 6.0, "$0.00 of the budget of $5.00 is left: the run would stop before its end."),
        (
            ROW,
            20.0,
            0.0,
            "$20.00 of the budget of $20.00 is left: the run may stop before its end, if answers are long.",
        ),
    ],
)
def test_a_budget_is_compared_with_what_is_left_to_do(row, limit, spent, verdict):
    assert verdict in " ".join(notes(dry_run(row, limit=limit, spent=spent)))


def test_json_holds_everything():
    told = json.loads(json.dumps(to_json(dry_run(ROW, UNPRICED, limit=5.0, spent=1.0))))

    assert told["variants"][0]["max_cost_usd"] == 22.032
    assert told["variants"][1]["max_cost_usd"] is None
    assert told["total"]["requests"] == 1200
    assert told["unpriced"] == ["my-proxy@0.0"]
    assert (told["max_cost_usd"], told["spent_usd"]) == (5.0, 1.0)


def test_what_other_runs_have_is_told_and_no_figure_counts_it():
    made = replace(dry_run(ROW), reused={"out/a": Counts(900, 700, Counter({"without logprobs": 2}))})

    assert (
        "700 of the 900 answers in out/a will be taken, and no figure counts them; 2 left out and asked again: "
        "2 without logprobs." in notes(made)
    )
    assert to_json(made)["reused"] == [{"folder": "out/a", "taken": 700, "left_out": {"without logprobs": 2}}]
    assert to_json(dry_run(ROW))["reused"] == []


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 s"),
        (45.0, "45 s"),
        (59.7, "1 min"),
        (720.0, "12 min"),
        (3599.0, "1 h 0 min"),
        (7800.0, "2 h 10 min"),
        (86_399.0, "1 d 0 h"),
        (273_600.0, "3 d 4 h"),
    ],
)
def test_times_are_as_exact_as_an_estimate_deserves(seconds, shown):
    assert time_span(seconds) == shown
