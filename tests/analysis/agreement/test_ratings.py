from __future__ import annotations

import pytest

from harness.analysis.agreement.ratings import ratings_of
from harness.analysis.rubric import parse_rubric, read_rubric
from harness.errors import UsageError

RUBRIC = read_rubric()


@pytest.fixture
def of(record, annotations):
    """The ratings of a field over four records."""

    def make(field, *acts, rubric=RUBRIC, **facts):
        records = {made["item_id"]: made for made in (record(number, **facts) for number in range(4))}
        return ratings_of(rubric.field_named(field), records, annotations(*acts).coded(), rubric)

    return make


def labels(ratings):
    return [[None if code < 0 else ratings.values[code] for code in row] for row in ratings.codes]


def test_rows_are_items_and_columns_coders(of, act):
    made = of("hallucination", act(1, "bob", "no"), act(1, "ann", "yes"), act(3, "ann", "no"))
    assert made.coders == ("ann", "bob")
    assert labels(made) == [["yes", "no"], ["no", None]]
    assert (made.prompts, made.variants, made.categories) == (("p0", "p1"), ("m@1", "m@1"), ("cve", "cve"))


def test_a_field_is_compared_only_where_both_coders_were_asked(of, act):
    asked = act(0, "ann", severity="minor")
    stray = act(0, "bob", "no", severity="minor")
    made = of("severity", asked, stray, act(1, "ann", severity="severe"), act(1, "bob", severity="moderate"))
    assert labels(made) == [["minor", None], ["severe", "moderate"]]
    assert made.compared.prompts == ("p0",)
    assert labels(made.compared) == [["severe", "moderate"]]


def test_ordinal_values_keep_the_order_of_the_rubric(of, act):
    made = of("severity", act(0, "ann", severity="severe"))
    assert (made.scale, made.values) == ("ordinal", ("minor", "moderate", "severe"))


def test_several_choices_are_sets_without_order_and_none_is_a_set_too(of, act):
    made = of(
        "types",
        act(0, "ann", types=["detail", "citation"]),
        act(0, "bob", types=["citation", "detail"]),
        act(1, "ann", types=[]),
        act(1, "bob"),
    )
    assert made.scale == "sets"
    assert labels(made) == [[{"citation", "detail"}] * 2, [frozenset(), None]]


def test_items_outside_the_records_are_left_out(of, act):
    assert of("hallucination", act(0, "ann"), act(9, "ann")).prompts == ("p0",)


def test_a_record_without_a_category_is_of_an_unknown_one(of, act):
    assert of("hallucination", act(0, "ann"), prompt_category=None).categories == ("unknown",)


def test_a_label_that_the_rubric_does_not_have_is_refused(of, act):
    with pytest.raises(UsageError, match=r"ann's label of the item 0{32} .* hallucination must be one of yes, no"):
        of("hallucination", act(0, "ann", "perhaps"))


def test_a_field_that_is_asked_beneath_an_unasked_one_is_not_asked(of, act):
    source = """
        name: nested
        fields:
          - {name: hallucination, type: choice, options: [{value: "yes"}, {value: "no"}]}
          - {name: source, type: choice, when: {hallucination: "yes"}, options: [{value: x}, {value: y}]}
    """
    made = of("source", act(0, "ann", "no", source="x"), rubric=parse_rubric(source, "here"))
    assert made.coders == ()
