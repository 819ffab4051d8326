from __future__ import annotations

import hashlib

import pytest

from harness.errors import PromptFileError
from harness.prompts import Choice, choose, open_prompts, survey
from harness.tokens import estimated_tokens

TABLE = """id,category,prompt,is_synthetic_probe,system
1,a,one,true,
2,b,three,false,be brief
3,a,five5,,
,a,seven77,true,
,,nine,0,
"""


def test_counts_what_a_file_holds(prompt_file):
    path = prompt_file("p.csv", TABLE)
    found = survey(open_prompts(path))
    assert found.count == 5
    assert found.categories == {"a": 3, "b": 1, None: 1}
    assert (found.synthetic, found.real, found.unknown) == (2, 2, 1)
    assert found.strata["a", True] == 2
    assert found.without_id == 2
    assert found.characters == len("onethreefive5seven77nine" + "be brief")
    assert found.longest == estimated_tokens(["three", "be brief"])
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_all_turns_count_as_characters(prompt_file):
    turns = '[{"role":"user","content":"ab"},{"role":"assistant","content":"cd"},{"role":"user","content":"e"}]'
    assert survey(open_prompts(prompt_file("p.jsonl", f'{{"messages":{turns}}}'))).characters == 5


def test_a_limit_reads_no_further_but_hashes_the_whole_file(prompt_file):
    path = prompt_file("p.jsonl", '"one"\n"two"\n"one"\n{broken')
    found = choose(open_prompts(path), Choice(first=2))[1]
    assert found.count == 2
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "text", "line", "problem"),
    [
        (
            "p.csv",
            'id,prompt\na,"x\ny"\nb,x\na,y\n',
            5,
            "this row has the id 'a', which line 2 has already: change one, or remove a row.",
        ),
        (
            "p.json",
            '[{"id": "a", "prompt": "x"},\n{"id": "b", "prompt": "x"},\n{"id": "a", "prompt": "z"}]',
            3,
            "prompt 3 has the id 'a', which prompt 1 (line 1) has already: change one, or remove a row.",
        ),
        ("p.jsonl", '{"id": 1, "prompt": "x"}\n{"id": "1", "prompt": "y"}', 2, "this row has the id '1', which line 1"),
        (
            "p.jsonl",
            '"x"\n"y"\n"x"\n',
            3,
            "this row has no id and says the same as line 1, so that both would get the id p-",
        ),
    ],
)
def test_a_duplicate_id_names_both_places(prompt_file, name, text, line, problem):
    with pytest.raises(PromptFileError) as caught:
        survey(open_prompts(prompt_file(name, text)))
    assert caught.value.line == line
    assert problem in caught.value.problem


def test_an_id_equal_to_another_rows_hash_is_a_duplicate(prompt_file):
    (prompt,) = open_prompts(prompt_file("one.jsonl", '"x"'))
    source = open_prompts(prompt_file("two.jsonl", f'"x"\n{{"id": "{prompt.id}", "prompt": "y"}}'))
    with pytest.raises(PromptFileError, match="which line 1 has already"):
        survey(source)
