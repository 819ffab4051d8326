"""What every unusable file is answered with: its line, and a sentence that says what to do."""

from __future__ import annotations

import pytest

from harness.errors import PromptFileError
from harness.prompts import decoding, json_document, open_prompts, survey


def refusal(path):
    with pytest.raises(PromptFileError) as caught:
        survey(open_prompts(path))
    assert str(caught.value).startswith(str(path))
    assert caught.value.problem.endswith((".", "NEW"))
    return caught.value


DEEP = "[" * 300 + "]" * 300
DEEPER = "[" * 100_000 + "]" * 100_000
TURN = '{"role": "user", "content": "q"}'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": "a", "prompt": "x"', "this row is not valid JSON: Expecting ',' delimiter, column 26."),
        ('{"prompt": "x"} {"prompt": "y"}', 'goes on after its JSON value with \' {"prompt": "y"}\''),
        ('{"prompt": "x", "n": NaN}', "holds NaN, which is not JSON: write null"),
        ('{"prompt": "x", "n": -Infinity}', "holds -Infinity, which is not JSON"),
        ('{"prompt": "x", "n": 1e999}', "holds the number 1e999, which is too large for a float"),
        ('{"prompt": "x", "n": 123456789012345678901}', "holds in 'n' what a result cannot carry"),
        ('{"prompt": "x", "n": ' + "9" * 5000 + "}", "holds an integer of thousands of digits"),
        ('{"prompt": "x", "n": ' + DEEP + "}", "holds in 'n' what a result cannot carry"),
        ('{"prompt": "x", "n": ' + DEEPER + "}", "is nested too deeply: flatten it."),
        (r'{"prompt": "half \ud800 pair"}', "holds in 'prompt' what a result cannot carry"),
        (r'{"prompt": "x", "\udc00": 1}', r"holds in '\udc00' what a result cannot carry"),
        (r'{"prompt": "nul \u0000"}', "holds a NUL character"),
        (r'{"prompt": "x", "note": ["\u0000"]}', "holds a NUL character"),
        ("3", "is the number 3, not an object or a string"),
        ("null", "is null, not an object or a string"),
        ("[]", "is a list, not an object or a string"),
        ('""', 'has no prompt: give "prompt"'),
        ('{"id": "a"}', 'has no prompt: give "prompt" (or "text", "question", "input", "messages")'),
        ('{"prompt": " \\n"}', 'has no prompt: give "prompt"'),
        ('{"prompt": null, "category": "c"}', 'has no prompt: give "prompt"'),
        ('{"question": 3}', 'has the number 3 as "question": write text'),
        ('{"prompt": ["x"]}', 'has a list as "prompt"'),
        ('{"prompt": "x", "id": ""}', 'has an empty "id": fill it, or leave the field out'),
        ('{"prompt": "x", "id": 1.5}', 'has the number 1.5 as "id": write text or a whole number'),
        ('{"prompt": "x", "prompt_id": true}', 'has true as "prompt_id"'),
        ('{"prompt": "x", "category": 4.5}', 'has the number 4.5 as "category"'),
        ('{"prompt": "x", "system": {}}', 'has an object as "system"'),
        ('{"prompt": "x", "is_synthetic_probe": "yes"}', "has the text 'yes' as is_synthetic_probe"),
        ('{"prompt": "x", "is_synthetic_probe": 1}', "has the number 1 as is_synthetic_probe"),
        ('{"messages": "hi"}', "has the text 'hi' as \"messages\": write a list"),
        ('{"messages": []}', 'has "messages" that do not end with a user turn'),
        ('{"messages": ["hi"]}', "has the text 'hi' as message 1"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', "has the role 'tool' in message 1"),
        ('{"messages": [{"role": ["user"], "content": "x"}]}', "has the role ['user'] in message 1"),
        ('{"messages": [{"role": "user"}]}', "has null as the content of message 1"),
        ('{"messages": [{"role": "user", "content": ""}]}', "has an empty message 1"),
        ('{"messages": [{"role": "user", "content": "x", "name": "n"}]}', "has 'name' in message 1, which would not"),
        (f'{{"messages": [{TURN}, {{"role": "assistant", "content": "x"}}]}}', "do not end with a user turn"),
        ('{"messages": [{"role": "system", "content": "x"}]}', "do not end with a user turn"),
        (
            '{"messages": [{"role": "system", "content": "x"}, {"role": "system", "content": "y"}, ' + TURN + "]}",
            "has a system turn as message 2: a system text comes first, and once.",
        ),
        ('{"system": "x", "messages": [{"role": "system", "content": "y"}, ' + TURN + "]}", "that differ: keep one"),
        (f'{{"prompt": "x", "messages": [{TURN}]}}', "whose last turn differs from it"),
    ],
)
def test_a_bad_row_names_its_line(prompt_file, line, problem):
    error = refusal(prompt_file("p.jsonl", f'"fine"\r\n\r\n{line}\r\n"fine too"\r\n'))
    assert error.line == 3
    assert problem in error.problem


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('{"prompts": [\n{"prompt": "x"},\n{"id": "b"}]}', 3, 'prompt 2 has no prompt: give "prompt"'),
        ('["x",\n{"prompt": "x", "n": NaN}]', 2, "prompt 2 holds NaN"),
        ('["x",\n[' + DEEPER + "]]", 2, "prompt 2 is nested too deeply"),
        (r'["half \ud83d pair"]', 1, "prompt 1 holds in 'prompt' what a result cannot carry"),
        ('[\n"x"\n"y"\n]', 3, "the JSON is broken: ',' or ']' was expected here, not '\"'."),
        ('["x",\n]', 2, "the JSON is broken here (Expecting value)."),
        ('[{"prompt": "x",\n\n "id" "a"}]', 3, "the JSON is broken here (Expecting ':' delimiter)."),
        ('["x",\n"y', 2, "the JSON is broken here (Unterminated string starting at)."),
        ('["x"\n', 2, "',' or ']' was expected here, not the end of the file."),
        ('["x"]\n]', 2, "text follows the end of the JSON document"),
        ("3", 1, "a JSON prompt file is a list, or an object"),
        ('{"prompts": {"a": "x"}}', 1, '"prompts" must be one list of prompts.'),
        ('{"prompts": ["x"],\n"prompts": ["y"]}', 2, '"prompts" must be one list of prompts.'),
        ('{"prompts": ["x"],\n}', 2, "a key in double quotes was expected here."),
        ('{"prompts"\n= []}', 2, "':' was expected here, not '='."),
        ('{"prompts": ["x"]\n"a": 1}', 2, "',' or '}' was expected here"),
        ('{"metadata": {"n": NaN}}', 1, "the value of 'metadata' holds NaN"),
        ('{"id": "a", "prompt": "x"}\n{"id": "b", "prompt": "y"}\n', 1, "its keys: 'id', 'prompt'"),
        ("{}", 1, 'this JSON object has no "prompts" list (its keys: none).'),
    ],
)
def test_bad_json_names_the_line_and_the_prompt(prompt_file, text, line, problem):
    error = refusal(prompt_file("p.json", text))
    assert error.line == line
    assert problem in error.problem


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("id,prompt\na,b\n\nc,d,e\n", 4, "has 3 cells under a header of 2: put a cell that holds a comma"),
        ('id,prompt\na,b\nc,"d\ne,f\n', 3, "the record that begins on this line cannot be read (unexpected end of"),
        ('id,prompt\na,"b" c\n', 2, "close every quotation mark, double those inside a quoted cell"),
        ("id,prompt\ra,b\r", 1, "the record that begins on this line cannot be read (new-line character"),
        (
            "name,value\na,b\n",
            1,
            "the header has no column \"prompt\" (or text, question, input, messages); it has 'name'",
        ),
        ("id,prompt,id\na,b,c\n", 1, "the header has the column 'id' twice: rename one."),
        ("id,prompt\na,\n", 2, 'has no prompt: give "prompt"'),
        ("id,prompt,text\na,,b\n", 2, 'has no prompt: give "prompt"'),
        ("id,prompt\na\n", 2, 'has no prompt: give "prompt"'),
        (
            "prompt,is_synthetic_probe\na,maybe\n",
            2,
            "has 'maybe' as is_synthetic_probe: write true, false, or nothing.",
        ),
        ("messages\nhello\n", 2, "has messages that are not JSON"),
        ("prompt\na\0b\n", 2, "holds a NUL character"),
    ],
)
def test_a_bad_table_names_the_line_on_which_the_record_begins(prompt_file, text, line, problem):
    error = refusal(prompt_file("p.csv", text))
    assert error.line == line
    assert problem in error.problem


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.json", b'["x",\n"y",\n"caf\xe9"]'),
        ("p.jsonl", b'"x"\n"y"\n"caf\xe9"\n'),
        ("p.csv", b"prompt\nx\ncaf\xe9\n"),
        ("p.json", b'["x",\n"y",\n"caf\xc3'),
    ],
)
def test_invalid_utf8_names_its_line(prompt_file, name, content):
    error = refusal(prompt_file(name, content))
    assert error.line == 3
    assert "is not valid UTF-8. Save the file as UTF-8" in error.problem


def test_invalid_utf8_far_into_a_document_names_its_line(prompt_file):
    many = b"".join(b'"%0300d",\n' % number for number in range(2000))
    assert refusal(prompt_file("p.json", b"[\n" + many + b'"\xff"]')).line == 2002


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(prompt_file, encoding):
    error = refusal(prompt_file("p.csv", "\ufeffprompt\nx\n".encode(encoding)))
    assert error.problem.startswith("the file is UTF-16. Save it as UTF-8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", ""),
        ("p.json", "[]"),
        ("p.json", '{"prompts": []}'),
        ("p.jsonl", "\n \n"),
        ("p.csv", "id,prompt\n\n"),
        ("p.csv", ""),
        ("p", ""),
        ("p.json", "\ufeff"),
    ],
)
def test_a_file_without_prompts_is_refused(prompt_file, name, text):
    assert "holds no prompts. Add some" in refusal(prompt_file(name, text)).problem


def test_a_folder_is_refused(tmp_path):
    assert "is not a regular file" in refusal(tmp_path).problem


def test_values_in_messages_are_escaped_and_cut_short(prompt_file):
    long = refusal(prompt_file("p.jsonl", '{"messages": "' + "x" * 10_000 + '"}'))
    assert len(long.problem) < 250
    hostile = refusal(prompt_file("p.jsonl", r'{"messages": [{"role": "\u001b[2J\u202e", "content": "x"}]}'))
    assert hostile.problem.isprintable()


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_an_endless_line_is_refused_before_it_fills_memory(prompt_file, name, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_ROW", 1000)
    error = refusal(prompt_file(name, "prompt\n" * (name == "p.csv") + '"' + "x" * 2000 + '"\n'))
    assert "this line is longer than" in error.problem


def test_an_endless_json_value_is_refused_before_it_fills_memory(prompt_file, monkeypatch):
    monkeypatch.setattr(json_document, "MAX_ROW", 1000)
    error = refusal(prompt_file("p.json", '["' + "x" * 2_000_000 + '"]'))
    assert "or one value is longer than" in error.problem
