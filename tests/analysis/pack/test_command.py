from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness import cli
from harness.analysis.labels import read_annotations
from harness.analysis.pack import pack_command
from harness.analysis.records import load
from harness.analysis.report import write_report
from harness.analysis.rubric import read_rubric
from harness.errors import JournalCorruptError, JournalLockedError, UsageError
from harness.journal.lock import folder_lock

SIGNS = (b"alice", b"liddell", b"example-uni", b"bob", b"carol")
CANARY = "correct-horse-battery-staple"
KEY = "sk-proj-4f9d1c7e4f9d1c7e4f9d1c7e"


def test_a_pack_has_everything_and_its_checksums_hold(folder, unpacked):
    folder.everything_beside()
    files = unpacked()
    assert list(files) == sorted(files) == [
        "METHODS.md",
        "README.md",
        "SHA256SUMS",
        "annotate.json",
        "annotations.jsonl",
        "config.yaml",
        "events.jsonl",
        "prompts/prompts.json",
        "requirements.lock",
        "results.jsonl",
        "rubric.yaml",
        "run.json",
        "scores.jsonl",
    ]  # fmt: skip
    sums = dict(reversed(line.split("  ", 1)) for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert all(f"`{name}`" in files["README.md"].decode() for name in files if name != "README.md")


def test_packing_twice_gives_the_same_bytes(folder, tmp_path, capsys):
    folder.everything_beside()
    assert pack_command(folder.path) == 0
    first = (tmp_path / "out-pack.zip").read_bytes()
    for path in folder.path.iterdir():
        path.touch()
    assert pack_command(folder.path, output=tmp_path / "other.zip") == 0
    assert (tmp_path / "other.zip").read_bytes() == first


def test_nothing_in_the_pack_names_anybody_and_the_folder_is_as_it_was(folder, unpacked, capsys):
    folder.everything_beside()
    folder.records[0] |= {"error": "OSError: /home/alice/x on alice-laptop", "full_response": None}
    folder.write_records()
    write_report(folder.path)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    files = unpacked()
    signs = (*SIGNS, str(folder.project).encode().lower())
    assert [
        (name, sign) for name, data in files.items() for sign in signs if sign in (name.encode() + data).lower()
    ] == []
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before
    told = capsys.readouterr()
    rows = {line.split()[0]: line.split()[1:] for line in told.out.splitlines() if line.strip()}
    assert rows["/home/alice"][:3] == ["HOME", "home", "folder"]
    assert {"events.jsonl", "report.html", "results.jsonl", "run.json", "scores.jsonl"} <= set(rows["/home/alice"])
    assert rows["alice-laptop"][:3] == ["HOST", "host", "name"]
    assert rows["llm.cs.example-uni.edu"][:2] == ["server-1.example", "server"]
    assert rows["Carol"] == ["adjudicator-1", "coder", "labels"]
    assert "still holds" not in told.err


def test_folders_that_answers_were_taken_from_name_nobody(folder, unpacked):
    told = ["/scratch/alices-lab/out/a", "/home/alice/out/b", "~bob/c", "out/alice-laptop"]
    for record, name in zip(folder.records, told, strict=False):
        record["reused_from"] = {"run_id": "first", "folder": name, "cost_usd": 0.5}
    folder.write_records()
    folder.write_manifest(folder.manifest(reuse=told[1:]))
    write_report(folder.path)
    files = unpacked()
    packed = [json.loads(line)["reused_from"]["folder"] for line in files["results.jsonl"].splitlines()[:4]]
    assert packed == ["PATH2/a", "HOME/out/b", "~USER/c", "out/HOST"]
    for sign in (b"alice", b"bob"):
        assert [name for name, data in files.items() if sign in data.lower()] == []
    # They are not in the pack, and what was taken from them is.
    assert b"reuse" not in files["config.yaml"]


def test_words_of_prompts_and_answers_stay_and_are_reported(folder, unpacked, capsys):
    folder.records[2]["full_response"] = "Ask alice at /home/alice/x, root@alice-laptop."
    folder.write_records()
    files = unpacked()
    assert json.loads(files["results.jsonl"].splitlines()[2]) == folder.records[2]
    told = capsys.readouterr().err
    for kind in ("home folder", "user name", "host name"):
        assert f"results.jsonl still holds a {kind}" in told
    assert "which are never altered: line 3." in told


def test_lines_in_which_nobody_is_named_are_the_same_to_the_byte(folder, unpacked):
    lines = (folder.path / "results.jsonl").read_bytes().splitlines()
    packed = unpacked()["results.jsonl"].splitlines()
    assert packed[:6] == lines[:6]
    assert all(before != after for before, after in zip(lines[6:], packed[6:], strict=True))


def test_the_pack_can_be_read_in_one_line_and_by_this_program(folder, unpack_to):
    folder.everything_beside()
    there = unpack_to()
    df = pd.read_json(there / "results.jsonl", lines=True)
    assert len(df[df.error.isna()].drop_duplicates("item_id")) == 11
    results = load(there)
    labels = read_annotations(there, known=[one["item_id"] for one in results.records], rubric=read_rubric())
    before = read_annotations(folder.path)
    assert labels.resolved("hallucination") == before.resolved("hallucination")
    assert labels.coders == ("coder-1", "coder-2")


def test_a_coders_name_in_an_imported_files_name_goes_and_one_that_is_a_word_is_told_of(folder, unpacked, capsys):
    folder.everything_beside()
    path = folder.path / "annotations.jsonl"
    text = path.read_text().replace('"annotate"', '"labels-Bob-Stone.csv"', 1).replace("Carol", "No")
    path.write_text(text)
    acts = [json.loads(line) for line in unpacked()["annotations.jsonl"].splitlines()]
    assert [act["origin"] for act in acts] == ["import.csv", "annotate", "annotate", "annotate"]
    assert {act["labels"]["notes"] for act in acts} == {"As coder-1 said, no."}
    assert {act["labels"]["hallucination"] for act in acts} == {"yes", "no"}
    assert "annotations.jsonl still holds a coder's name" in capsys.readouterr().err


def test_no_field_of_the_diary_is_spared_and_e_mail_addresses_go(folder, unpacked):
    folder.add("events.jsonl", b'{"event":"x","text":"alice","metadata":{"by":"dan@example.org"}}\n')
    folder.write_manifest(folder.manifest(description="Ask dan@example.org"))
    files = unpacked()
    assert json.loads(files["events.jsonl"]) == {"event": "x", "text": "USER", "metadata": {"by": "EMAIL"}}
    assert json.loads(files["run.json"])["config"]["description"] == "Ask EMAIL"
    assert "description: Ask EMAIL" in files["config.yaml"].decode()


def test_a_folder_whose_name_is_no_utf_8_is_packed(folder, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
    folder.path.rename(odd)
    assert pack_command(odd, output=tmp_path / "x.zip") == 0
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.read("README.md").startswith(b"# bad\\udcff: the artifact")


def test_a_torn_tail_is_cut_in_the_pack_and_said(folder, unpacked, capsys):
    folder.write_records(tail=b'{"item_id":"')
    files = unpacked()
    assert files["results.jsonl"].count(b"\n") == 11
    assert files["results.jsonl"].endswith(b"\n")
    assert "results.jsonl ends in 12 bytes of an unfinished line" in capsys.readouterr().err
    assert "- results.jsonl ends in 12 bytes" in files["README.md"].decode()


def test_prompts_that_are_gone_are_rebuilt_and_said(folder, unpacked, capsys):
    folder.prompts.unlink()
    files = unpacked()
    assert files["prompts/prompts.rebuilt.jsonl"].count(b"\n") == 6
    assert "prompts_file: prompts/prompts.rebuilt.jsonl" in files["config.yaml"].decode()
    assert "is rebuilt from the records" in capsys.readouterr().err


def test_a_prompt_file_loses_folders_beside_its_prompts_and_that_is_said(folder, unpacked, capsys):
    folder.write_prompts({"metadata": {"by": "/home/alice/make.py"}, "prompts": [{"id": "p", "prompt": "Is it?"}]})
    folder.write_manifest()
    document = json.loads(unpacked()["prompts/prompts.json"])
    assert document == {"metadata": {"by": "HOME/make.py"}, "prompts": [{"id": "p", "prompt": "Is it?"}]}
    assert "prompts/prompts.json is cleaned of folders" in capsys.readouterr().err


def test_a_prompt_file_whose_prompts_name_a_folder_stays_and_that_is_reported(folder, unpacked, capsys):
    folder.write_prompts([{"id": "p", "prompt": "What is in /home/alice/x?"}])
    folder.write_manifest()
    assert unpacked()["prompts/prompts.json"] == folder.prompts.read_bytes()
    assert "prompts/prompts.json still holds a home folder" in capsys.readouterr().err


def test_other_files_of_the_folder_are_left_out_and_named(folder, unpacked, capsys):
    folder.add("notes of alice.txt", b"x")
    assert "notes of alice.txt" not in unpacked()
    assert "not packed: notes of alice.txt." in capsys.readouterr().err


def test_prompts_that_are_the_answers_of_another_run_lose_what_names_somebody(folder, unpacked, capsys):
    source = folder.project / "results.jsonl"
    source.write_bytes((folder.path / "results.jsonl").read_bytes())
    manifest = folder.manifest()
    manifest["prompts"] = {
        "file": "results.jsonl",
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "count": 6,
    }
    folder.write_manifest(manifest)
    packed = unpacked()["prompts/results.jsonl"]
    assert b"alice" not in packed
    assert packed == unpacked()["results.jsonl"]
    assert "prompts/results.jsonl is cleaned" in capsys.readouterr().err


def test_a_diary_that_is_damaged_is_packed_as_far_as_it_goes(folder, unpacked, capsys):
    folder.add("events.jsonl", b'{"event":"begin"}\n{"event": alice\n{"event":"end","why":"no')
    assert unpacked()["events.jsonl"] == b'{"event":"begin"}\n{"event": USER\n'
    assert "events.jsonl ends in 24 bytes of an unfinished line" in capsys.readouterr().err


def test_the_readme_says_how_to_go_on_and_what_cannot(folder, unpacked):
    manifest = folder.manifest()
    manifest["invocations"][0]["command"] += ["--num-prompts", "3"]
    folder.write_manifest(manifest)
    text = unpacked()["README.md"].decode()
    assert "python -m harness run --config config.yaml --num-prompts 3" in text
    assert "- HOME/weights/tiny@0.0: the name held a folder" in text


def test_marks_that_are_none_and_an_assignment_that_is_none_are_told(folder, unpacked, capsys):
    folder.add("scores.jsonl", b"{broken\n")
    assert unpacked()["scores.jsonl"] == b"{broken\n"
    assert "scores.jsonl holds lines that are no marks" in capsys.readouterr().err
    folder.add("annotate.json", b"{}")
    with pytest.raises(UsageError, match=r"annotate\.json does not say"):
        pack_command(folder.path)


PLANTED = [
    "results.jsonl",
    "run.json",
    "events.jsonl",
    "scores.jsonl",
    "annotations.jsonl",
    "annotate.json",
    "rubric.yaml",
    "report.html",
    "prompts.json",
]


def plant(folder, name: str, secret: str) -> str:
    """Put `secret` into a file that is packed; the beginning of its place there."""
    folder.everything_beside()
    if name == "results.jsonl":
        folder.records[4]["full_response"] = f"Use {secret} for it."
        folder.write_records()
        return "results.jsonl, line 5"
    if name == "prompts.json":
        folder.write_prompts([{"id": "p", "prompt": f"Is {secret} a key?"}])
        folder.write_manifest()
        return "prompts/prompts.json, line 1"
    write_report(folder.path)
    path = folder.path / name
    before = path.read_text()
    places = {
        "run.json": '"exit_code"',
        "events.jsonl": "has no room",
        "scores.jsonl": '"refused"',
        "annotations.jsonl": "As Bob",
        "annotate.json": '"seed"',
        "rubric.yaml": "guidance:",
        "report.html": "Answer 3",
    }
    place = places[name]
    assert place in before
    planted = f"# {secret}\n{place}" if name == "rubric.yaml" else f"{place[0]} {secret} {place[1:]}"
    path.write_text(before.replace(place, planted, 1))
    return f"{name}, line "


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("secret", [CANARY, KEY], ids=["value", "form"])
def test_a_key_anywhere_is_refused_with_its_place_and_never_shown(folder, tmp_path, monkeypatch, capsys, name, secret):
    monkeypatch.setenv("CAMPUS_LLM", CANARY)
    place = plant(folder, name, secret)
    with pytest.raises(UsageError) as refused:
        pack_command(folder.path)
    told = str(refused.value)
    assert refused.value.exit_code == 2
    assert place in told
    assert ("the value of CAMPUS_LLM" if secret == CANARY else "a key of OpenAI's form") in told
    assert secret not in told + "".join(capsys.readouterr())
    assert [path.name for path in tmp_path.iterdir() if "pack" in path.name] == []


def test_a_key_of_dot_env_is_refused(folder, tmp_path):
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={CANARY}\n")
    plant(folder, "results.jsonl", CANARY)
    with pytest.raises(UsageError, match="line 5: the value of OPENAI_API_KEY"):
        pack_command(folder.path)


def test_a_pack_that_was_there_stays_where_a_key_is_refused(folder, tmp_path):
    pack_command(folder.path)
    before = (tmp_path / "out-pack.zip").read_bytes()
    plant(folder, "results.jsonl", KEY)
    with pytest.raises(UsageError, match="no pack was written"):
        pack_command(folder.path)
    assert (tmp_path / "out-pack.zip").read_bytes() == before


def test_what_a_model_made_up_may_be_excused_by_its_place(folder, tmp_path):
    plant(folder, "results.jsonl", KEY)
    with pytest.raises(UsageError, match=r"--not-a-key results\.jsonl:5"):
        pack_command(folder.path)
    with pytest.raises(UsageError, match=r"results\.jsonl, line 5"):
        pack_command(folder.path, not_keys=["results.jsonl:4"])
    assert pack_command(folder.path, not_keys=["results.jsonl:5"]) == 0


def test_a_folder_without_results_or_manifest_is_refused(folder, tmp_path):
    (folder.path / "run.json").unlink()
    with pytest.raises(UsageError, match=r"There is no run\.json"):
        pack_command(folder.path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"There is no results\.jsonl"):
        pack_command(tmp_path / "empty")


def test_a_manifest_that_is_none_or_of_another_run_is_refused(folder, tmp_path):
    folder.add("run.json", b"{}")
    with pytest.raises(UsageError, match="is not a run's manifest"):
        pack_command(folder.path)
    folder.write_manifest(folder.manifest() | {"run_id": "another"})
    with pytest.raises(UsageError, match=r"is of the run run, and run\.json is of another"):
        pack_command(folder.path)
    assert not (tmp_path / "out-pack.zip").exists()


def test_a_corrupt_line_and_an_unknown_label_are_refused(folder):
    folder.everything_beside()
    annotations = (folder.path / "annotations.jsonl").read_text()
    folder.add(
        "annotations.jsonl", annotations.replace("a00000000000000000000000", "b00000000000000000000000").encode()
    )
    with pytest.raises(UsageError, match=r"annotations\.jsonl, line 1: a label of the item"):
        pack_command(folder.path)
    (folder.path / "annotations.jsonl").unlink()
    folder.add("results.jsonl", b"{broken\n" + (folder.path / "results.jsonl").read_bytes())
    with pytest.raises(JournalCorruptError, match="line 1"):
        pack_command(folder.path)


def test_a_folder_that_is_being_written_is_refused(folder):
    with folder_lock(folder.path), pytest.raises(JournalLockedError):
        pack_command(folder.path)


def test_only_a_pack_is_overwritten(folder, tmp_path):
    journal = folder.path / "results.jsonl"
    before = journal.read_bytes()
    for output in (journal, folder.path, tmp_path / "nowhere" / "x.zip"):
        with pytest.raises(UsageError, match=r"--output"):
            pack_command(folder.path, output=output)
    assert journal.read_bytes() == before
    assert pack_command(folder.path) == pack_command(folder.path) == 0


def test_entries_have_one_time_and_are_readable_by_all(folder, tmp_path):
    pack_command(folder.path)
    with zipfile.ZipFile(tmp_path / "out-pack.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert archive.testzip() is None
    assert (tmp_path / "out-pack.zip").stat().st_mode & 0o777 == 0o600


def test_the_command_is_wired(folder, tmp_path):
    done = CliRunner().invoke(cli.app, ["pack", "out", "--output", "x.zip"])
    assert done.exit_code == 0
    assert "The pack is" in done.output
    assert zipfile.is_zipfile(tmp_path / "x.zip")


def command(*arguments):
    done = CliRunner().invoke(cli.app, [*arguments, "--plain"])
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.fixture
def study(tmp_path, monkeypatch, simulator):
    """A project whose prompts are made by a template, and what packs its run and goes on from the pack elsewhere."""
    monkeypatch.chdir(tmp_path)
    rows = [{"key": f"p{n}", "stem": f"Is {n} so?", "topic": "a"} for n in range(4)]
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    model = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7], "simulator": simulator.url}
    reading = {"fields": {"id": "key", "category": "topic"}, "prompt_template": "Q: {stem}", "max_tokens": 8}
    (tmp_path / "c.json").write_text(json.dumps({"prompts_file": "prompts.json", **reading, "models": [model]}))

    def unpack():
        pack_command(tmp_path / "out")
        with zipfile.ZipFile(tmp_path / "out-pack.zip") as archive:
            archive.extractall(tmp_path / "there")
        monkeypatch.chdir(tmp_path / "there")
        simulator.reset()

    return tmp_path, unpack


def test_an_unpacked_pack_goes_on_where_the_run_ended(study, simulator):
    _, unpack = study
    command("run", "--config", "c.json", "--output", "out", "--num-prompts", "3")
    unpack()
    command("run", "--config", "config.yaml", "--num-prompts", "3")
    assert simulator.counts()["requests"] == 0
    command("run", "--config", "config.yaml")
    assert simulator.counts()["requests"] == 2


def test_the_pack_of_a_shard_goes_on_by_the_command_in_its_readme(study, simulator):
    folder, unpack = study
    command("run", "--config", "c.json", "--shard", "1/2", "--output", "out")
    unpack()
    [line] = [line for line in (folder / "there" / "README.md").read_text().splitlines() if " run --config" in line]
    command(*line.split()[3:])
    assert simulator.counts()["requests"] == 0
    assert not [path for path in (folder / "there").iterdir() if path.is_dir() and path.name != "prompts"]


def test_a_pack_with_rebuilt_prompts_asks_nothing_twice(study, simulator):
    folder, unpack = study
    command("run", "--config", "c.json", "--output", "out")
    (folder / "prompts.json").unlink()
    unpack()
    command("run", "--config", "config.yaml")
    assert simulator.counts()["requests"] == 0


def test_a_pack_of_a_run_that_took_answers_goes_on_without_the_run_they_came_from(study, simulator):
    folder, unpack = study
    command("run", "--config", "c.json", "--output", "first", "--num-prompts", "2")
    config = json.loads((folder / "c.json").read_text()) | {"reuse": ["first"]}
    (folder / "c.json").write_text(json.dumps(config))
    command("run", "--config", "c.json", "--output", "out", "--num-prompts", "3")
    assert simulator.counts()["requests"] == 6
    unpack()
    command("run", "--config", "config.yaml", "--num-prompts", "3")
    assert simulator.counts()["requests"] == 0
