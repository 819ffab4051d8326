from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from harness.config import RunConfig, expand
from harness.errors import ModelUnavailable
from harness.findings import Level, Report
from harness.local.checks import inspection
from harness.local.checks.remote import Remote
from harness.local.demo import demo_model_path
from harness.local_check import _samples, examine_local, first_day
from harness.manifest import Manifest
from harness.schema import Message, Prompt

DEMO = {"name": "demo", "type": "local", "model_path": "demo", "device": "cpu"}
HUB = {"name": "org/name", "type": "local", "device": "cpu"}
GB = 10**9
PROMPTS = [Prompt("p1", "Is it so?"), Prompt("p2", "Is it so, and why, and since when?")]


@pytest.fixture
def nothing_cached(monkeypatch):
    monkeypatch.setattr(inspection, "cached_folder", lambda spec: None)


def look(*models, prompts=PROMPTS, thorough=True, day=None, ask_hub=None, **shared):
    """The report on local models, and the bytes that are to be fetched for them."""
    report = Report()
    lanes = expand(RunConfig.model_validate({"models": models, "max_tokens": 16, **shared}))
    fetched = examine_local(lanes, prompts, report, thorough=thorough, day=day, ask_hub=ask_hub)
    return report, fetched


def about(report, subject):
    return [finding for finding in report.findings if finding.subject == subject]


def test_a_local_model_is_looked_at_whole():
    report, fetched = look(DEMO)

    assert [finding.subject for finding in report.findings] == ["device", "local", "template", "context", "memory"]
    assert {finding.level for finding in report.findings} == {Level.OK}
    assert fetched == 0


def test_a_model_on_a_cluster_is_looked_at_there():
    assert look({**DEMO, "executor": "ray", "device": "cuda"}) == (Report(), 0)
    report, _ = look({**HUB, "executor": "ray"}, DEMO, ask_hub=lambda spec: pytest.fail("asked"))
    assert {finding.message.partition(":")[0] for finding in about(report, "local")} == {"demo"}


def test_variants_that_read_alike_are_looked_at_once():
    report, _ = look(DEMO, temperature=[0.0, 0.7, 1.0], repeats=3)

    assert [len(about(report, subject)) for subject in ("device", "local", "template", "memory")] == [1, 1, 1, 1]


def test_what_reads_differently_is_looked_at_each_by_itself():
    report, _ = look({**DEMO, "label": "plain"}, {**DEMO, "label": "brief", "system": "Be brief."})

    plain, brief = about(report, "template")
    assert plain.message.startswith("plain: ")
    assert brief.message.startswith("brief: ")
    assert "Be brief." in brief.message
    assert len(about(report, "memory")) == 1


def test_the_start_of_a_run_loads_no_tokenizer(monkeypatch):
    from harness.local.checks import preview

    monkeypatch.setattr(preview, "load_tokenizer", lambda *args: pytest.fail("loaded"))

    report, _ = look(DEMO, thorough=False)

    assert [finding.subject for finding in report.findings] == ["device", "local", "template", "memory"]


def test_a_template_that_asks_for_the_date_is_told_the_day_of_the_run(tmp_path):
    folder = shutil.copytree(demo_model_path(), tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }} {{ messages[0]['content'] }}")

    report, _ = look({**DEMO, "model_path": str(folder)}, day="2024-12-01")

    assert "01 Dec 2024 Is it so?" in about(report, "template")[0].message


def test_the_day_of_a_run_is_the_one_on_which_its_folder_was_begun(tmp_path):
    replace(Manifest.new(), created_at="2024-12-01T23:59:59.000Z").write(tmp_path)

    assert first_day(tmp_path) == "2024-12-01"


@pytest.mark.parametrize("written", [None, "{}"], ids=["none", "no manifest"])
def test_a_run_that_has_yet_to_begin_begins_on_the_day_its_manifest_would_have(tmp_path, written):
    if written:
        (tmp_path / "run.json").write_text(written)

    assert first_day(tmp_path) == Manifest.new().created_at[:10]


def test_answers_that_no_context_holds_are_a_problem():
    report, _ = look(DEMO, max_tokens=10**9)

    [finding] = about(report, "context")
    assert finding.level is Level.PROBLEM


def test_a_tokenizer_that_cannot_be_loaded_is_a_problem(monkeypatch):
    from harness.local.checks import preview

    def fail(spec, folder):
        raise ModelUnavailable("It cannot be loaded. Fetch it again.")

    monkeypatch.setattr(preview, "load_tokenizer", fail)

    report, _ = look(DEMO)

    assert [finding.message for finding in report.problems] == ["It cannot be loaded. Fetch it again."]


def test_prompts_that_are_not_known_are_not_looked_at():
    report, _ = look(DEMO, prompts=None)

    assert about(report, "template") == about(report, "context") == []


def test_weights_that_several_variants_share_are_fetched_once(nothing_cached):
    remote = Remote(2000, 1500, {"BF16": 1000})

    report, fetched = look(HUB, {**HUB, "label": "half", "dtype": "bfloat16"}, ask_hub=lambda spec: remote)

    assert fetched == 1500
    assert [finding.message.partition(";")[0] for finding in about(report, "memory")] == [
        "org/name: its weights take 0.0 MB as float32",
        "org/name: its weights take 0.0 MB as bfloat16",
    ]


def test_weights_on_the_hub_that_no_memory_holds_are_a_problem_before_they_are_fetched(nothing_cached):
    report, _ = look(HUB, ask_hub=lambda spec: Remote(10**18, 10**18, {"BF16": 10**18}))

    [finding] = about(report, "memory")
    assert finding.level is Level.PROBLEM


def test_a_repository_that_may_not_be_fetched_is_a_problem_and_needs_no_room(nothing_cached):
    def gated(spec):
        raise ModelUnavailable(f"{spec.source} is gated. Accept its terms.")

    report, fetched = look(HUB, ask_hub=gated)

    assert ["gated" in finding.message for finding in report.problems] == [True]
    assert fetched == 0


def test_memory_is_no_matter_where_the_device_is_not_there():
    report, _ = look({**DEMO, "device": "cuda:99"})

    assert about(report, "device")[0].level is Level.PROBLEM
    assert about(report, "memory") == []


@pytest.fixture
def two_gpus(monkeypatch):
    """A machine with a busy GPU and an idle one."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: ((8 + 12 * device.index) * GB, 24 * GB))


def test_it_is_said_where_each_model_goes_and_what_is_free_there(nothing_cached, two_gpus):
    remotes = {"org/large": Remote(28 * GB, 0), "org/middle": Remote(15 * GB, 0), "org/small": Remote(8 * GB, 0)}
    models = [{"name": name, "type": "local"} for name in remotes]

    report, _ = look(*models, ask_hub=lambda spec: remotes[spec.source])

    assert [finding.message for finding in about(report, "device")] == [
        "cuda:0 (8.0 GB of 24.0 GB are free): org/large.",
        "cuda:1 (20.0 GB of 24.0 GB are free): org/middle, then org/small.",
    ]


def test_weights_are_held_against_the_memory_of_the_device_they_go_to(nothing_cached, two_gpus):
    models = [{"name": name, "type": "local"} for name in ("org/a", "org/b")]

    report, _ = look(*models, ask_hub=lambda spec: Remote(14 * GB, 0, {"BF16": 7 * GB}))

    on_the_busy_one, on_the_idle_one = (
        finding for finding in about(report, "memory") if "pass through" not in finding.message
    )
    assert on_the_busy_one.level is Level.WARNING
    assert "free on cuda:0" in on_the_busy_one.message
    assert on_the_idle_one.level is Level.OK
    assert "free on cuda:1" in on_the_idle_one.message


def test_a_torch_that_cannot_be_imported_is_a_problem_of_auto(monkeypatch):
    from harness.local import placement

    def broken(specs):
        raise ImportError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(placement, "auto_devices", broken)

    report, _ = look({**DEMO, "device": "auto"}, thorough=False)

    [problem] = report.problems
    assert "libcudart" in problem.message


def test_slots_that_are_left_to_the_memory_are_told():
    report, _ = look(DEMO)

    [finding] = about(report, "memory")
    assert "room for 16 of the longest answers at a time" in finding.message


def test_what_a_setting_lacks_is_found_before_a_run(monkeypatch):
    from harness.local.checks import extras

    monkeypatch.setitem(extras.lacking.__kwdefaults__, "installed", lambda module: False)
    model = {"name": "m", "type": "local", "device": "cpu", "model_path": str(demo_model_path())}

    report, _ = look({**model, "quantization": "int8", "attn_implementation": "flash_attention_2"}, thorough=False)

    asked = [finding.message.partition(" ")[2].partition(":")[0] for finding in report.problems]
    assert asked == ["quantization", "attn_implementation"]


def test_the_first_of_each_kind_and_the_longest_prompts_are_looked_at():
    talk = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    kinds = [Prompt("first", "x"), Prompt("system", "x", system="S"), Prompt("talk", "c", messages=talk)]
    # In bytes the last one is the longest.
    many = [Prompt(f"p{index}", "y" * (100 + index)) for index in range(100)]

    samples = _samples([*kinds, *many, Prompt("wide", "長" * 100)])

    names = [prompt.id for prompt in samples]
    assert names[:4] == ["first", "system", "talk", "wide"]
    assert len(names) == len(set(names)) == 3 + 32
    assert "p99" in names
