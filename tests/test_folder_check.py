from __future__ import annotations

from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from harness import folder_check
from harness.config import RunConfig, expand
from harness.findings import Level, Report
from harness.folder_check import examine_folder
from harness.prompts import PromptSurvey

GB = 10**9


@pytest.fixture
def look(tmp_path, monkeypatch):
    """What is found of the disks; `free` says how many bytes each of them has, by its folder's name."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))

    def run(free, fetch_bytes=0, prompts=1000):
        monkeypatch.setattr(folder_check.shutil, "disk_usage", lambda path: SimpleNamespace(free=free[path.name]))
        config = RunConfig.model_validate({"models": [{"name": "m", "type": "openai"}], "max_tokens": 100})
        report = Report(survey=PromptSurvey(prompts, {}, 0, 0, "0"))
        examine_folder(tmp_path / "out", config, expand(config), report, fetch_bytes)
        return [finding for finding in report.findings if finding.subject == "disk"]

    return run


@pytest.fixture
def two_disks(monkeypatch):
    """The cache is on a disk of its own."""
    plain = folder_check.Path.stat

    def stat(self, **options):
        found = plain(self, **options)
        return SimpleNamespace(st_dev=-1, st_mode=found.st_mode) if self.name == "cache" else found

    monkeypatch.setattr(folder_check.Path, "stat", stat)


def test_room_for_the_answers_is_told(look):
    [found] = look({"out": 5 * GB})

    assert found.level is Level.OK
    assert "5.0 GB free" in found.message
    assert "3 MB needed for the answers" in found.message


def test_too_little_room_for_the_answers_is_a_problem(look):
    [found] = look({"out": 1_000_000})

    assert found.level is Level.PROBLEM
    assert "--output DIR" in found.message


def test_one_disk_has_to_hold_the_answers_and_the_weights(look):
    [found] = look({"out": 5 * GB}, fetch_bytes=6 * GB)

    assert found.level is Level.PROBLEM
    assert "6.0 GB needed for weights to fetch" in found.message
    assert "HF_HOME" in found.message


def test_a_disk_of_the_weights_own_is_looked_at_by_itself(look, two_disks):
    cache, out = look({"out": 5 * GB, "cache": 7 * GB}, fetch_bytes=6 * GB)
    assert (cache.level, out.level) == (Level.OK, Level.OK)
    assert "7.0 GB free" in cache.message

    cache, out = look({"out": 5 * GB, "cache": 1 * GB}, fetch_bytes=6 * GB)
    assert (cache.level, out.level) == (Level.PROBLEM, Level.OK)
    assert "HF_HOME" in cache.message
    assert "to fetch" not in out.message
