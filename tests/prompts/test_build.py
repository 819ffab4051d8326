"""The builder is deterministic, and a table that does not fit is named in a sentence."""

from __future__ import annotations

import pytest


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_file_is_what_the_tables_say(build, prompts_folder):
    assert (prompts_folder / "hallu-sec.json").read_bytes() == build.render(build.build())


def test_building_twice_gives_the_same_bytes(build, tables):
    assert build.render(build.build(tables)) == build.render(build.build(tables))


def test_the_order_of_lines_in_the_plan_does_not_change_the_order_of_prompts(build, tables):
    before = [prompt["entity"] for prompt in build.build(tables)["prompts"]]
    header, *lines = (tables / "plan.csv").read_text(encoding="utf-8").splitlines()
    (tables / "plan.csv").write_text("\n".join([header, *reversed(lines)]) + "\n", encoding="utf-8")
    assert [prompt["entity"] for prompt in build.build(tables)["prompts"]] == before


def test_check_passes_on_the_shipped_file(build):
    assert build.main(["--check"]) == 0


def test_check_exits_1_and_writes_nothing_when_the_file_differs(build, tmp_path, monkeypatch, capsys):
    stale = tmp_path / "hallu-sec.json"
    stale.write_text("{}\n", encoding="utf-8")
    monkeypatch.setattr(build, "OUTPUT", stale)
    assert build.main(["--check"]) == 1
    assert stale.read_text(encoding="utf-8") == "{}\n"
    assert "run python prompts/build.py" in capsys.readouterr().err


def test_without_check_the_file_is_written(build, tmp_path, monkeypatch, prompts_folder):
    monkeypatch.setattr(build, "OUTPUT", tmp_path / "hallu-sec.json")
    assert build.main([]) == 0
    assert (tmp_path / "hallu-sec.json").read_bytes() == (prompts_folder / "hallu-sec.json").read_bytes()


def test_a_probe_takes_from_its_partner_what_it_leaves_open(build, tables):
    prompts = {prompt["entity"]: prompt["prompt"] for prompt in build.build(tables)["prompts"]}
    assert "CVE-2019-91642 in Progress Telerik UI for ASP.NET AJAX" in prompts["CVE-2019-91642"]


def test_a_fact_of_two_clauses_is_two_gold_points(build, tables):
    replace(tables / "facts" / "settings.csv", "limits how many times a client may try", "limits; lets a client try")
    prompt = next(prompt for prompt in build.build(tables)["prompts"] if prompt["entity"] == "MaxAuthTries")
    assert "It limits." in prompt["gold_points"]
    assert "Lets a client try to authenticate within one connection." in prompt["gold_points"]


@pytest.mark.parametrize(
    ("file", "edit", "sentence"),
    [
        ("plan.csv", ("md_alias,Zebrocy", "md_aliases,Zebrocy"), "template 'md_aliases'"),
        ("plan.csv", ("md_alias,Zebrocy", "md_alias,Zebrocie"), "add a row for it to facts/malware.csv"),
        ("plan.csv", ("Kwampirs,Fruvall", "Fruvall,"), "'Fruvall' is a grounded entity"),
        ("plan.csv", ("Kwampirs,Fruvall", "Kwampirs,Daserf"), "'Daserf' is a probe entity"),
        (
            "plan.csv",
            ("md_describe,Remexi", "md_groups,Ebury,\nmd_describe,Ebury,\nmd_describe,Remexi"),
            "Ebury serves 3 prompts",
        ),
        ("facts/malware.csv", ("Zekapab", ""), "row Zebrocy: md_alias needs the field 'aliases'"),
        ("facts/malware.csv", ("Dyre,true", "Ebury,true"), "has Ebury twice"),
    ],
)
def test_a_table_that_does_not_fit_is_named(build, tables, file, edit, sentence):
    replace(tables / file, *edit)
    with pytest.raises(build.BuildError, match=sentence.replace("'", ".")):
        build.build(tables)
