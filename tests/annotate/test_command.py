"""The command as a process: what it prints, how it ends, who else is refused."""

from __future__ import annotations

import signal
import stat
import urllib.request
from urllib.error import HTTPError

import pytest

from harness.annotate import annotate_command
from harness.errors import JournalLockedError, UsageError
from harness.journal.lock import folder_lock


def _get(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


def test_it_serves_what_it_prints_until_ctrl_c_and_ends_with_0(make_run, start_annotating):
    folder = make_run(4)
    served = start_annotating(folder, sample=2)

    assert served.url.startswith("http://127.0.0.1:")
    assert _get(served.url) == 200
    assert _get(served.adjudicate_url) == 200
    assert _get(served.url[:-1]) == 403
    assert _get(served.url, Host="evil.example") == 403

    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(timeout=15) == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.name != "results.jsonl"}
    assert modes == dict.fromkeys(["annotate.json", "annotate.lock", "annotations.jsonl", "rubric.yaml"], 0o600)


def test_a_second_annotator_is_refused_with_the_pid_of_the_first(make_run, start_annotating):
    folder = make_run(4)
    served = start_annotating(folder)

    with pytest.raises(JournalLockedError, match=f"being written by process {served.process.pid}"):
        annotate_command(folder, port=0)


def test_a_run_may_hold_the_folder_meanwhile(make_run, start_annotating):
    folder = make_run(4)
    with folder_lock(folder):
        assert _get(start_annotating(folder).url) == 200


def test_every_start_has_a_token_of_its_own(make_run, start_annotating):
    folder = make_run(4)
    first = start_annotating(folder)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(timeout=15) == 0
    second = start_annotating(folder)

    assert first.url.partition("token=")[2] != second.url.partition("token=")[2]
    assert len(second.url.partition("token=")[2]) >= 43


def test_a_folder_without_results_is_refused_and_left_as_it_is(tmp_path):
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        annotate_command(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_another_machines_host_is_refused(make_run):
    with pytest.raises(UsageError, match=r"--host 0\.0\.0\.0"):
        annotate_command(make_run(2), host="0.0.0.0")


def test_a_missing_library_names_the_install_command(make_run, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else object())

    with pytest.raises(UsageError, match=r"annotate needs uvicorn: run `pip install -c constraints\.txt -e"):
        annotate_command(make_run(2))
