from __future__ import annotations

import pytest

from harness.analysis.score.citations import cve_ids, foreign_cve_ids


@pytest.mark.parametrize(
    "text",
    [
        "CVE-2021-44228",
        "cve-2021-44228",
        "CVE\u20112021\u201144228",
        "CVE 2021-44228",
        "CVE_2021_44228",
        "(CVE-2021-44228).",
    ],
)
def test_an_id_is_read_however_it_is_written(text):
    assert cve_ids(text) == ["CVE-2021-44228"]


@pytest.mark.parametrize("text", ["CVE-2021-442", "CVE-21-44228", "CVE-2021", "xCVE-2021-44228", "CWE-2021-44228", ""])
def test_what_is_no_id_is_not_read(text):
    assert cve_ids(text) == []


def test_each_is_named_once_in_order():
    assert cve_ids("CVE-2020-0002, CVE-2020-0001 and CVE-2020-0002") == ["CVE-2020-0002", "CVE-2020-0001"]


def test_ids_that_were_given_are_not_foreign():
    answer = "Like CVE-2021-44228, CVE-2021-45046 and CVE-2021-45105."
    assert foreign_cve_ids(answer, "What is cve-2021-44228?", "", "Also CVE-2021-45105") == ["CVE-2021-45046"]


def test_a_longer_number_is_another_id():
    assert foreign_cve_ids("CVE-2021-442281", "CVE-2021-44228") == ["CVE-2021-442281"]
