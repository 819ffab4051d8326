"""`fields` and `prompt_template` on files whose columns are other people's."""

from __future__ import annotations

import json

import pytest

from harness.errors import PromptFileError
from harness.prompt_template import PromptTemplate
from harness.prompts import Columns, FieldNames, Format, open_prompts, survey
from harness.schema import Prompt

NAMES = FieldNames(id="qid", prompt="frage", category="fach", probe="erfunden")
ROWS = [
    {"qid": "q1", "frage": "Was ist X?", "fach": "a", "erfunden": True, "prompt": "not this", "note": "n"},
    {"qid": "q2", "frage": "Was ist Y?", "fach": "b", "erfunden": False},
]
PROMPTS = [
    Prompt("q1", "Was ist X?", "a", is_synthetic_probe=True, metadata={"prompt": "not this", "note": "n"}),
    Prompt("q2", "Was ist Y?", "b", is_synthetic_probe=False),
]


def read(path, names=None, template=None):
    parsed = None if template is None else PromptTemplate.parse(template)
    return list(open_prompts(path, Columns(names or FieldNames(), parsed)))


@pytest.mark.parametrize("name", ["p.json", "p.jsonl"])
def test_named_columns_of_json_are_what_they_are_said_to_be(prompt_file, name):
    lines = map(json.dumps, ROWS)
    text = "\n".join(lines) if name == "p.jsonl" else f"[{','.join(lines)}]"
    assert read(prompt_file(name, text), NAMES) == PROMPTS


@pytest.mark.parametrize(("name", "separator"), [("p.csv", ","), ("p.tsv", "\t")])
def test_named_columns_of_tables_are_what_they_are_said_to_be(prompt_file, name, separator):
    text = "qid,frage,fach,erfunden,prompt,note\nq1,Was ist X?,a,yes,not this,n\nq2,Was ist Y?,b,0,,\n"
    assert read(prompt_file(name, text.replace(",", separator)), NAMES) == PROMPTS


@pytest.mark.parametrize(("value", "flag"), [(1, True), (0, False), ("yes", True), ("False", False), (None, None)])
def test_a_named_probe_column_may_say_it_in_its_own_way(prompt_file, value, flag):
    path = prompt_file("p.jsonl", json.dumps({"prompt": "x", "fake": value}))
    (prompt,) = read(path, FieldNames(probe="fake"))
    assert prompt.is_synthetic_probe is flag


def test_a_named_probe_column_that_says_neither_is_refused(prompt_file):
    path = prompt_file("p.jsonl", '{"prompt": "x", "fake": 2}')
    with pytest.raises(PromptFileError, match="has '2' as fake: write true, false, or nothing"):
        read(path, FieldNames(probe="fake"))


@pytest.mark.parametrize(
    ("role", "name"), [("id", "qif"), ("prompt", "frag"), ("category", "fch"), ("probe", "erfund"), ("system", "sys")]
)
def test_a_column_that_a_table_lacks_is_refused_at_the_header(prompt_file, role, name):
    path = prompt_file("p.csv", "qid,frage,fach,erfunden\nq1,Was?,a,yes\n")
    with pytest.raises(
        PromptFileError, match=rf", line 1: the header has no column '{name}', which `fields` names as {role}"
    ):
        read(path, FieldNames(**{"prompt": "frage", role: name}))


def test_a_misspelt_column_is_given_its_nearest_name(prompt_file):
    path = prompt_file("p.csv", "qid,frage\nq1,Was?\n")
    with pytest.raises(PromptFileError, match=r"Did you mean 'frage'\? It has: 'qid', 'frage'"):
        read(path, FieldNames(prompt="fragen"))


def test_a_column_that_no_row_of_json_has_is_refused(prompt_file):
    path = prompt_file("p.jsonl", '{"prompt": "x", "fach": "a"}\n{"prompt": "y"}\n')
    with pytest.raises(PromptFileError, match="has no column 'fac', which `fields` names as category"):
        read(path, FieldNames(category="fac"))


def test_a_column_that_some_rows_of_json_leave_out_is_theirs_to_leave_out(prompt_file):
    path = prompt_file("p.jsonl", '{"prompt": "x"}\n{"prompt": "y", "fach": "a"}\n')
    assert [prompt.category for prompt in read(path, FieldNames(category="fach"))] == [None, "a"]


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_a_row_without_its_prompt_is_refused_with_its_line(prompt_file, name):
    text = '{"frage": "x"}\n{"frage": ""}\n' if name == "p.jsonl" else "frage,id\nx,1\n,2\n"
    line = 2 if name == "p.jsonl" else 3
    with pytest.raises(PromptFileError, match=rf', line {line}: this row has no text as "frage", which `fields` names'):
        read(prompt_file(name, text), FieldNames(prompt="frage"))


def test_a_template_makes_the_text_and_the_columns_stay_metadata(prompt_file):
    path = prompt_file("p.csv", "id,question,A,B\n1,Which?,one,two\n2,What?,,none\n")
    prompts = read(path, template="{question}\nA) {A}\nB) {B}")
    assert [prompt.text for prompt in prompts] == ["Which?\nA) one\nB) two", "What?\nA) \nB) none"]
    assert prompts[0].metadata == {"question": "Which?", "A": "one", "B": "two"}
    assert [prompt.id for prompt in prompts] == ["1", "2"]


def test_a_template_needs_no_prompt_column(prompt_file):
    path = prompt_file("p.jsonl", '{"id": "a", "cve": "CVE-2021-44228"}')
    assert [prompt.text for prompt in read(path, template="What is {cve}?")] == ["What is CVE-2021-44228?"]


def test_rows_without_an_id_are_told_apart_by_what_the_template_makes_of_them(prompt_file):
    path = prompt_file("p.jsonl", '{"cve": "one"}\n{"cve": "two"}')
    ids = {prompt.id for prompt in read(path, template="What is {cve}?")}
    assert len(ids) == 2
    assert ids != {prompt.id for prompt in read(path, template="Describe {cve}.")}


def test_plain_strings_fill_the_place_called_prompt(prompt_file):
    path = prompt_file("p.json", '["one", "two"]')
    assert [prompt.text for prompt in read(path, template="Briefly: {prompt}")] == ["Briefly: one", "Briefly: two"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("p.csv", "id,question\n1,x\n", r", line 1: the header has no column 'answer', which prompt_template asks for"),
        ("p.jsonl", '{"question": "x"}\n', r', line 1: this row has no "answer", which prompt_template asks for'),
        ("p.jsonl", '{"question": "x", "answer": null}\n', r', line 1: this row has null as "answer"'),
        ("p.jsonl", '{"question": " ", "answer": ""}\n', r", line 1: this row fills prompt_template with nothing"),
        (
            "p.jsonl",
            '{"question": "x", "answer": "y", "messages": [{"role": "user", "content": "z"}]}\n',
            r', line 1: this row has "messages", and prompt_template makes one text',
        ),
    ],
)
def test_a_row_that_a_template_cannot_use_is_refused_with_its_line(prompt_file, name, text, problem):
    with pytest.raises(PromptFileError, match=problem):
        read(prompt_file(name, text), template="{question}{answer}")


def record(item_id, **fields):
    facts = {
        "item_id": item_id, "run_id": "r", "schema_version": 1, "prompt_id": "p1", "prompt": "Is it?", "messages": None,
        "system": None, "prompt_category": "c", "is_synthetic_probe": True, "prompt_metadata": {"gold": "no"},
        "variant": "m@0.0", "model": "m", "full_response": "Yes.", "token_logprobs": [1, 2, 3], "error": None,
    }  # fmt: skip
    return facts | fields


def results(prompt_file, *records, tail=""):
    return prompt_file("results.jsonl", "".join(json.dumps(item) + "\n" for item in records) + tail)


JUDGE = "Question: {prompt}\nAnswer: {full_response}\nGold: {prompt_metadata.gold}"


def test_the_answers_of_a_run_are_prompts_known_by_their_item(prompt_file):
    path = results(prompt_file, record("i1"), record("i2", variant="m@0.7", full_response="No."))
    one, two = read(path, template=JUDGE)
    assert (one.id, two.id) == ("i1", "i2")
    assert one.text == "Question: Is it?\nAnswer: Yes.\nGold: no"
    assert (one.category, one.is_synthetic_probe) == ("c", True)
    assert two.metadata["variant"] == "m@0.7"
    assert two.metadata["prompt_id"] == "p1"
    assert "token_logprobs" not in one.metadata


def test_failures_are_left_out_and_an_item_counts_once(prompt_file):
    failed = record("i1", full_response=None, error="It failed.")
    path = results(prompt_file, failed, record("i1"), record("i1", full_response="Later."), failed | {"item_id": "i2"})
    assert [prompt.text for prompt in read(path, template="{full_response}")] == ["Yes."]


def test_a_last_line_that_was_cut_short_is_passed_over(prompt_file):
    path = results(prompt_file, record("i1"), tail='{"item_id": "i2", "full_res')
    assert [prompt.id for prompt in read(path, template=JUDGE)] == ["i1"]


def test_a_line_of_another_kind_among_records_is_refused(prompt_file):
    path = results(prompt_file, record("i1"), {"prompt": "x"})
    with pytest.raises(PromptFileError, match=", line 2: this row is no record of a run"):
        read(path, template=JUDGE)


def test_whoever_is_asked_about_an_answer_is_not_told_the_system_text_of_whoever_gave_it(prompt_file):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    path = results(prompt_file, record("i1", system="Be a pirate.", messages=turns, prompt="c"))
    (judged,) = read(path, template=JUDGE)
    assert (judged.system, judged.messages) == (None, None)
    assert judged.metadata["system"] == "Be a pirate."
    (again,) = read(path)
    assert again.system == "Be a pirate."
    assert len(again.messages) == 3


def test_a_column_of_the_records_may_be_the_prompt(prompt_file):
    path = results(prompt_file, record("i1"))
    (prompt,) = read(path, FieldNames(prompt="full_response"))
    assert prompt.text == "Yes."


def test_a_run_without_an_answer_is_refused(prompt_file):
    path = results(prompt_file, record("i1", full_response=None, error="It failed."))
    with pytest.raises(PromptFileError, match="holds no answers"):
        survey(open_prompts(path))


def test_only_a_file_whose_first_line_is_a_record_is_read_as_one(prompt_file):
    assert open_prompts(results(prompt_file, record("i1"))).format is Format.RESULTS
    assert open_prompts(prompt_file("results.jsonl", '{"prompt": "x"}\n')).format is Format.JSONL


def test_a_column_that_is_named_is_nothing_else(prompt_file):
    path = prompt_file("p.jsonl", '{"prompt": "x", "category": "Be brief.", "id": "a"}')
    (prompt,) = read(path, FieldNames(system="category", category="id"))
    assert (prompt.system, prompt.category) == ("Be brief.", "a")
    assert prompt.id.startswith("p-")


def test_a_column_of_the_records_may_be_told_to_the_judge_by_name(prompt_file):
    path = results(prompt_file, record("i1", system="Be a pirate."))
    (prompt,) = read(path, FieldNames(prompt="full_response", system="system"))
    assert prompt.system == "Be a pirate."


def test_a_judge_gets_turns_and_thinking_of_every_answer(prompt_file):
    path = results(prompt_file, record("i1"), record("i2", thinking="Hm."))
    one, two = read(path, template="{messages} {thinking}")
    assert one.text == '[{"role": "user", "content": "Is it?"}] '
    assert two.text.endswith(" Hm.")


def test_categories_may_be_numbers(prompt_file):
    (prompt,) = read(prompt_file("p.jsonl", '{"prompt": "x", "category": 3}'))
    assert prompt.category == "3"


def test_empty_cells_that_a_template_uses_are_no_ids_and_no_turns(prompt_file):
    path = prompt_file("p.csv", "id,messages,q\n,,why\n")
    (prompt,) = read(path, template="{q}{id}{messages}")
    assert prompt.text == "why"
    assert prompt.id.startswith("p-")
