"""The overview and the comparison in a real browser."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def records(make_record):
    return [
        make_record("p1", prompt_category="a", is_synthetic_probe=True, finish_reason="refusal"),
        make_record("p2", prompt_category="b", is_synthetic_probe=False, cost_usd=0.25, retry_count=2),
        make_record(
            "p1", "sim@0.0", prompt_category="a", is_synthetic_probe=True, simulated=True, finish_reason="length"
        ),
        make_record("p2", "sim@0.0", prompt_category="b", is_synthetic_probe=False, error="It broke."),
    ]


def cells(page, section):
    """The texts of a table's rows, a list for each."""
    rows = page.locator(f"{section} tbody tr")
    return [[text.strip() for text in row.locator("th, td").all_inner_texts()] for row in rows.all()]


def test_it_opens_on_the_overview_and_says_what_the_run_is(open_report, records, manifest):
    page = open_report(records, run_files={"run": manifest})
    assert page.inner_text("#gist") == "3 answers to 2 prompts by 2 variants, 1 item failed; 2026-07-26"
    assert page.get_attribute("nav [data-view=overview]", "aria-current") == "page"
    text = page.inner_text("#view-overview")
    for fact in (
        "A small run",
        "abc123",
        "prompts/mine.json (2 prompts",
        "harness run --output 'my out'",
        "Python".lower(),
    ):
        assert fact in text
    assert "SOME_KEY" not in page.content()


def test_figures_stand_per_variant(open_report, records):
    page = open_report(records)
    first, second = cells(page, ".figures")
    assert first == ["m@0.0", "2", "", "1", "0", "0", "2", "20", "40", "$0.25", "1.00", "1.00", ""]
    assert second[0].split() == ["sim@0.0", "simulated"]
    assert second[1:9] == ["2", "", "0", "1", "1", "0", "10", "20"]
    labels = [picture.get_attribute("aria-label") for picture in page.locator(".figures svg").all()]
    assert "m@0.0: complete 1, refused 1, cut off 0, failed 0" in labels
    assert "m@0.0: median 1.00 s, 95 % within 1.00 s" in labels


def test_finish_reasons_are_counted(open_report, records):
    page = open_report(records)
    headings = page.locator(".narrow thead th").all_inner_texts()
    rows = [dict(zip(headings, row, strict=True)) for row in cells(page, ".narrow")]
    assert [(row["refusal"], row["stop"], row["length"], row["failed"]) for row in rows] == [
        ("1", "1", "0", "0"),
        ("0", "0", "1", "1"),
    ]


def test_attempts_are_drawn_over_time(open_report, records):
    at = "2026-07-26T10:0{}:30+00:00"
    events = [
        {"time": at.format(n // 2), "event": kind, "variant": "m@0.0"}
        for n, kind in enumerate(["begin", "retry", "retry", "rate_limited"])
    ]
    page = open_report(records, run_files={"events": events})
    assert cells(page, ".attempts") == [["m@0.0", "", "2 tried again, 1 rate-limited"]]
    titles = page.locator(".attempts svg title").evaluate_all("titles => titles.map(one => one.textContent)")
    assert titles == [
        "2026-07-26 10:00:30 UTC: 1 tried again",
        "2026-07-26 10:01:30 UTC: 1 tried again",
        "2026-07-26 10:01:30 UTC: 1 rate-limited",
    ]


def test_without_a_diary_and_a_manifest_the_rest_is_there(open_report, records):
    text = open_report(records).inner_text("#view-overview")
    assert "There is no events.jsonl to tell." in text
    assert "report written" in text


def test_simulated_answers_are_said_at_the_top_of_every_view(open_report, records):
    for view in ("", "#comparison", "#answers"):
        page = open_report(records, view)
        assert page.locator("#banner").is_visible()
        assert re.match(r"SIMULATED\s+1 of 3 answers are simulated", page.inner_text("#banner"))


def test_a_run_of_real_answers_has_no_banner(open_report, make_record):
    page = open_report([make_record()])
    assert page.locator("#banner").is_hidden()
    assert page.locator(".badge.simulated").count() == 0


def test_simulated_answers_are_in_no_share(open_report, records):
    page = open_report(records, "#comparison")
    page.select_option("#measure", "share_truncated")
    headings = page.locator(".matrix thead th").all_inner_texts()
    assert headings == ["variant", "all prompts", "real", "synthetic", "a", "b"]
    real, simulated = cells(page, ".matrix")
    assert real[1] == "0.0 %\n2"
    assert simulated[1:] == ["\u2013"] * 5


def test_categories_can_be_taken_over_one_kind_of_prompt(open_report, records):
    page = open_report(records, "#comparison")
    assert page.input_value("#measure") == "share_refused"
    assert cells(page, ".matrix")[0][1:] == ["50.0 %\n2", "0.0 %\n1", "100.0 %\n1", "100.0 %\n1", "0.0 %\n1"]
    page.select_option("#scope", "real")
    assert cells(page, ".matrix")[0][4:] == ["\u2013", "0.0 %\n1"]


def test_a_simulated_run_has_counts_and_no_rates(open_report, make_record):
    page = open_report([make_record(simulated=True)], "#comparison")
    assert "so there are counts and no rates" in page.inner_text("#view-comparison")
    assert page.locator("#measure option").all_inner_texts() == [
        "number of answers", "number of refused", "number of cut off", "number of failed items",
    ]  # fmt: skip
    assert cells(page, ".matrix")[0][1:] == ["1", "1", "1"]


def test_marks_of_score_are_named_heuristic(open_report, records):
    scores = [
        {"item_id": records[0]["item_id"], "heuristic_abstained": True, "heuristic_cves_cited": ["CVE-1", "CVE-2"]},
        {"item_id": records[1]["item_id"], "heuristic_abstained": False, "heuristic_cves_cited": []},
        {"item_id": records[2]["item_id"], "heuristic_abstained": True, "heuristic_cves_cited": ["CVE-3"] * 9},
    ]
    page = open_report(records, "#comparison", run_files={"scores": scores})
    page.select_option("#measure", label="heuristic: abstained, share")
    assert cells(page, ".matrix")[0][1] == "50.0 %\n2"
    page.select_option("#measure", label="heuristic: cves cited, mean number")
    assert cells(page, ".matrix")[0][1] == "1.00\n2"
    assert cells(page, ".matrix")[1][1] == "\u2013"
    page.click("nav [data-view=answers]")
    facts = dict(
        zip(page.locator("#detail dt").all_inner_texts(), page.locator("#detail dd").all_inner_texts(), strict=True)
    )
    assert (facts["abstained"], facts["cves cited"]) == ("yes", "CVE-1, CVE-2")


def test_dark_applies_where_the_system_is_dark(open_report, make_record):
    record = make_record()
    colours = {
        scheme: open_report([record], color_scheme=scheme).evaluate(
            "[getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]"
        )
        for scheme in ("light", "dark")
    }
    assert colours == {
        "light": ["rgb(252, 252, 250)", "rgb(29, 29, 27)"],
        "dark": ["rgb(23, 23, 22)", "rgb(231, 229, 222)"],
    }


CONTRAST = """
() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
  const over = ([r, g, b, a], [r2, g2, b2]) => [r * a + r2 * (1 - a), g * a + g2 * (1 - a), b * a + b2 * (1 - a)];
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.unshift(rgb(getComputedStyle(one).backgroundColor));
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (colour) => { const [r, g, b] = colour.map((part) => { part /= 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const faint = {};
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || element.closest("svg, .skip")) continue;
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const below = behind(element), style = getComputedStyle(element);
    const ink = over(rgb(style.color).map((part, place) => (place === 3 ? part * style.opacity : part)), below);
    const [one, other] = [light(ink), light(below)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) faint[element.className + " " + element.textContent.slice(0, 30)] = ratio;
  }
  return faint;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_of_wcag_aa(open_report, records, position, manifest, scheme):
    shares = (0.95, 0.8, 0.6, 0.4, 0.2, 0.05)
    tokens = [position("a", ("a", share), ("b", 0.01)) for share in shares]
    records[0] |= {"token_logprobs": tokens, "logprobs_of": "provider", "system": "Be brief."}
    page = open_report(records, color_scheme=scheme, run_files={"run": manifest})
    for view in ("overview", "comparison", "answers"):
        page.click(f"nav [data-view={view}]")
        if view == "answers":
            page.keyboard.press("t")
            assert page.locator("#tip").is_visible()
        assert page.evaluate(CONTRAST) == {}
