from __future__ import annotations

import pytest

from harness.analysis.compare.matching import matched
from harness.analysis.records import load
from harness.errors import UsageError


@pytest.fixture
def match(folder):
    def of(one, other):
        return matched(load(folder("one", *one)), load(folder("other", *other)))

    return of


def ids(records):
    return [int(record["item_id"], 16) for record in records]


def test_items_are_matched_by_their_id(match, record):
    found = match([record(1), record(2), record(3)], [record(3), record(2), record(9)])
    assert found.found_by == {"item_id": 2}
    assert [(ids([one]), ids([other])) for one, other in found.pairs] == [([2], [2]), ([3], [3])]
    assert (ids(found.only_one), ids(found.only_other)) == ([1], [9])


def test_where_no_id_is_shared_prompt_variant_and_repeat_match(match, record):
    found = match(
        [record(1, prompt_id="p", repeat=0), record(2, prompt_id="p", repeat=1), record(3, prompt_id="q", variant="n")],
        [
            record(11, prompt_id="p", repeat=1),
            record(12, prompt_id="p", repeat=0, variant="x"),
            record(13, variant="n"),
        ],
    )
    assert found.found_by == {"prompt_id, variant, repeat": 1}
    assert [(ids([one]), ids([other])) for one, other in found.pairs] == [([2], [11])]
    assert (ids(found.only_one), ids(found.only_other)) == ([1, 3], [12, 13])


def test_what_ids_leave_over_is_matched_by_prompt_variant_and_repeat_in_the_order_of_the_first(match, record):
    one = [record(2, prompt_id="p"), record(1), record(3, prompt_id="q")]
    found = match(one, [record(1), record(12, prompt_id="p"), record(13, prompt_id="r")])
    assert found.found_by == {"item_id": 1, "prompt_id, variant, repeat": 1}
    assert [ids(pair) for pair in found.pairs] == [[2, 12], [1, 1]]
    assert (ids(found.only_one), ids(found.only_other)) == ([3], [13])


def test_an_item_that_was_matched_by_its_id_is_in_no_other_pair(match, record):
    found = match([record(1), record(2, prompt_id="p1")], [record(1)])
    assert [ids(pair) for pair in found.pairs] == [[1, 1]]
    assert ids(found.only_one) == [2]


def test_two_of_one_place_do_not_share_a_partner(match, record):
    found = match([record(1, prompt_id="p"), record(2, prompt_id="p")], [record(11, prompt_id="p")])
    assert [ids(pair) for pair in found.pairs] == [[1, 11]]
    assert ids(found.only_one) == [2]


def test_single_variants_match_by_prompt_and_repeat_whatever_their_names(match, record):
    found = match([record(1, prompt_id="p", variant="a")], [record(11, prompt_id="p", variant="b")])
    assert found.found_by == {"prompt_id, repeat": 1}
    assert [ids(pair) for pair in found.pairs] == [[1, 11]]


def test_several_variants_of_other_names_have_nothing_in_common(match, record):
    one = [record(1, prompt_id="p", variant="a"), record(2, prompt_id="p", variant="b")]
    with pytest.raises(UsageError, match="have nothing in common"):
        match(one, [record(11, prompt_id="p", variant="c")])


def test_runs_over_other_prompts_have_nothing_in_common(match, record):
    with pytest.raises(UsageError, match="have nothing in common"):
        match([record(1)], [record(2)])
