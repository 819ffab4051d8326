from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from harness.analysis.export import export_command
from harness.analysis.export.label_studio_config import labelling_config
from harness.analysis.rubric import parse_rubric, read_rubric
from harness.errors import UsageError

HIDDEN_GOLD = "name: r\ngold: hidden\nfields: [{name: ok, type: choice, options: [{value: 'yes'}, {value: 'no'}]}]\n"


def export(folder, **facts):
    export_command(folder, form="label-studio", **facts)
    target = folder / "export" / "label-studio"
    return json.loads((target / "tasks.json").read_text()), ET.fromstring((target / "labelling-config.xml").read_text())


def rubric_with(field):
    return parse_rubric(
        f"name: r\nfields:\n  - {{name: a, type: choice, options: [{{value: 'x, y'}}]}}\n  - {field}\n", "r"
    )


def test_tasks_tell_nothing_of_where_an_answer_comes_from(run_folder, make_record):
    records = [make_record(f"p{n}", model=model, temperature=0.7) for n in range(3) for model in ("GPT-X", "claude-y")]
    folder = run_folder(*records)
    tasks, _ = export(folder)
    assert [set(task) for task in tasks] == [{"data"}] * 6
    assert {frozenset(task["data"]) for task in tasks} == {frozenset(("item", "prompt", "answer", "gold"))}
    text = (folder / "export" / "label-studio" / "tasks.json").read_text()
    told = ["GPT-X", "claude-y", "0.7", "item_id", "variant", "run-1", *(record["item_id"] for record in records)]
    assert [word for word in told if word in text] == []


def test_the_key_leads_back(run_folder, make_record):
    records = [make_record(f"p{n}", text=f"answer {n}") for n in range(5)]
    folder = run_folder(*records)
    tasks, _ = export(folder)
    path = folder / "export" / "label-studio-key.json"
    key = json.loads(path.read_text())["items"]
    by_item = {record["item_id"]: record["full_response"] for record in records}
    assert {key[task["data"]["item"]]: task["data"]["answer"] for task in tasks} == by_item
    assert path.stat().st_mode & 0o777 == 0o600


def test_failures_are_no_tasks(run_folder, make_record):
    tasks, _ = export(run_folder(make_record(), make_record("p1", error="Overloaded.")))
    assert len(tasks) == 1


def test_a_later_export_keeps_the_ids(run_folder, make_record):
    folder = run_folder(make_record())
    [before], _ = export(folder)
    with (folder / "results.jsonl").open("a") as file:
        file.write(json.dumps(make_record("p1")) + "\n")
    after, _ = export(folder)
    assert before in after
    assert len(after) == 2


def test_gold_is_shown_only_where_the_rubric_does(run_folder, make_record):
    folder = run_folder(make_record())
    (folder / "rubric.yaml").write_text(HIDDEN_GOLD)
    [task], config = export(folder)
    assert set(task["data"]) == {"item", "prompt", "answer"}
    assert config.find(".//Text[@value='$gold']") is None
    assert "It is." not in json.dumps(task)


def test_simulated_answers_are_watermarked_where_they_are_shown(run_folder, make_record):
    tasks, config = export(run_folder(make_record(simulated=True), make_record("p1")))
    assert sorted(task["data"]["simulated"][:9] for task in tasks) == ["", "SIMULATED"]
    assert config.find(".//Header[@value='$simulated']") is not None


def test_hostile_answers_are_text_in_a_task(run_folder, make_record):
    text = "</Text>\x00<script>\u202e\u2028$gold" + "x" * 1_000_000
    [task], _ = export(run_folder(make_record(text=text)))
    assert task["data"]["answer"] == text


def test_every_field_of_the_rubric_is_a_control_with_its_options():
    root = ET.fromstring(labelling_config(read_rubric(), gold=True, simulated=False))
    objects = {one.get("name") for one in root.iter("Text")}
    controls = {one.get("name"): one for tag in ("Choices", "TextArea") for one in root.iter(tag)}
    rubric = read_rubric()
    assert set(controls) == {field.name for field in rubric.fields}
    assert {one.get("toName") for one in controls.values()} <= objects
    for field in rubric.fields:
        assert tuple(one.get("value") for one in controls[field.name]) == field.values
        assert (controls[field.name].get("required") == "true") is field.required
    assert controls["types"].get("choice") == "multiple"
    assert controls["severity"].get("choice") == "single"
    assert controls["notes"].tag == "TextArea"


def test_when_shows_and_keeps_a_field_only_then():
    root = ET.fromstring(labelling_config(read_rubric(), gold=True, simulated=False))
    condition = {"visibleWhen": "choice-selected", "whenTagName": "hallucination", "whenChoiceValue": "yes"}
    for name in ("types", "severity"):
        view = root.find(f".//View/Choices[@name='{name}']/..")
        assert view.attrib == condition
        assert condition.items() <= view.find("Choices").attrib.items()
    assert root.find("Choices[@name='citations']") is not None


def test_several_conditions_stand_inside_each_other():
    rubric = parse_rubric(
        "name: r\nfields:\n"
        "  - {name: a, type: choice, options: [{value: x}]}\n"
        "  - {name: b, type: choice, options: [{value: y}]}\n"
        "  - {name: c, type: text, when: {a: x, b: y}, guidance: '<&\"'}\n",
        "r",
    )
    root = ET.fromstring(labelling_config(rubric, gold=False, simulated=False))
    assert root.find("View[@whenTagName='a']/View[@whenTagName='b']/TextArea[@name='c']") is not None
    assert root.find(".//Header[@value='c: <&\"']") is not None


def test_an_option_that_label_studio_would_misread_is_refused():
    with pytest.raises(UsageError, match="as several options"):
        labelling_config(rubric_with("{name: b, type: text, when: {a: 'x, y'}}"), gold=False, simulated=False)
    with pytest.raises(UsageError, match="would look the option"):
        labelling_config(rubric_with("{name: b, type: multi, options: [{value: $gold}]}"), gold=False, simulated=False)
    assert labelling_config(rubric_with("{name: b, type: text}"), gold=False, simulated=False)


def test_a_folder_of_failures_has_nothing_to_label(run_folder, make_record):
    folder = run_folder(make_record(error="Overloaded."))
    with pytest.raises(UsageError, match="no answer to label"):
        export_command(folder, form="label-studio")
