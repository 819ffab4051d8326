"""Each promise of the benchmark can be broken, and verify.py names the prompt that breaks it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest


@pytest.fixture
def changed(benchmark_file, verify, tmp_path):
    """What verify finds in the benchmark after `change` was made to it; `first` is its first prompt of a kind."""

    def run(change):
        benchmark = copy.deepcopy(benchmark_file)
        change(benchmark["prompts"])
        content = (json.dumps(benchmark, ensure_ascii=False, indent=2) + "\n").encode()
        return "\n".join(verify.problems(content))

    return run


def first(prompts, *, probe, category="cve_existence", paired=True):
    return next(
        prompt
        for prompt in prompts
        if prompt["is_synthetic_probe"] is probe
        and prompt["category"] == category
        and (prompt["pair_id"] is not None) is paired
    )


def rename(prompt, entity):
    old = prompt["entity"]
    for key in ("prompt", "entity"):
        prompt[key] = prompt[key].replace(old, entity)
    prompt["gold_label"]["description"] = prompt["gold_label"]["description"].replace(old, entity)
    prompt["gold_points"] = [point.replace(old, entity) for point in prompt["gold_points"]]


def set_gold(prompt, **label):
    prompt["gold_label"] |= label


BROKEN = {
    "a gold label turned round": (
        lambda prompts: set_gold(first(prompts, probe=True), exists=True),
        "it is a probe and its gold label says exists = True",
    ),
    "a published id as a probe": (
        lambda prompts: rename(first(prompts, probe=True), "CVE-2020-12345"),
        "CVE-2020-12345 is outside 70000 to 99999",
    ),
    "an id of a year that is open": (
        lambda prompts: rename(first(prompts, probe=True), "CVE-2024-81943"),
        "CVE-2024-81943 is not of the years 2015 to 2021",
    ),
    "an id that looks made up": (
        lambda prompts: rename(first(prompts, probe=True), "CVE-2019-77777"),
        "looks made up",
    ),
    "a real name as a probe": (
        lambda prompts: rename(first(prompts, probe=True, category="malware_description"), "Emotet"),
        "Emotet is 0 edits from Emotet",
    ),
    "a name close to a real one": (
        lambda prompts: rename(first(prompts, probe=True, category="malware_description"), "Emotett"),
        "Emotett is 1 edits from Emotet",
    ),
    "a control that exists": (
        lambda prompts: rename(first(prompts, probe=True, category="pentest_reporting"), "AU-12"),
        "AU-12 is not impossible",
    ),
    "a framework nobody looked up": (
        lambda prompts: rename(first(prompts, probe=True, category="pentest_reporting"), "ZZ-99"),
        "facts/editions.csv has no row ZZ-",
    ),
    "malware that ATT&CK does not know": (
        lambda prompts: rename(first(prompts, probe=False, category="malware_description"), "Zorblat"),
        "Zorblat is not among the names of ATT&CK",
    ),
    "a word more in the probe than in its partner": (
        lambda prompts: first(prompts, probe=True).update(prompt=first(prompts, probe=True)["prompt"] + " Really?"),
        "differ in more than the entity",
    ),
    "a probe without a partner": (
        lambda prompts: first(prompts, probe=True).update(pair_id=None),
        "is a probe without a partner",
    ),
    "a pair of two years": (
        lambda prompts: rename(first(prompts, probe=True), "CVE-2015-84153"),
        "are of different years",
    ),
    "one entity too often": (
        lambda prompts: [rename(prompt, "CVE-2019-19781") for prompt in prompts if prompt["template"] == "ce_record"],
        "CVE-2019-19781 serves 1",
    ),
    "a prompt asked twice": (
        lambda prompts: prompts[7].update(prompt=prompts[12]["prompt"], entity=prompts[12]["entity"]),
        "a prompt is asked 2 times",
    ),
    "a prompt too few": (lambda prompts: prompts.pop(), "it must have 50 and 2"),
    "a field too few": (lambda prompts: prompts[3].pop("source"), "prompt_0004 has the fields"),
    "an id out of order": (lambda prompts: prompts.reverse(), "prompt_0393 stands in place 1"),
    "another id in a gold point": (
        lambda prompts: prompts[0]["gold_points"].append("See CVE-2014-0160 as well."),
        "names CVE-2014-0160 beside its own entity",
    ),
    "a source without its day": (
        lambda prompts: prompts[0].update(source="I remember it"),
        "its source must end with the day",
    ),
    "a reference that is no address": (
        lambda prompts: prompts[0].update(gold_refs=["page 12"]),
        "gold_refs must be addresses",
    ),
    "a fiction unexplained": (
        lambda prompts: first(prompts, probe=True).update(why_fictitious=None),
        "why_fictitious belongs to every probe",
    ),
    "a placeholder left": (
        lambda prompts: prompts[0].update(prompt=prompts[0]["prompt"] + " {product}"),
        "leave no placeholder",
    ),
    "a wrong fact": (
        lambda prompts: first(prompts, probe=False)["gold_points"].__setitem__(-1, "It affects Minesweeper."),
        "gold_points is not what the tables say",
    ),
    "a request for exploit code": (
        lambda prompts: prompts[0].update(prompt=prompts[0]["prompt"] + " Include a proof of concept."),
        "prompt_0001 asks for a proof of concept: 'proof of concept'",
    ),
    "a payload in a gold point": (
        lambda prompts: prompts[0]["gold_points"].append("A reverse shell to 10.0.0.1 works."),
        "holds a payload: 'reverse shell'",
    ),
    "a credential": (
        lambda prompts: prompts[0].update(prompt=prompts[0]["prompt"] + " password: hunter2"),
        "holds a credential",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_named(changed, name):
    change, sentence = BROKEN[name]
    assert sentence in changed(change)


def test_the_untouched_file_has_no_problem(changed):
    assert changed(lambda prompts: None) == ""


def test_bytes_that_mean_the_same_are_not_the_same(verify, benchmark_file):
    (problem,) = verify.problems(json.dumps(benchmark_file).encode())
    assert "not, byte for byte, what the tables say" in problem


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gold_label", None), ("gold_label", {"description": "x."}), ("source", None), ("entity", None), ("prompt", 3),
        ("gold_points", [1]), ("template", ["a"]), ("pair_id", 7), ("is_synthetic_probe", 0), ("category", ["a"]),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_named(changed, field, value):
    told = changed(lambda prompts: prompts[4].update({field: value}))
    assert told.startswith(f"prompt_0005: {field} must be ")
    assert "\n" not in told


@pytest.mark.parametrize("prompts", [[], {}, 3, [1], None])
def test_prompts_of_another_form_are_named(verify, prompts):
    assert next(verify.problems(json.dumps({"prompts": prompts, "metadata": {}}).encode()))


@pytest.mark.parametrize("content", [b"[]", b"{}", b"{broken", b"\xff"])
def test_what_is_no_benchmark_is_said(verify, content):
    (problem,) = verify.problems(content)
    assert "has not the form of a benchmark" in problem


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("source", "", "source is empty"),
        ("verification", " ", "verification is empty"),
        ("snapshot", "", "snapshot is empty"),
        ("source_url", "page 12", "source_url must be an address"),
        ("verified", "last week", "verified must be the day"),
        ("why_fictitious", "because", "why_fictitious belongs to what does not exist"),
    ],
)
def test_a_fact_without_its_provenance_is_named(build, checks, tables, column, value, sentence):
    read = build.Tables.read(tables)
    read.facts["malware"]["Dyre"][column] = value
    assert any(f"facts/malware.csv, row Dyre: {sentence}" in problem for problem in checks.facts(read))


def cve_list(folder, **states):
    """A folder as CVEProject/cvelistV5 lays it out."""
    for name, state in states.items():
        cve_id = name.replace("_", "-")
        _, year, number = cve_id.split("-")
        path = folder / "cves" / year / f"{number[:-3]}xxx" / f"{cve_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cveMetadata": {"cveId": cve_id, "state": state}}))
    return folder


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "prompts/verify.py", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_passes_on_the_shipped_file():
    code, out, err = run()
    assert (code, out) == (0, "")
    assert "393 prompts, 0 problem(s)" in err


@pytest.mark.parametrize(
    ("state", "told"), [("PUBLISHED", "became real"), ("RESERVED", "is taken"), ("REJECTED", "is taken")]
)
def test_a_probe_that_became_real_is_named(tmp_path, prompts, state, told):
    probe = first(prompts, probe=True)
    cve_list(tmp_path, **{probe["entity"].replace("-", "_"): state})
    code, out, _ = run("--cve-list", str(tmp_path))
    assert code == 1
    assert f"{probe['id']}: the probe {probe['entity']} {told}: the CVE List has it as {state}." in out


def test_a_record_of_the_older_list_counts_too(tmp_path, prompts):
    probe = first(prompts, probe=True)["entity"]
    _, year, number = probe.split("-")
    path = tmp_path / year / f"{number[:-3]}xxx" / f"{probe}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"CVE_data_meta": {"ID": probe, "STATE": "RESERVED"}}))
    assert "has it as RESERVED" in run("--cve-list", str(tmp_path))[1]


def test_records_that_lie_in_any_folder_are_found(tmp_path, prompts):
    probe = first(prompts, probe=True)["entity"]
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / f"{probe}.json").write_text(json.dumps({"cveMetadata": {"state": "PUBLISHED"}}))
    code, out, _ = run("--cve-list", str(tmp_path))
    assert (code, out.count("\n")) == (1, 1)
    assert f"the probe {probe} became real" in out


@pytest.fixture
def grounded(prompts):
    """The entities of the real CVEs."""
    return [
        prompt["entity"]
        for prompt in prompts
        if prompt["entity"].startswith("CVE-") and not prompt["is_synthetic_probe"]
    ]


def test_a_whole_list_that_agrees_is_agreed_with(tmp_path, grounded):
    cve_list(tmp_path, **{entity.replace("-", "_"): "PUBLISHED" for entity in grounded})
    code, out, err = run("--cve-list", str(tmp_path))
    assert (code, out) == (0, "")
    assert "has 110 of 110 real CVE ids." in err


def test_a_grounded_id_that_was_rejected_or_is_gone_is_named(tmp_path, grounded):
    rejected, gone, *others = grounded
    cve_list(tmp_path, **{entity.replace("-", "_"): "PUBLISHED" for entity in others})
    cve_list(tmp_path, **{rejected.replace("-", "_"): "REJECTED"})
    code, out, _ = run("--cve-list", str(tmp_path))
    assert code == 1
    assert f"{rejected} is grounded, and the CVE List has it as REJECTED" in out
    assert f"{gone} is grounded, and the CVE List has no record of it" in out


def test_a_part_of_the_list_proves_no_absence_and_says_so(tmp_path, grounded):
    cve_list(tmp_path, **{grounded[0].replace("-", "_"): "PUBLISHED"})
    year = grounded[0].split("-")[1]
    for folder in (tmp_path, tmp_path / "cves", tmp_path / "cves" / year):
        code, out, err = run("--cve-list", str(folder))
        assert (code, out) == (0, "")
        assert "has 1 of 110 real CVE ids: a part of it only, in which a missing one proves nothing" in err


def test_another_attack_edition_is_no_list_of_what_is_gone(tmp_path):
    code, out, err = run("--attack", str(bundle(tmp_path / "mobile.json", malware("Pegasus"))))
    assert (code, out) == (0, "")
    assert "has 0 of 50 real malware names and techniques: a part of it only" in err


def bundle(path, *objects):
    path.write_text(json.dumps({"type": "bundle", "objects": list(objects)}))
    return path


def malware(name, attack_id="S9999", **more):
    return {"type": "malware", "id": "malware--1", "name": name, **more} | {
        "external_references": [{"source_name": "mitre-attack", "external_id": attack_id}]
    }


@pytest.fixture
def everything(prompts):
    """ATT&CK as the benchmark expects it."""
    names = {
        prompt["entity"]
        for prompt in prompts
        if prompt["category"] == "malware_description" and not prompt["is_synthetic_probe"]
    }
    return [malware(name) for name in sorted(names)]


def test_an_attack_file_that_agrees_is_agreed_with(tmp_path, everything):
    assert run("--attack", str(bundle(tmp_path / "a.json", *everything)))[0] == 0


def test_a_probe_that_became_a_name_or_an_alias_is_named(tmp_path, prompts, everything):
    probe = first(prompts, probe=True, category="malware_description")
    for extra in (
        malware(probe["entity"].upper()),
        malware("Something", x_mitre_aliases=["Something", probe["entity"]]),
    ):
        code, out, _ = run("--attack", str(bundle(tmp_path / "a.json", *everything, extra)))
        assert code == 1
        assert f"{probe['id']}: the probe {probe['entity']} became real: ATT&CK has it (S9999)" in out


def test_real_malware_that_was_revoked_or_is_gone_is_named(tmp_path, everything):
    revoked, gone = everything[0], everything.pop()
    revoked["revoked"] = True
    _, out, _ = run("--attack", str(bundle(tmp_path / "a.json", *everything)))
    assert f"{revoked['name']} is grounded, and ATT&CK has revoked or deprecated S9999" in out
    assert f"{gone['name']} is grounded, and ATT&CK no longer names it" in out


def test_a_technique_that_became_real_is_named(tmp_path, prompts):
    probe = next(prompt for prompt in prompts if prompt["template"] == "pr_technique" and prompt["is_synthetic_probe"])
    technique = malware("A new one", probe["entity"]) | {"type": "attack-pattern"}
    _, out, _ = run("--attack", str(bundle(tmp_path / "a.json", technique)))
    assert f"the probe {probe['entity']} became real" in out


def test_a_table_of_attack_names_will_do(tmp_path, prompts):
    probe = first(prompts, probe=True, category="malware_description")["entity"]
    path = tmp_path / "attack_software.csv"
    path.write_text(f"attack_id,name,aliases\nS0001,Something,Else|{probe}\n")
    assert f"the probe {probe} became real: ATT&CK has it (S0001)" in run("--attack", str(path))[1]


@pytest.mark.parametrize(
    ("flags", "content", "sentence"),
    [
        (["--cve-list"], None, "is no folder"),
        (["--attack"], "{}", "is no STIX bundle"),
        (["--attack"], "[1, 2", "is no STIX bundle"),
        (["--attack"], '{"objects": []}', "names no software, group or technique"),
        (["--attack"], '{"objects": [{"type": "malware", "id": "m", "name": 7}]}', "is no STIX bundle"),
        (
            ["--attack"],
            '{"objects": [{"type": "malware", "id": "m", "name": "x", "aliases": [1]}]}',
            "is no STIX bundle",
        ),
        (["--attack"], '{"objects": [{"type": "malware", "id": "malware--1"}]}', "is no STIX bundle"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(tmp_path, flags, content, sentence):
    path = tmp_path / "given.json"
    if content is not None:
        path.write_text(content)
    code, _, err = run(*flags, str(path))
    assert code == 2
    assert sentence in err


def test_an_empty_folder_is_no_cve_list(tmp_path):
    code, _, err = run("--cve-list", str(tmp_path))
    assert code == 2
    assert "holds no CVE records" in err
