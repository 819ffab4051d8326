from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.analysis.sheets import Column, Sheet


def lines(sheet, width):
    file = io.StringIO()
    Console(file=file, width=width, color_system=None, _environ={}).print(sheet.shown(width))
    return [line.rstrip() for line in file.getvalue().splitlines()]


SHEET = Sheet(
    "what it shows",
    [Column("variant", ["claude-sonnet-4-6@0.0", "claude-sonnet-4-6@0.7"])],
    [Column("count", ["1", "22"]), Column("less", ["0.1", "0.2"], 1), Column("least", ["3.1", "3.2"], 2)],
    ["2 x a reason"],
)


def test_a_sheet_shows_its_title_rows_and_remarks():
    assert lines(SHEET, 80) == [
        "what it shows",
        "variant                count  less  least",
        "claude-sonnet-4-6@0.0      1   0.1    3.1",
        "claude-sonnet-4-6@0.7     22   0.2    3.2",
        "2 x a reason",
    ]


@pytest.mark.parametrize(
    ("width", "left_out"),
    [(40, None), (34, None), (33, "least"), (28, "least"), (26, "less, least"), (22, "less, least")],
)
def test_a_narrow_sheet_shortens_names_then_leaves_columns_out_and_says_which(width, left_out):
    told = lines(SHEET, width)
    assert max(cell_len(line) for line in told[1:4]) <= width
    assert told[2].endswith(("1", "3.1"))
    assert told[2].split()[0].endswith("@0.0")
    rest = " ".join(told[4:])
    assert rest == "2 x a reason" + (f" Too narrow for {left_out}; --json has everything." if left_out else "")


def test_nothing_in_a_sheet_acts_on_the_terminal():
    hostile = "\x1b]52;c;cm0gLXJm\x07\u202e[/foo]"
    sheet = Sheet(hostile, [Column(hostile, [hostile])], [Column(hostile, [hostile])], [hostile])
    told = lines(sheet, 200)
    assert all(line.isprintable() for line in told)
    assert sum(line.count(r"\x1b]52;c;cm0gLXJm\x07\u202e[/foo]") for line in told) == 6


def test_latex_has_the_rules_of_booktabs_and_the_rest_as_comments():
    assert SHEET.latex().splitlines() == [
        "% what it shows",
        "% 2 x a reason",
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r"variant & count & less & least \\",
        r"\midrule",
        r"claude-sonnet-4-6@0.0 & 1 & 0.1 & 3.1 \\",
        r"claude-sonnet-4-6@0.7 & 22 & 0.2 & 3.2 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_latex_escapes_what_it_would_act_on():
    hostile = "a_b & 50% $x$ \\input{/etc/passwd} #1 ~^\n\\end{tabular}"
    told = Sheet(hostile, [Column("", [hostile])], [Column("{", ["}"])], [hostile]).latex()
    escaped = (
        r"a\_b \& 50\% \$x\$ \textbackslash input\{/etc/passwd\} \#1 \textasciitilde \textasciicircum "
        r"\textbackslash n\textbackslash end\{tabular\} & \} \\"
    )
    rows = told.splitlines()
    assert rows[6] == escaped
    assert [line for line in rows if line.startswith("%")] == rows[:2]
    assert rows[2:6] == [r"\begin{tabular}{lr}", r"\toprule", r" & \{ \\", r"\midrule"]


def test_a_row_never_starts_with_what_would_be_an_argument_of_the_line_before():
    rows = Sheet("", [Column("", ["a", "[2em]", "*"])], [Column("n", ["1", "2", "3"])]).latex().splitlines()
    assert rows[-5:-2] == [r"a & 1 \\", r"{}[2em] & 2 \\", r"{}* & 3 \\"]
