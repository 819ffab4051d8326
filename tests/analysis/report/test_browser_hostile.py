"""Answers that would do something, in a real browser: they show as text."""

from __future__ import annotations

import pytest

from harness.analysis.report import write_report

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!-- <script> -->",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "javascript:alert(1)",
    "{{script}} ${alert(1)} &lt;b&gt; &amp;",
    "]]></textarea></title></style><svg onload=alert(1)>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markup_shows_as_text(open_report, make_record, position, text):
    tokens = [position(text, (text, 0.5))]
    record = make_record(
        text, text, prompt=text, prompt_category=text, full_response=text, system=text, thinking=text, finish_reason="stop",
        finish_detail=text, model_version=text, token_logprobs=tokens, logprobs_of="provider", prompt_metadata={text: text},
        messages=[{"role": text, "content": text}], request_id=text, sampling_params={text: text},
    )  # fmt: skip
    run = {
        "run_id": text, "created_at": text, "config": {"description": text}, "resolved": {text: {text: [text]}},
        "prompts": {"file": text, "sha256": text, "count": 1},
        "invocations": [{"started_at": text, "ended_at": text, "command": [text], "packages": {text: text}}],
    }  # fmt: skip
    events = [{"time": "2026-07-26T10:00:00+00:00", "event": "retry", "variant": text}]
    failed = make_record("p2", text, error=text)
    page = open_report([record, failed], "", run_files={"run": run, "events": events})
    for view in ("comparison", "answers"):
        page.click(f"nav [data-view={view}]")
    page.keyboard.press("t")
    assert page.locator("#tip").is_visible()
    assert page.locator("#detail .answer").inner_text() == text
    page.keyboard.press("s")
    page.select_option("#reason", "failed")
    assert page.locator("#detail .answer").inner_text() == text
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc\u202edef", r"abc\u202edef"),
        ("\x1b]52;c;x\x07", r"\x1b]52;c;x\x07"),
        ("a\u200bb\u2066c\ufeff", r"a\u200bb\u2066c\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("one\u2028two", r"one\u2028two"),
        ("one\r\ntwo\rthree", "one\ntwo\\rthree"),
    ],
)
def test_characters_that_act_are_spelt_out(open_report, make_record, position, text, shown):
    tokens = [position(text.replace("\r\n", ""), (text, 0.5), probability=0.5)]
    page = open_report(
        [make_record(text, full_response=text, token_logprobs=tokens, logprobs_of="provider")], "#answers"
    )
    assert page.locator("#detail .answer .text").inner_text() == shown
    assert text not in page.inner_text("body")


def test_scripts_that_run_from_right_to_left_keep_their_letters(open_report, make_record):
    page = open_report([make_record(full_response="שלום עולם")], "#answers")
    assert page.locator("#detail .answer .text").inner_text() == "שלום עולם"


def test_a_megabyte_shows_its_beginning_and_all_of_it_when_asked(open_report, make_record):
    text = "word " * 200_000 + "the end"
    page = open_report([make_record(full_response=text)], "#answers")
    assert len(page.locator("#detail .answer .text").inner_text()) < 21_000
    page.click("text=Show all 1,000,007 characters")
    assert page.locator("#detail .answer .text").evaluate("one => one.textContent.endsWith('the end')")


def test_an_empty_answer_says_so(open_report, make_record):
    page = open_report([make_record(full_response="")], "#answers")
    assert page.locator("#detail .answer").inner_text() == "(empty)"


def test_the_policy_refuses_markup_from_whoever_finds_a_hole(chromium, write_run, make_record):
    page = chromium.new_page()
    page.goto(write_report(write_run([make_record()])).as_uri())
    refused = page.evaluate(
        """() => {
          try { document.body.innerHTML = "<b>x</b>"; return "made markup"; }
          catch (error) { return error.constructor.name; }
        }"""
    )
    page.close()
    assert refused == "TypeError"
