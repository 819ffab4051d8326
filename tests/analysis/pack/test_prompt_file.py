from __future__ import annotations

import json

from harness.analysis.pack.prompt_file import prompts_of, rebuilt
from harness.prompt_template import PromptTemplate
from harness.prompts import Columns, FieldNames, open_prompts


def test_the_file_is_found_in_the_working_folder(folder):
    found = prompts_of(folder.manifest(), folder.path)
    assert found.name == "prompts/prompts.json"
    assert [prompt.id for prompt in found.source] == [f"p{number}" for number in range(6)]


def test_the_file_is_found_from_elsewhere_above_the_folder_or_beside_the_config(folder, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert prompts_of(folder.manifest(), folder.path).source is not None
    beside = tmp_path / "study"
    beside.mkdir()
    manifest = folder.manifest()
    folder.prompts.rename(beside / "prompts.json")
    assert prompts_of(manifest, folder.path).source is None
    for command in (["harness", "run", "--config", str(beside / "c.yaml")], ["harness", f"--config={beside}/c.yaml"]):
        manifest["invocations"][0]["command"] = command
        assert prompts_of(manifest, folder.path).source.path == beside / "prompts.json"


def test_a_file_that_changed_is_not_the_one_that_was_asked(folder):
    manifest = folder.manifest()
    folder.write_prompts([{"id": "p0", "prompt": "Something else?"}])
    found = prompts_of(manifest, folder.path)
    assert found.source is None
    assert found.name == "prompts/prompts.rebuilt.jsonl"


def test_columns_are_read_as_the_run_read_them(folder):
    folder.write_prompts([{"key": "k", "stem": "Is it so?"}])
    manifest = folder.manifest()
    manifest["prompts"] |= {"fields": {"id": "key"}, "prompt_template": "Q: {stem}"}
    [prompt] = prompts_of(manifest, folder.path).source
    assert (prompt.id, prompt.text) == ("k", "Q: Is it so?")


def read_again(folder, records, variants=(), **told) -> list:
    manifest = {"prompts": told, "variants": dict(variants)}
    path = folder / "rebuilt.jsonl"
    path.write_bytes(b"".join(rebuilt(records, manifest)))
    template = told.get("prompt_template")
    names = FieldNames(**told.get("fields", {}))
    return list(open_prompts(path, Columns(names, PromptTemplate.parse(template) if template else None)))


def test_rebuilt_prompts_are_those_of_the_records_each_once(folder, tmp_path):
    prompts = read_again(tmp_path, folder.records)
    assert [prompt.id for prompt in prompts] == [f"p{number}" for number in range(6)]
    assert prompts[5].text == "Is claim 5 true?"
    assert (prompts[5].category, prompts[5].is_synthetic_probe) == ("b", True)


def test_a_rebuilt_prompt_has_its_turns_its_own_system_text_and_its_metadata(folder, tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    one, other = folder.records[:2]
    one |= {"prompt": "c", "messages": turns, "system": "Be brief.", "prompt_metadata": {"gold": [1], "text": "t"}}
    other |= {"system": "Of the variant."}
    first, second = read_again(tmp_path, [one, other], {other["variant"]: {"system": "Of the variant."}})
    assert [(turn.role, turn.content) for turn in first.messages] == [(t["role"], t["content"]) for t in turns]
    assert (first.system, first.metadata) == ("Be brief.", {"gold": [1], "text": "t"})
    assert second.system is None


def test_metadata_that_would_be_read_as_what_is_asked_is_kept_apart(folder, tmp_path):
    record = folder.records[0] | {"prompt_metadata": {"system": "x", "question": "y", "messages": [], "gold": 1}}
    [prompt] = read_again(tmp_path, [record])
    assert (prompt.text, prompt.system, prompt.messages) == (record["prompt"], None, None)
    assert prompt.metadata == {"question": "y", "gold": 1, "row": {"system": "x", "messages": []}}


def test_a_rebuilt_prompt_stands_in_the_columns_and_fills_the_template_of_the_run(folder, tmp_path):
    record = folder.records[0] | {"prompt": "Q: Is it?", "prompt_category": None, "prompt_metadata": {"stem": "Is it?"}}
    fields = {"id": "key", "category": "topic"}
    [prompt] = read_again(tmp_path, [record], fields=fields, prompt_template="Q: {stem}")
    assert (prompt.id, prompt.text, prompt.category, prompt.metadata) == ("p0", "Q: Is it?", None, {"stem": "Is it?"})
    [prompt] = read_again(tmp_path, [record], fields={"prompt": "stem"})
    assert prompt.text == "Q: Is it?"


def test_the_lines_are_json(folder):
    [line, *_] = rebuilt(folder.records, folder.manifest())
    assert json.loads(line) == {
        "id": "p0",
        "prompt": "Is claim 0 true?",
        "category": "a",
        "is_synthetic_probe": False,
    }
