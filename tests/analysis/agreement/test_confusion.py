from __future__ import annotations

from harness.analysis.agreement.confusion import confusions


def test_rows_are_what_the_first_coder_said(ratings):
    [table] = confusions(ratings("aaab", "aabb", values=["a", "b", "c"]))
    assert (table.coders, table.values) == (("coder0", "coder1"), ("a", "b", "c"))
    assert table.counts == ((2, 1, 0), (0, 1, 0), (0, 0, 0))


def test_only_items_of_both_are_counted(ratings):
    [table] = confusions(ratings(["a", "a", None], ["a", None, "b"], values=["a", "b"]))
    assert table.counts == ((1, 0), (0, 0))


def test_each_pair_of_coders_with_something_in_common_has_its_table(ratings):
    tables = confusions(ratings(["a", "b", None], ["a", None, "b"], [None, "a", None], values=["a", "b"]))
    assert {table.coders: table.counts for table in tables} == {
        ("coder0", "coder1"): ((1, 0), (0, 0)),
        ("coder0", "coder2"): ((0, 0), (1, 0)),
    }


def test_of_several_choices_each_is_counted_apart(ratings):
    x, y, xy = frozenset("x"), frozenset("y"), frozenset("xy")
    tables = confusions(ratings([x, xy, y, x], [x, y, y, xy], scale="sets"))
    assert {table.option: table.counts for table in tables} == {"x": ((2, 1), (0, 1)), "y": ((2, 0), (1, 1))}


def test_rows_name_every_cell(ratings):
    [table] = confusions(ratings("ab", "bb"))
    assert table.rows()[1] == {
        "field": "field", "option": None, "coder_a": "coder0", "coder_b": "coder1",
        "label_a": "a", "label_b": "b", "count": 1,
    }  # fmt: skip
    assert [row["count"] for row in table.rows()] == [0, 1, 0, 1]
