from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import PromptFileError
from harness.prompts import Format, open_prompts
from harness.schema import Message, Prompt

SEED_FORM = """{
  "metadata": {"version": 2, "counts": [1, 2]},
  "prompts": [
    {"id": "cve_1", "category": "cve_existence", "prompt": "Does it exist?", "is_synthetic_probe": true, "gold": "no"},
    {"id": "cve_2", "category": "cve_existence", "prompt": "And this?", "is_synthetic_probe": false}
  ],
  "licence": "CC0"
}
"""
SEED_PROMPTS = [
    Prompt("cve_1", "Does it exist?", "cve_existence", is_synthetic_probe=True, metadata={"gold": "no"}),
    Prompt("cve_2", "And this?", "cve_existence", is_synthetic_probe=False),
]


def test_reads_an_object_with_a_prompts_list(prompt_file):
    assert list(open_prompts(prompt_file("p.json", SEED_FORM))) == SEED_PROMPTS


def test_reads_a_plain_json_list_of_objects(prompt_file):
    rows = json.loads(SEED_FORM)["prompts"]
    assert list(open_prompts(prompt_file("p.json", json.dumps(rows)))) == SEED_PROMPTS


def test_reads_json_lines(prompt_file):
    rows = json.loads(SEED_FORM)["prompts"]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert list(open_prompts(prompt_file("p.jsonl", text))) == SEED_PROMPTS


@pytest.mark.parametrize(("name", "separator"), [("p.csv", ","), ("p.tsv", "\t")])
def test_reads_tables(prompt_file, name, separator):
    text = (
        "id,category,prompt,is_synthetic_probe,gold\n"
        "cve_1,cve_existence,Does it exist?,true,no\n"
        "cve_2,cve_existence,And this?,false,\n"
    ).replace(",", separator)
    assert list(open_prompts(prompt_file(name, text))) == SEED_PROMPTS


@pytest.mark.parametrize(("name", "text"), [("p.json", '["one", "two"]'), ("p.ndjson", '"one"\n"two"\n')])
def test_plain_strings_are_prompts(prompt_file, name, text):
    assert [prompt.text for prompt in open_prompts(prompt_file(name, text))] == ["one", "two"]


def test_every_iteration_starts_anew(prompt_file):
    source = open_prompts(prompt_file("p.json", SEED_FORM))
    assert next(iter(source)).id == "cve_1"
    assert list(source) == list(source) == SEED_PROMPTS


def test_rows_are_read_as_they_are_asked_for(prompt_file):
    source = open_prompts(prompt_file("p.jsonl", '"one"\n"two"\n{broken\n'))
    assert [prompt.text for prompt in itertools.islice(source, 2)] == ["one", "two"]


def test_a_file_changed_since_it_was_opened_is_refused(prompt_file):
    source = open_prompts(prompt_file("p.jsonl", '"one"\n'))
    prompt_file("p.jsonl", '"one"\n"two"\n')
    with pytest.raises(PromptFileError, match="has changed since it was checked"):
        list(source)


def test_what_is_appended_while_it_is_read_is_not_read(prompt_file):
    path = prompt_file("p.jsonl", '"one"\n"two"\n')
    rows = iter(open_prompts(path))
    assert next(rows).text == "one"
    with path.open("a") as file:
        file.write('"three"\n')
    assert next(rows).text == "two"
    with pytest.raises(PromptFileError, match="has changed since it was checked"):
        next(rows)


def test_the_answers_of_a_run_that_goes_on_are_those_that_were_there(prompt_file):
    line = '{"item_id": "%s", "run_id": "r", "schema_version": 1, "prompt": "x", "full_response": "y", "error": null}\n'
    path = prompt_file("results.jsonl", line % "a")
    source = open_prompts(path)
    with path.open("a") as file:
        file.write(line % "b")
    assert [prompt.id for prompt in source] == ["a"]
    assert [prompt.id for prompt in open_prompts(path)] == ["a", "b"]


def test_answers_saved_with_a_byte_order_mark_are_answers(prompt_file):
    line = '{"item_id": "a", "run_id": "r", "schema_version": 1, "prompt": "x", "full_response": "y", "error": null}\n'
    assert open_prompts(prompt_file("r.jsonl", b"\xef\xbb\xbf" + line.encode())).format is Format.RESULTS


def test_sha256_is_of_the_bytes(prompt_file):
    path = prompt_file("p.jsonl", b'\xef\xbb\xbf"one"\r\n')
    assert open_prompts(path).sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "text"),
    [("p.json", '["one", "two"]'), ("p.jsonl", '"one"\n"two"\n'), ("p.csv", "prompt\none\ntwo\n")],
)
def test_a_byte_order_mark_and_crlf_change_nothing(prompt_file, name, text):
    plain = list(open_prompts(prompt_file(name, text)))
    marked = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    assert list(open_prompts(prompt_file(name, marked))) == plain


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_only_a_line_feed_ends_a_line(prompt_file, name, odd):
    text = f"a{odd}b"
    content = json.dumps({"prompt": text}, ensure_ascii=ord(odd) < 32) if name == "p.jsonl" else f"prompt\n{text}\n"
    assert [prompt.text for prompt in open_prompts(prompt_file(name, content))] == [text]


def test_blank_lines_are_skipped_and_counted(prompt_file):
    rows = open_prompts(prompt_file("p.jsonl", '\n"one"\n \t\n\n"two"')).rows()
    assert [row.place.line for row in rows] == [2, 5]


def test_json_rows_know_their_number_and_line(prompt_file):
    rows = list(open_prompts(prompt_file("p.json", SEED_FORM)).rows())
    assert [str(row.place) for row in rows] == ["prompt 1 (line 4)", "prompt 2 (line 5)"]


def test_quoted_cells_may_hold_line_breaks_and_later_rows_keep_their_line(prompt_file):
    path = prompt_file("p.csv", 'id,prompt\na,"two\nlines, ""quoted"""\n\n,,\nb,c\n'.replace(",,", ","))
    rows = list(open_prompts(path).rows())
    assert [(row.prompt.text, row.place.line) for row in rows] == [('two\nlines, "quoted"', 2), ("c", 6)]


def test_a_cell_may_be_longer_than_the_csv_module_allows_by_default(prompt_file):
    long = "x" * 300_000
    assert [prompt.text for prompt in open_prompts(prompt_file("p.csv", f"prompt\n{long}\n"))] == [long]


def test_unnamed_columns_are_numbered(prompt_file):
    (prompt,) = open_prompts(prompt_file("p.csv", ",prompt\n0,hello\n"))
    assert prompt.metadata == {"column 1": "0"}


def test_conversations_stand_in_a_cell_as_json(prompt_file):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    text = io.StringIO()
    csv.writer(text).writerows([["id", "prompt", "messages"], ["1", "", json.dumps(turns)]])
    (prompt,) = open_prompts(prompt_file("p.csv", text.getvalue()))
    assert prompt.messages == (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    assert prompt.text == "c"


@pytest.mark.parametrize(
    ("cell", "flag"),
    [
        ("true", True),
        ("TRUE", True),
        ("1", True),
        ("yes", True),
        ("False", False),
        ("0", False),
        ("no", False),
        ("", None),
        (" ", None),
    ],
)
def test_probe_flags_of_tables_are_words(prompt_file, cell, flag):
    (prompt,) = open_prompts(prompt_file("p.csv", f"prompt,is_synthetic_probe\nhello,{cell}\n"))
    assert prompt.is_synthetic_probe is flag


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('\n [\n"one"]', Format.JSON),
        ('{"prompts": ["one"]}', Format.JSON),
        ('{\n"prompts": ["one"]}', Format.JSON),
        ('{"prompt": "one"}\n{"prompt": "two"}', Format.JSONL),
        ('"one"\n', Format.JSONL),
        ('"id","prompt"\n1,one', Format.CSV),
        ("id,prompt\n1,one", Format.CSV),
        ("id\tprompt\n1\tone", Format.TSV),
    ],
)
def test_an_unknown_ending_is_read_by_its_first_line(prompt_file, text, kind):
    source = open_prompts(prompt_file("prompts.data", b"\xef\xbb\xbf" + text.encode()))
    assert source.format is kind
    assert next(iter(source)).text == "one"


def test_the_ending_counts_in_any_case(prompt_file):
    assert open_prompts(prompt_file("P.CSV", "prompt\nx\n")).format is Format.CSV


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PromptFileError, match="is not a regular file"):
        open_prompts(tmp_path / "pipe")


def test_a_missing_file_names_the_option(tmp_path):
    with pytest.raises(PromptFileError, match=r"nowhere\.json: there is no such file.*--prompts FILE"):
        open_prompts(tmp_path / "nowhere.json")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
PROMPTS = st.builds(
    Prompt,
    id=TEXT,
    text=TEXT,
    category=st.none() | TEXT,
    is_synthetic_probe=st.none() | st.booleans(),
    system=st.none() | TEXT,
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def as_row(prompt):
    row = {"id": prompt.id, "prompt": prompt.text, "category": prompt.category, "system": prompt.system}
    return row | {"is_synthetic_probe": prompt.is_synthetic_probe}


@QUICK
@given(
    rows=st.lists(
        st.tuples(PROMPTS, st.dictionaries(TEXT.map("x{}".format), SCALAR | st.lists(SCALAR))), min_size=1, max_size=5
    ),
    ascii_only=st.booleans(),
    name=st.sampled_from(["p.json", "p.jsonl"]),
)
def test_json_round_trips(prompt_file, rows, ascii_only, name):
    lines = [json.dumps(as_row(prompt) | extra, ensure_ascii=ascii_only) for prompt, extra in rows]
    text = "\n".join(lines) if name == "p.jsonl" else "[" + ",\n".join(lines) + "]"
    read = list(open_prompts(prompt_file(name, text)))
    assert [(as_row(prompt), prompt.metadata) for prompt in read] == [(as_row(prompt), extra) for prompt, extra in rows]


@QUICK
@given(
    prompts=st.lists(PROMPTS, min_size=1, max_size=5),
    extra=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    # The writer leaves a carriage return unquoted where lines end without one.
    style=st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_csv_round_trips(prompt_file, prompts, extra, style):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*as_row(prompts[0]), "note"], lineterminator=style[0], quoting=style[1])
    writer.writeheader()
    writer.writerows(as_row(prompt) | {"note": extra} for prompt in prompts)
    read = list(open_prompts(prompt_file("p.csv", text.getvalue())))
    assert list(map(as_row, read)) == list(map(as_row, prompts))
    assert all(prompt.metadata == ({"note": extra} if extra else {}) for prompt in read)
