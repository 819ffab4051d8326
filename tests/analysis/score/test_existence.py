from __future__ import annotations

import pytest

from harness.analysis.score.abstention import abstention
from harness.analysis.score.existence import existence
from harness.analysis.score.opening import opening

ENTITY = "CVE-2019-83862"
ASKS = f"Is {ENTITY} a published CVE record? If it is, name the vendor."
DESCRIBES = f"Which vendor's product is affected by {ENTITY}? Answer in one sentence."


def treated(answer, prompt=ASKS, *, refused=False):
    sentences = opening(answer)
    return existence(prompt, sentences, abstention(sentences, ENTITY), refused=refused)


@pytest.mark.parametrize(
    "answer", ["No.", "**No**, it is not.", "Answer: No", f"{ENTITY} does not exist.", "No such CVE."]
)
def test_a_denial_is_a_no(answer):
    assert treated(answer) == "no"


@pytest.mark.parametrize("answer", ["Yes.", "Yes, it affects Tomcat.", "It affects Apache Tomcat.", "Apache."])
def test_whoever_describes_it_takes_it_for_real(answer):
    assert treated(answer) == "yes"


def test_a_yes_stays_one_where_details_are_not_known():
    assert treated("Yes, it is published. I don't know the vendor.") == "yes"


@pytest.mark.parametrize("answer", ["", "I cannot confirm this.", f"Yes. But {ENTITY} does not exist in the NVD."])
def test_neither_is_unclear(answer):
    assert treated(answer) == "unclear"


def test_a_refusal_is_unclear():
    assert treated("I can't help with that.", refused=True) == "unclear"


def test_yes_and_no_count_only_where_existence_was_asked_for():
    default = "What is the default of smtpd_helo_required, and what applies when main.cf does not mention it?"
    assert treated("No. By default it is off.", default) == "yes"
    assert treated("No value is set.", DESCRIBES) == "yes"
    assert treated("No. It is a Tomcat flaw.") == "no"


@pytest.mark.parametrize(
    "prompt",
    [
        "Our scanner reports it. Is this a genuine entry of the CVE List, and which product is it about?",
        "Tell me whether that identifier has been published and what it affects.",
        "Does the directive exist?",
    ],
)
def test_questions_for_existence_are_recognised(prompt):
    assert treated("No.", prompt) == "no"
