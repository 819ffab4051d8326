from __future__ import annotations

import json

import pytest

from harness.analysis.report.facts import run_facts


def test_the_command_can_be_pasted(tmp_path, manifest):
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    facts, note = run_facts(tmp_path)
    assert note is None
    assert facts["invocations"][0]["command"] == "harness run --output 'my out'"
    assert (facts["run_id"], facts["description"], facts["prompts"]["count"]) == ("abc123", "A small run", 2)


def test_nothing_that_is_not_named_comes_along(tmp_path, manifest):
    manifest["config"]["models"] = [{"api_key": "sk-planted", "base_url": "https://user:planted@host"}]
    manifest["invocations"][0]["environment"] = {"KEY": "sk-planted"}
    manifest["extra"] = "planted"
    (tmp_path / "run.json").write_text(json.dumps(manifest))
    assert "planted" not in json.dumps(run_facts(tmp_path))


def test_a_run_without_a_manifest_has_no_facts(tmp_path):
    assert run_facts(tmp_path) == (None, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run_id": "x"', '{"run_id":1,"created_at":1,"config":[]}'])
def test_a_damaged_manifest_costs_no_report(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    facts, note = run_facts(tmp_path)
    assert facts is None
    assert "is not a run's manifest" in note
