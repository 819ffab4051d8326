"""The rules that a probe's form must satisfy, and the generators that follow them."""

from __future__ import annotations

import csv
import itertools

import pytest


@pytest.mark.parametrize("cve_id", ["CVE-2015-80525", "CVE-2021-94039", "CVE-2018-70218"])
def test_a_plain_high_number_is_a_well_formed_probe(invent, cve_id):
    assert invent.cve_form_problem(cve_id) is None


@pytest.mark.parametrize(
    ("cve_id", "reason"),
    [
        ("CVE-2018-7842", "five-digit"),
        ("CVE-2018-784271", "five-digit"),
        ("cve-2018-78427", "five-digit"),
        ("CVE-2014-78427", "not of the years 2015 to 2021"),
        ("CVE-2022-78427", "not of the years 2015 to 2021"),
        ("CVE-2018-69999", "outside 70000 to 99999"),
        ("CVE-2018-77719", "repeated digit or a run"),
        ("CVE-2018-91234", "repeated digit or a run"),
        ("CVE-2018-98714", "repeated digit or a run"),
        ("CVE-2018-84000", "repeated digit or a run"),
    ],
)
def test_an_id_that_could_be_real_or_looks_made_up_is_refused_with_its_reason(invent, cve_id, reason):
    assert reason in invent.cve_form_problem(cve_id)


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [("", "abc", 3), ("kitten", "sitting", 3), ("Carbanak", "Carbanak", 0), ("flaw", "lawn", 2)],
)
def test_edit_distance_counts_insertions_deletions_and_substitutions(invent, left, right, distance):
    assert invent.edit_distance(left, right) == distance
    assert invent.edit_distance(right, left) == distance


def test_nearest_ignores_letter_case_and_finds_the_closest_name_of_any_length(invent):
    assert invent.nearest("zebrocy", ["Zekapab", "ZEBROCY2", "Ebury", "x"]) == (1, "ZEBROCY2")


def test_nearest_refuses_an_empty_list(invent):
    with pytest.raises(ValueError, match=r"attack_names\.csv"):
        invent.nearest("Zebrocy", [])


def test_candidates_are_the_same_for_the_same_seed_and_others_for_another(invent):
    first = list(itertools.islice(invent.cve_candidates(7), 12))
    assert first == list(itertools.islice(invent.cve_candidates(7), 12))
    assert first != list(itertools.islice(invent.cve_candidates(8), 12))


def test_every_cve_probe_is_among_the_seeds_first_candidates(invent, probes):
    drawn = set(itertools.islice(invent.cve_candidates(), 120))
    assert {probe["entity"] for probe in probes if probe["entity"].startswith("CVE-")} <= drawn


def test_invented_names_that_the_table_says_the_seed_gives_are_given_by_it(invent, prompts_folder):
    with (prompts_folder / "facts" / "malware.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["exists"] == "false"]
    known = invent.known_names()
    said = [row["entity"].casefold() for row in rows if f"over {len(known)} names" in row["why_fictitious"]]
    assert len(said) == 22
    candidates = {name.casefold() for name in itertools.islice(invent.name_candidates(known), 300)}
    assert set(said) <= candidates


def test_name_candidates_keep_their_length_and_their_distance_from_known_names(invent):
    known = invent.known_names()
    candidates = list(itertools.islice(invent.name_candidates(known), 4))
    assert len(set(candidates)) == 4
    assert all(invent.nearest(name, known)[0] >= 3 and 6 <= len(name) <= 9 for name in candidates)


def test_name_candidates_give_up_on_a_list_too_small_to_spell_from(invent):
    with pytest.raises(ValueError, match="more known names"):
        next(invent.name_candidates(["Zebrocy", "Daserf"]))
