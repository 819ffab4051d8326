from __future__ import annotations

import pytest

from harness.prompts.fields import content_id, to_prompt
from harness.schema import Message, Prompt

TURNS = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c"},
]


def prompt_of(row):
    return to_prompt(row)[0]


@pytest.mark.parametrize("name", ["prompt", "text", "question", "input"])
def test_the_text_has_several_names(name):
    assert prompt_of({"id": "a", name: "x"}) == Prompt("a", "x")


def test_other_aliases_work_and_the_first_name_counts():
    row = {"prompt_id": "a", "prompt": "x", "input": "y", "prompt_category": "c", "id": "b"}
    assert prompt_of(row) == Prompt("b", "x", "c", metadata={"prompt_id": "a", "input": "y"})


def test_a_whole_number_is_an_id_as_text():
    assert to_prompt({"id": 7, "prompt": "x"}) == (Prompt("7", "x"), True)


def test_what_else_a_row_has_is_metadata_with_its_types():
    extra = {"gold": None, "score": 0.5, "count": 2**64 - 1, "refs": [{"url": "u"}], "path": r"C:\u0000"}
    assert prompt_of({"id": "a", "prompt": "x", **extra}).metadata == extra


def test_blank_optional_fields_are_as_if_absent():
    assert prompt_of({"id": "a", "prompt": "x", "category": "", "system": " ", "messages": None}) == Prompt("a", "x")


def test_a_leading_system_turn_is_the_system_text():
    prompt = prompt_of({"id": "a", "messages": [{"role": "system", "content": "s"}, *TURNS]})
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    assert prompt == Prompt("a", "c", messages=turns, system="s")


def test_a_prompt_may_repeat_the_last_turn():
    assert prompt_of({"prompt": "c", "messages": TURNS}).text == "c"


def test_null_extras_in_a_message_are_ignored():
    assert prompt_of({"messages": [{"role": "user", "content": "x", "name": None}]}).text == "x"


def test_one_user_turn_is_a_single_prompt_with_the_same_id():
    single = prompt_of("x")
    assert single.messages is None
    assert prompt_of({"messages": [{"role": "user", "content": "x"}]}) == single


def test_an_absent_id_is_a_hash_that_never_changes():
    assert to_prompt("What is CVE-2021-44228?") == (
        Prompt("p-c3de2782a0334db180cb", "What is CVE-2021-44228?"),
        False,
    )
    assert prompt_of({"messages": TURNS, "system": "s"}).id == "p-b98987a5efd278630fb0"


def test_the_hash_depends_on_what_is_said_alone():
    base = prompt_of({"prompt": "x", "category": "c", "gold": "g"})
    assert base.id == prompt_of("x").id
    others = {prompt_of(row).id for row in ("y", {"prompt": "x", "system": "s"}, {"messages": TURNS})}
    assert len(others | {base.id}) == 4


def test_the_hash_keeps_texts_apart_that_only_look_alike_when_joined():
    turns = (Message("user", "a"), Message("user", "b"))
    assert content_id("b", turns, None) != content_id("ab", None, None)
    assert content_id("b", None, "a") != content_id("b", turns, None)
