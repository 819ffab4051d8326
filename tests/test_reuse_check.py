"""Which folders answers may be taken from, and what is said of those that they may not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.config import RunConfig, expand
from harness.digests import digest16
from harness.findings import Level, Report
from harness.plan import requests_for
from harness.reuse_check import examine_reusable, examine_reuse
from harness.schema import Prompt
from harness.shard import WHOLE, Shard

PROMPTS = [Prompt(f"p{number}", f"question {number}") for number in range(6)]


def line(item: str) -> str:
    return f'{{"item_id":"{item}","schema_version":1,"full_response":"x","error_detail":null,"error":null}}\n'


@pytest.fixture
def lanes():
    return expand(RunConfig.model_validate({"models": [{"name": "m", "type": "openai"}]}))


@pytest.fixture
def run_of(tmp_path, monkeypatch, lanes):
    """Makes a folder with an answer to the first prompts."""
    monkeypatch.chdir(tmp_path)

    def make(name, count=1):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        items = [one.item_id for one in requests_for(lanes[0].variant, 42, PROMPTS)][:count]
        (folder / "results.jsonl").write_text("".join(map(line, items)))
        return folder

    return make


@pytest.fixture
def examine(tmp_path):
    def look(*names, config_path=None, own="out"):
        report = Report()
        examine_reuse(names, config_path, tmp_path / own, report)
        return report

    return look


def problem(report):
    [finding] = report.findings
    assert (finding.level, finding.subject, report.reuse) == (Level.PROBLEM, "reuse", {})
    return finding.message


def test_a_run_is_found_in_the_working_folder_or_else_beside_the_config(run_of, examine, tmp_path):
    here, beside = run_of("out/a"), run_of("study/out/b")
    report = examine("out/a", "out/b", config_path=tmp_path / "study" / "c.yaml")
    assert report.findings == []
    assert {name: path.resolve() for name, path in report.reuse.items()} == {"out/a": here, "out/b": beside}
    assert "there is no folder out/b" in problem(examine("out/b"))


def test_a_home_folder_may_be_a_tilde(run_of, examine, monkeypatch, tmp_path):
    folder = run_of("home/runs/a")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert examine("~/runs/a").reuse == {"~/runs/a": folder}
    assert "~nobody-of-this-name/a" in problem(examine("~nobody-of-this-name/a"))


def test_what_is_no_run_is_refused(run_of, examine, tmp_path):
    run_of("a")
    (tmp_path / "empty").mkdir()
    assert "there is no folder b. Name a folder that a run wrote" in problem(examine("b"))
    assert "a/results.jsonl is a file" in problem(examine("a/results.jsonl"))
    assert "there is no results.jsonl in empty" in problem(examine("empty"))
    assert "cannot be read" in problem(examine("x" * 300))


@pytest.mark.parametrize("name", ["out", "./out/", "a/../out", "link", "twin"])
def test_the_runs_own_folder_is_refused_by_whatever_name(run_of, examine, tmp_path, name):
    run_of("out")
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "results.jsonl").symlink_to("../out/results.jsonl")
    assert f"{name} is the folder that this run writes to" in problem(examine(name))


def test_the_folder_that_fresh_begins_beside_is_another_one(run_of, examine):
    folder = run_of("out")
    assert examine("out", own="out-2").reuse["out"].resolve() == folder


def test_a_corrupt_line_is_named_with_the_way_out(run_of, examine):
    folder = run_of("a", 2)
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    (folder / "results.jsonl").write_text(lines[0] + "{half\n" + lines[1])
    told = problem(examine("a"))
    assert "a/results.jsonl, line 2: the line is not JSON" in told
    assert "The command that made a, given again with --repair" in told


def test_a_torn_tail_and_an_empty_journal_are_those_of_a_run_that_goes_on(run_of, examine):
    folder = run_of("a", 2)
    (folder / "results.jsonl").write_text((folder / "results.jsonl").read_text()[:-9])
    run_of("b", 0)
    assert list(examine("a", "b").reuse) == ["a", "b"]


def test_a_folder_counts_once_under_its_first_name(run_of, examine, tmp_path):
    run_of("a")
    (tmp_path / "link").symlink_to("a")
    assert list(examine("a", "./a", "link").reuse) == ["a"]


@pytest.fixture
def counted(run_of, lanes, tmp_path):
    """What is said of folders with answers to so many prompts."""

    def look(*counts, own=0, shard=WHOLE, wanted=None):
        report = Report(prompts=PROMPTS, survey=SimpleNamespace(count=len(PROMPTS)))
        report.reuse = {f"r{number}": run_of(f"r{number}", count) for number, count in enumerate(counts)}
        run_of("out", own)
        examine_reusable(wanted or lanes, tmp_path / "out", report, shard)
        return [(finding.level, finding.message) for finding in report.findings]

    return look


def test_what_each_folder_has_of_what_is_left_is_counted(counted):
    assert counted(4, 6, own=1) == [
        (Level.OK, "answers to 3 of 6 items will be taken from r0."),
        (Level.OK, "answers to 2 of 6 items will be taken from r1."),
    ]


def test_a_folder_that_has_nothing_of_it_is_noted(counted):
    [(level, told)] = counted(2, own=2)
    assert level is Level.NOTE
    assert told == (
        "none of the 2 answers in r0 is to an item that is left to do: the same item is the same prompt id, text, model, "
        "parameters and seed."
    )


def test_what_lacks_evidence_is_noted_with_the_reason(counted):
    model = {"name": "m", "type": "openai", "logprobs": {"top": 1}}
    wanted = expand(RunConfig.model_validate({"models": [model]}))
    [(level, told)] = counted(2, wanted=wanted)
    assert level is Level.NOTE
    assert told.startswith("answers to 0 of 6 items will be taken from r0;")
    assert told.endswith("; 2 left out and asked again: 2 without logprobs.")


def test_a_shard_counts_its_own(counted, lanes):
    shard = Shard(1, 2)
    ours = sum(bytes.fromhex(one.item_id) in shard for one in requests_for(lanes[0].variant, 42, PROMPTS))
    [(_, told)] = counted(6, shard=shard)
    assert 0 < ours < 6
    assert told.startswith(f"answers to {ours} of {ours} items")


def test_a_journal_of_its_own_that_is_corrupt_is_left_to_whoever_looks_at_it(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text("x\n" + line(digest16("x").hex()))
    report = Report(prompts=PROMPTS, survey=SimpleNamespace(count=6))
    report.reuse = {"a": tmp_path}
    examine_reusable([], tmp_path / "out", report, WHOLE)
    assert report.findings == []
