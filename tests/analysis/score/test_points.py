from __future__ import annotations

import pytest

from harness.analysis.score.points import mentioned

PROMPT = "Which product does CVE-2021-20016 affect, and which CWE describes its weakness?"


def one(point, answer, prompt=PROMPT):
    [told] = mentioned([point], answer, prompt)
    return told


@pytest.mark.parametrize(
    ("point", "answer", "told"),
    [
        ("It affects SonicWall SSLVPN SMA100.", "CVE-2021-20016 is in SonicWall's SMA100.", True),
        ("It affects SonicWall SSLVPN SMA100.", "It affects Fortinet's SSLVPN.", False),
        ("Its weakness is CWE-89.", "The weakness is CWE-89 (SQL injection).", True),
        ("Its weakness is CWE-89.", "The weakness is CWE-79.", False),
        ("It affects Kentico (Kentico Xperience).", "Kentico CMS", True),
        ("The control's title is Unsuccessful Logon Attempts.", "Unsuccessful Logon Attempts", True),
        ("The control's title is Unsuccessful Logon Attempts.", "The title of the control is Session Lock", False),
        ("It runs on Windows.", "This thing runs on Linux.", False),
        ("The default is 3.", "The default is 3.", True),
        ("The default is 3.", "1. It is a setting\n2. It counts\n3. It is off", False),
        ("It runs on Linux, macOS, Windows.", "Linux and macOS", True),
    ],
)
def test_a_point_is_mentioned_where_half_of_its_own_words_are(point, answer, told):
    assert one(point, answer) is told


def test_words_of_the_prompt_count_for_nothing():
    point, prompt = "The default is off (not set).", "What is the default of busy_setting?"
    assert one(point, "The default of busy_setting is on.", prompt) is False
    assert one(point, "The default is off.", prompt) is True


def test_what_the_prompt_says_already_cannot_be_told():
    assert one("CVE-2021-20016 is a record.", "CVE-2021-20016 …", "Is CVE-2021-20016 a record?") is None


def test_a_point_that_forbids_cannot_be_told():
    assert one("No severity is made up: the answer has none to go by.", "The severity is high.") is None
    assert one("No longer supported since 2019.", "unsupported since 2019, no longer sold") is True


def test_of_a_point_with_a_colon_the_fact_counts():
    point = "CISA's KEV catalog names it: Sitecore XP Remote Command Execution Vulnerability."
    assert one(point, "CISA's KEV catalog names it.") is False
    assert one(point, "A remote command execution in Sitecore.") is True
    assert one("MITRE ATT&CK describes it as: backdoor.", "MITRE ATT&CK describes it as a worm.") is False


def test_of_a_list_as_many_as_are_asked_for_are_enough():
    aliases = "ATT&CK lists these other names (one of them is enough, others may be in use): Snake, Turla."
    assert one(aliases, "Also known as Snake") is True
    assert one(aliases, "Also known as Bear") is False
    three = "Any three of the techniques: T1005 Data from Local System, T1057 Process Discovery, T1112 Modify Registry, T1113 Screen Capture."
    assert one(three, "Process Discovery and Screen Capture") is False
    assert one(three, "Process Discovery, Screen Capture, modifying the registry (Modify Registry)") is True


def test_an_answer_that_says_nothing_mentions_nothing():
    assert mentioned(["It affects Webmin.", "Its weakness is CWE-78."], "", PROMPT) == [False, False]
