"""What the shipped benchmark promises, checked on the file itself."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict

import pytest

CATEGORIES = {
    "cve_existence": 7,
    "vulnerability_summary": 7,
    "malware_description": 7,
    "secure_configuration": 7,
    "pentest_reporting": 6,
}
FIELDS = {
    "id", "category", "prompt", "is_synthetic_probe", "gold_label", "gold_refs", "template", "entity", "pair_id",
    "probe_type", "why_fictitious", "source", "gold_points",
}  # fmt: skip
MITRE = "© 2025 The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE Corporation."


def facts(folder, table):
    with (folder / "facts" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def masked(prompt):
    return prompt["prompt"].replace(prompt["entity"], "{entity}")


def test_every_category_has_twenty_prompts_and_a_third_of_them_are_probes(prompts, probes):
    assert Counter(prompt["category"] for prompt in prompts) == dict.fromkeys(CATEGORIES, 20)
    assert Counter(probe["category"] for probe in probes) == CATEGORIES


def test_every_prompt_has_exactly_the_documented_fields(prompts):
    assert all(prompt.keys() == FIELDS for prompt in prompts)


def test_ids_are_unique_and_count_up(prompts):
    assert [prompt["id"] for prompt in prompts] == [f"prompt_{n:04d}" for n in range(1, 101)]


def test_no_prompt_is_asked_twice(prompts):
    assert len({prompt["prompt"] for prompt in prompts}) == len(prompts)


def test_every_prompt_has_a_gold_label_with_references(prompts):
    for prompt in prompts:
        assert prompt["gold_label"]["exists"] is (not prompt["is_synthetic_probe"])
        assert prompt["gold_label"]["description"].endswith(".")
        assert prompt["gold_points"]
        assert all(reference.startswith("https://") for reference in prompt["gold_refs"])
        assert "; verified 20" in prompt["source"]


def test_only_probes_say_why_they_are_fictitious(prompts):
    for prompt in prompts:
        is_probe = prompt["is_synthetic_probe"]
        assert (prompt["why_fictitious"] is not None) is is_probe
        assert (prompt["probe_type"] is not None) is is_probe


def test_every_prompt_names_its_entity_and_leaves_no_placeholder(prompts):
    for prompt in prompts:
        assert prompt["entity"] in prompt["prompt"]
        assert not re.search(r"[{}]", prompt["prompt"] + " ".join(prompt["gold_points"]))


def test_every_category_uses_at_least_four_templates(prompts):
    templates = defaultdict(set)
    for prompt in prompts:
        templates[prompt["category"]].add(prompt["template"])
    assert all(len(names) >= 4 for names in templates.values())


def test_a_probe_differs_from_its_grounded_partner_in_the_entity_alone(prompts, probes):
    pairs = defaultdict(list)
    for prompt in prompts:
        if prompt["pair_id"] is not None:
            pairs[prompt["pair_id"]].append(prompt)
    assert len(pairs) == len(probes)
    for one, other in pairs.values():
        assert one["is_synthetic_probe"] != other["is_synthetic_probe"]
        assert one["template"] == other["template"]
        assert masked(one) == masked(other)


def test_an_entity_serves_at_most_two_prompts(prompts):
    assert max(Counter(prompt["entity"] for prompt in prompts).values()) <= 2


def test_the_first_ten_prompts_already_hold_every_category_and_some_probes(prompts):
    first = prompts[:10]
    assert {prompt["category"] for prompt in first} == set(CATEGORIES)
    assert 2 <= sum(prompt["is_synthetic_probe"] for prompt in first) <= 5


@pytest.mark.parametrize("length", [20, 33, 50, 80])
def test_any_prefix_has_about_a_third_of_probes(prompts, length):
    share = sum(prompt["is_synthetic_probe"] for prompt in prompts[:length]) / length
    assert 0.25 <= share <= 0.42


def test_cve_probes_follow_the_rules_of_form(probes, invent):
    ids = [probe["entity"] for probe in probes if probe["entity"].startswith("CVE-")]
    assert len(ids) == 15
    assert [invent.cve_form_problem(cve_id) for cve_id in ids] == [None] * 15


def test_cve_probes_were_each_looked_up(prompts_folder):
    for row in facts(prompts_folder, "cve"):
        if row["exists"] == "false":
            block = row["entity"].split("-")[2][:-3] + "xxx"
            assert block in row["verification"]
            assert "not in KEV" in row["verification"]


def test_invented_names_keep_their_distance_from_every_attack_name(probes, invent):
    known = invent.known_names()
    names = [probe["entity"] for probe in probes if probe["probe_type"] == "nonexistent_name"]
    assert len(names) == 7
    assert all(invent.nearest(name, known)[0] >= 3 for name in names)


def test_real_malware_and_invented_names_are_told_apart_by_the_list_of_attack_names(prompts, invent):
    known = set(invent.known_names())
    for prompt in prompts:
        if prompt["category"] == "malware_description":
            assert (prompt["entity"] in known) is not prompt["is_synthetic_probe"]


@pytest.mark.parametrize("table", ["cve", "malware", "settings", "frameworks"])
def test_every_fact_says_where_and_when_it_was_read(prompts_folder, table):
    for row in facts(prompts_folder, table):
        assert row["source"]
        assert row["source_url"].startswith("https://")
        assert row["snapshot"]
        assert row["verification"]
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["verified"])


def test_every_fact_is_used(prompts, prompts_folder):
    rows = [
        row["entity"] for table in ("cve", "malware", "settings", "frameworks") for row in facts(prompts_folder, table)
    ]
    assert sorted(rows) == sorted({prompt["entity"] for prompt in prompts})


def test_the_attribution_that_mitre_asks_for_is_in_the_file_and_the_data_card(benchmark_file, prompts_folder):
    assert MITRE in [source.get("attribution") for source in benchmark_file["metadata"]["sources"]]
    assert MITRE in (prompts_folder / "README.md").read_text(encoding="utf-8")


def test_the_canary_is_the_same_in_the_file_and_the_data_card(benchmark_file, prompts_folder):
    guid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", benchmark_file["metadata"]["canary"])
    assert guid is not None
    assert guid[0] in (prompts_folder / "README.md").read_text(encoding="utf-8")


def test_metadata_counts_are_those_of_the_prompts(benchmark_file, prompts, probes):
    metadata = benchmark_file["metadata"]
    assert metadata["total_prompts"] == len(prompts)
    assert metadata["synthetic_probes"] == len(probes)
    assert {name: numbers["synthetic_probes"] for name, numbers in metadata["categories"].items()} == CATEGORIES


def test_no_prompt_asks_for_attack_material(prompts):
    wanted = re.compile(
        r"payload|shellcode|proof.of.concept|\bpoc\b|reverse shell|metasploit|exploit (code|steps?)|how to exploit|crack",
        re.IGNORECASE,
    )
    assert [prompt["id"] for prompt in prompts if wanted.search(prompt["prompt"])] == []
