from __future__ import annotations

import json
import re

import pytest

from harness.analysis.pack.redaction import HOME, Identity, Redactor
from harness.analysis.pack.report_page import clean_report
from harness.analysis.report.page import page


@pytest.fixture
def redactor() -> Redactor:
    return Redactor((Identity(HOME, "/home/alice", "HOME"),), (Identity("user name", "grid", "USER"),))


def data_of(text: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_facts_are_cleaned_and_words_and_the_pages_own_code_are_not(redactor):
    words = "grid </script> /home/alice"
    data = {
        "folder": "/home/alice/out",
        "run": {"invocations": [{"command": "harness --output /scratch/grid/x"}]},
        "prompts": {"text": [words], "metadata": {"entity": ["grid"], "from": ["/home/alice/x"]}},
        "answers": {"full_response": [words], "error": ["grid has no room"]},
        "vocabulary": ["grid"],
    }
    before = page("Report on /home/alice/out", data).decode()
    after = clean_report(before, redactor, "report.html")
    assert data_of(after) == {
        "folder": "HOME/out",
        "run": {"invocations": [{"command": "harness --output /scratch/USER/x"}]},
        "prompts": {"text": [words], "metadata": {"entity": ["grid"], "from": ["HOME/x"]}},
        "answers": {"full_response": [words], "error": ["USER has no room"]},
        "vocabulary": ["grid"],
    }
    assert "<title>Report on HOME/out</title>" in after
    assert re.sub(r'id="data">.*?</script>', "", after, flags=re.DOTALL) == re.sub(
        r'id="data">.*?</script>', "", before.replace("/home/alice", "HOME"), flags=re.DOTALL
    )


def test_a_report_that_names_nobody_stays_as_it_is(redactor):
    text = page("Report on out", {"folder": "out", "answers": {"full_response": ["<b> \u2028"]}}).decode()
    assert clean_report(text, redactor, "report.html") == text


def test_another_page_loses_its_folders(redactor):
    assert clean_report("<p>grid in /home/alice/x", redactor, "report.html") == "<p>grid in HOME/x"
