"""What of a record coders may see."""

from __future__ import annotations

import pytest

from harness.annotate.answers import shown
from harness.annotate.drawing import Flags
from harness.annotate.items import read_items
from harness.annotate.study import open_study
from harness.errors import UsageError


def test_failures_are_known_and_never_shown(make_run, record, failure):
    items, known = read_items(make_run([record(0), failure(1), record(2)]))

    assert list(items) == [record(0)["item_id"], record(2)["item_id"]]
    assert known == {record(n)["item_id"] for n in range(3)}


def test_an_empty_answer_is_an_answer(make_run, record):
    items, _ = read_items(make_run([record(0, full_response=""), record(1, full_response=None)]))

    assert [item.answer for item in items.values()] == ["", ""]


def test_gold_of_any_form_is_told_as_text(make_run, record):
    metadata = {"gold_label": "true", "gold_points": "one point", "gold_refs": None}
    items, _ = read_items(make_run([record(0), record(1, prompt_metadata=metadata), record(2, prompt_metadata=None)]))

    first, second, third = (item.gold for item in items.values())
    assert first.label == "exists: yes\ndescription: It is so 0."
    assert (second.label, second.points, second.refs) == ("true", ("one point",), ())
    assert third.is_empty
    assert not second.is_empty


def test_several_turns_are_shown_as_turns(make_run, record):
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    items, _ = read_items(make_run([record(0, messages=messages)]))

    assert next(iter(items.values())).turns == (("user", "a"), ("assistant", "b"), ("user", "c"))


def test_a_system_text_is_shown_only_where_it_tells_no_variant(make_run, record):
    """Records 0 and 1 answer one prompt, 2 and 3 another."""
    systems = ["Be brief.", "Be brief.", "Be brief.", None]
    items, _ = read_items(make_run([record(n, system=system) for n, system in enumerate(systems)]))

    assert [item.turns[0][0] for item in items.values()] == ["system", "system", "user", "user"]


def test_a_page_is_told_nothing_that_tells_where_an_answer_came_from(make_run, record):
    study = open_study(make_run([record(0, finish_reason="length")]), Flags())

    told = shown(study, study.items[record(0)["item_id"]])

    assert told == {
        "id": study.assignment.opaque(record(0)["item_id"]),
        "turns": [{"role": "user", "text": "Question 0?"}],
        "answer": "Answer number 0.",
        "cut_off": True,
        "simulated": False,
        "gold": {
            "label": "exists: yes\ndescription: It is so 0.",
            "points": ["Point 0."],
            "refs": ["https://example.org/ref"],
        },
        "values": {},
    }


def test_what_would_act_in_a_text_is_visible(make_run, record):
    study = open_study(make_run([record(0, full_response="a\u202eb\x1b[31m\nc")]), Flags())

    assert shown(study, study.items[record(0)["item_id"]])["answer"] == "a\\u202eb\\x1b[31m\nc"


def test_a_rubric_that_hides_gold_hides_all_of_it(make_run, write_rubric):
    own = write_rubric("name: own\ngold: hidden\nfields: [{name: ok, type: choice, options: [{value: 'yes'}]}]\n")
    study = open_study(make_run(2), Flags(), own)

    assert [shown(study, item)["gold"] for item in study.items.values()] == [None, None]


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        read_items(tmp_path)


def test_a_system_text_is_hidden_where_a_variant_failed_with_another_or_was_not_asked(make_run, record, failure):
    one = record(0, prompt_id="p", variant="a@0.0", system="You are A")
    other = failure(1) | {"prompt_id": "p", "variant": "b@0.0", "system": "You are B"}
    alone = record(2, prompt_id="q", variant="a@0.0", system="You are A")
    items, _ = read_items(make_run([one, other, alone]))

    assert all(("system", "You are A") not in item.turns for item in items.values())


def test_a_thought_in_an_answer_is_never_shown(make_run, record):
    texts = ("<think>I am X-1</think>\n\nIt is.", "<think>I am X-1, and")
    items, _ = read_items(make_run([record(number, full_response=text) for number, text in enumerate(texts)]))

    assert [item.answer for item in items.values()] == ["It is.", ""]
