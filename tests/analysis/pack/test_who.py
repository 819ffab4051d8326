from __future__ import annotations

import os
import platform
import pwd

import pytest

from harness.analysis.pack.who import Machine, redactor_for

NOBODY = Machine((), (), (), (), ())


def cleaner(tmp_path, config=None, *, machine=NOBODY, commands=(), diary="", taken_from=()):
    manifest = {"config": config or {}, "invocations": [{"command": list(one)} for one in commands]}
    made = redactor_for(machine, tmp_path, manifest, diary, taken_from)
    return lambda text: made.text(text, "f", names=True)


def test_the_machine_is_told_by_its_account_environment_and_host(monkeypatch, tmp_path):
    account = pwd.struct_passwd(("alice", "x", 1, 1, "Alice Liddell,Room 1,,", "/data/homes/alice", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: account)
    monkeypatch.setattr(platform, "node", lambda: "box.cs.example.edu")
    monkeypatch.setenv("SUDO_USER", "bob")
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.chdir(tmp_path)
    machine = Machine.of_process()
    assert {"alice", "bob"} <= set(machine.users)
    assert machine.people == ("Alice Liddell",)
    assert {"box.cs.example.edu", "box"} <= set(machine.hosts)
    assert set(machine.homes) == {"/home/alice", "/data/homes/alice"}
    assert (str(tmp_path), "PROJECT") in machine.folders
    clean = cleaner(tmp_path, machine=machine)
    assert clean("Alice Liddell, alice, /data/homes/alice/x") == "PERSON, USER, HOME2/x"
    assert clean("box.cs.example.edu login.cs.example.edu") == "HOST login.DOMAIN"
    assert clean(f"{tmp_path}/out") == "PROJECT/out"


def test_an_account_that_the_system_does_not_know_is_no_error(monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "environ", {"HOME": "/"})
    machine = Machine.of_process()
    assert (machine.users, machine.people, machine.homes) == ((), (), ())


def test_users_of_homes_that_the_run_tells_of_are_replaced_by_themselves_too(tmp_path):
    clean = cleaner(tmp_path, {"models": [{"model_path": "/home/bob/w"}]}, diary='{"traceback":"/Users/carol/x"}')
    assert clean("/home/bob/w, /scratch/bob/y, /Users/carol/z, carol") == "HOME/w, /scratch/USER/y, HOME2/z, USER"


def test_folders_of_absolute_paths_in_config_and_command_are_replaced(tmp_path):
    config = {"output_dir": "/scratch/smithlab/run/out", "prompts_file": "/data/x.json"}
    clean = cleaner(tmp_path, config, commands=[["/usr/bin/python3", "--output=/scratch/jonesgroup/pilot/out"]])
    assert clean("/scratch/smithlab/run/out/results.jsonl") == "PATH/out/results.jsonl"
    assert clean("/scratch/jonesgroup/pilot/out") == "PATH2/out"
    assert clean("/data/x.json /usr/bin/python3") == "/data/x.json /usr/bin/python3"


def test_the_folder_that_tracebacks_come_from_is_replaced(tmp_path):
    diary = r'{"traceback":"File \"/srv/smithlab/tool/harness/runner.py\", line 3"}'
    assert cleaner(tmp_path, diary=diary)("/srv/smithlab/tool/x.py") == "PATH2/x.py"


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("https://llm.cs.example.edu/v1", "https://server-1.example/v1"),
        ("https://10.1.2.3:8000/v1", "https://server-1.example:8000/v1"),
        ("https://mylab.openai.azure.com/v1", "https://server-1.example/v1"),
        ("https://api.anthropic.com", "https://api.anthropic.com"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        ("https://notopenrouter.ai/api/v1", "https://server-1.example/api/v1"),
        ("http://127.0.0.1:8800", "http://127.0.0.1:8800"),
        ("http://localhost:1234/v1", "http://localhost:1234/v1"),
    ],
)
def test_servers_that_are_no_public_providers_are_replaced(tmp_path, url, cleaned):
    assert cleaner(tmp_path, {"models": [{"base_url": url}]})(url) == cleaned


def test_two_servers_stay_two(tmp_path):
    models = [{"base_url": "https://a.example.edu"}, {"simulator": "https://b.example.edu"}]
    assert cleaner(tmp_path, {"models": models})("b.example.edu a.example.edu") == "server-2.example server-1.example"


def test_the_word_simulator_is_no_server(tmp_path):
    assert cleaner(tmp_path, {"models": [{"base_url": "simulator"}]})("simulator") == "simulator"


@pytest.mark.parametrize(
    ("url", "text", "cleaned"),
    [
        ("https://llm.cs.example.edu/v1", "login.cs.example.edu www.example.edu", "login.DOMAIN www.DOMAIN"),
        ("https://llm.example.ac.uk/v1", "www.example.ac.uk www.other.ac.uk", "www.DOMAIN www.other.ac.uk"),
        ("https://mylab.openai.azure.com/v1", "openai.azure.com", "openai.azure.com"),
        ("https://10.1.2.3:8000/v1", "1.2.3", "1.2.3"),
        ("https://example.org/v1", "www.org", "www.org"),
        ("https://llm.in.tum.de/v1", "www.tum.de", "www.DOMAIN"),
        ("https://vm:8000/v1", "vm", "server-1.example"),
    ],
)
def test_domains_above_a_private_server_are_replaced(tmp_path, url, text, cleaned):
    assert cleaner(tmp_path, {"models": [{"base_url": url}]})(text) == cleaned


def test_folders_that_records_name_are_replaced_though_no_config_names_them(tmp_path):
    told = ["/scratch/smithlab/run/out", "/home/bob/out", "~carol/out/a", "out/b"]
    clean = cleaner(tmp_path, taken_from=told)
    assert [clean(one) for one in told] == ["PATH/out", "HOME/out", "~USER/out/a", "out/b"]
