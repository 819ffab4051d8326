"""Finding and reading answers in a real browser."""

from __future__ import annotations

import pytest


@pytest.fixture
def records(make_record, position):
    """Twelve prompts to two variants; what is sure of itself and what is not."""
    made = []
    for n in range(12):
        shared = {"prompt_category": "ab"[n % 2], "is_synthetic_probe": n % 3 == 0}
        sure = 0.5 + n / 40
        tokens = [
            position("Yes", ("Yes", sure), ("No", 0.9 - sure)),
            position(" so", ("so", 0.9), ("not", 0.05), probability=0.04, raw=0.06),
        ]
        made.append(make_record(f"p{n}", "a@0.0", token_logprobs=tokens, logprobs_of="provider", **shared))
        made.append(
            make_record(f"p{n}", "b@0.7", finish_reason="length" if n < 5 else "stop", thinking="Hmm.", **shared)
        )
    made[3] |= {"full_response": None, "finish_reason": None, "error": "The provider said no.", "tokens_used": None}
    made[8]["full_response"] = "A Needle in a haystack."
    return made


def ids(page):
    """What is listed, as far as it is drawn."""
    return [" ".join(row.locator(".id, .who").all_inner_texts()) for row in page.locator("#list .row").all()]


def heading(page):
    """The prompt and the variant of the open answer."""
    return page.inner_text("#detail h2").split()


def test_all_answers_are_listed_failures_with_their_error(open_report, records):
    page = open_report(records, "#answers")
    assert page.inner_text("#count") == "24 answers"
    page.select_option("#reason", "failed")
    assert page.inner_text("#count") == "1 of 24"
    assert ids(page) == ["p1 b@0.7"]
    assert heading(page) == ["p1", "b@0.7"]
    assert "The provider said no." in page.inner_text("#detail")


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"variant": "a@0.0"}, lambda one: one["variant"] == "a@0.0"),
        ({"category": '"b"'}, lambda one: one["prompt_category"] == "b"),
        ({"reason": "length"}, lambda one: one["finish_reason"] == "length"),
        ({"probe": "synthetic"}, lambda one: one["is_synthetic_probe"]),
        (
            {"variant": "b@0.7", "category": '"a"', "probe": "real", "reason": "stop"},
            lambda one: (
                one["variant"] == "b@0.7" and one["prompt_category"] == "a" and one["finish_reason"] == "stop"
                and not one["is_synthetic_probe"]
            ),
        ),
    ],
)  # fmt: skip
def test_filters_leave_what_they_say(open_report, records, chosen, expected):
    wanted = [f"{one['prompt_id']} {one['variant']}" for one in records if expected(one)]
    assert 0 < len(wanted) < len(records)
    page = open_report(records, "#answers")
    for name, value in chosen.items():
        page.select_option(f"#{name}", value)
    assert page.inner_text("#count") == f"{len(wanted)} of 24"
    assert ids(page) == wanted[: len(ids(page))]
    assert len(ids(page)) >= min(len(wanted), 8)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("needle", ["p4 a@0.0"]),
        ("  WHAT IS P11?", ["p11 a@0.0", "p11 b@0.7"]),
        ("said no", ["p1 b@0.7"]),
        ("{item_id}", ["p2 a@0.0"]),
        ("nowhere", []),
    ],
)
def test_search_reads_prompts_answers_errors_and_ids(open_report, records, query, wanted):
    page = open_report(records, "#answers")
    page.fill("#query", query.format(item_id=records[4]["item_id"]))
    assert ids(page) == wanted
    if not wanted:
        assert page.inner_text("#detail") == "No answer matches."


def test_an_answer_stays_open_while_filters_leave_it_in(open_report, records):
    page = open_report(records, f"#answers/{records[9]['item_id']}")
    page.select_option("#variant", "b@0.7")
    assert heading(page) == ["p4", "b@0.7"]
    page.select_option("#category", '"b"')
    assert heading(page) == ["p1", "b@0.7"]


def test_what_was_searched_for_is_marked(open_report, records):
    page = open_report(records, "#answers")
    page.fill("#query", "needle")
    assert page.locator("#detail .answer mark").all_inner_texts() == ["Needle"]


def test_the_least_sure_stand_first_and_those_without_logprobs_last(open_report, records):
    page = open_report(records, "#answers")
    page.select_option("#order", "mean_logprob")
    assert ids(page)[:3] == ["p0 a@0.0", "p1 a@0.0", "p2 a@0.0"]
    page.check("#reversed")
    assert ids(page)[:3] == ["p11 a@0.0", "p10 a@0.0", "p9 a@0.0"]
    assert heading(page) == ["p11", "a@0.0"]
    page.locator("#list").press("End")
    assert ids(page)[-1].endswith("b@0.7")


def test_uncertainty_stands_with_each_answer_that_has_logprobs(open_report, records):
    page = open_report(records, f"#answers/{records[0]['item_id']}")
    facts = dict(
        zip(page.locator("#detail dt").all_inner_texts(), page.locator("#detail dd").all_inner_texts(), strict=True)
    )
    assert (facts["mean logprob"], facts["least logprob"], facts["yes/no margin"]) == (
        "\u22121.956",
        "\u22123.219",
        "0.223",
    )


def test_the_token_view_is_reached_by_keyboard_alone(open_report, records):
    page = open_report(records)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("p3")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "list"
    page.keyboard.press("j")
    assert heading(page) == ["p3", "b@0.7"]
    page.keyboard.press("ArrowUp")
    assert heading(page) == ["p3", "a@0.0"]
    assert page.get_attribute("#list", "aria-activedescendant") == "row-0"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    # Past the button for side by side stand the tokens: one stop for all of them.
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('token')"):
            break
    assert page.evaluate("document.activeElement.textContent") == "Yes"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == " so"
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"


def test_tokens_are_coloured_by_their_logprob_and_say_it(open_report, records):
    page = open_report(records, f"#answers/{records[0]['item_id']}")
    first, second = page.locator(".tokens .token").all()
    assert "level-2" in first.get_attribute("class")
    assert "level-5" in second.get_attribute("class")
    assert first.get_attribute("aria-label") == "token 1, Yes, logprob \u22120.6931, probability 50.0 %"
    assert first.evaluate("one => getComputedStyle(one).backgroundColor") != second.evaluate(
        "one => getComputedStyle(one).backgroundColor"
    )


@pytest.mark.parametrize("by", ["hover", "focus"])
def test_the_top_list_shows_on_hover_and_on_focus(open_report, records, by):
    page = open_report(records, f"#answers/{records[0]['item_id']}")
    token = page.locator(".tokens .token").nth(1)
    getattr(token, by)()
    assert token.get_attribute("aria-describedby") == "tip"
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#tip tr").all()]
    assert [[cell for cell in row if cell] for row in rows] == [
        ["so", "90.00 %", "\u22120.1054"],
        ["not", "5.00 %", "\u22122.9957"],
        ["▸", "·so", "4.00 %", "\u22123.2189"],
    ]
    assert "everything else 5.00 %; before temperature \u22122.8134" in page.inner_text("#tip")


def test_answers_to_one_prompt_stand_side_by_side(open_report, records):
    page = open_report(records, f"#answers/{records[8]['item_id']}")
    page.keyboard.press("s")
    cards = page.locator(".card")
    assert cards.locator("h3").all_inner_texts() == ["a@0.0", "b@0.7"]
    assert "A Needle in a haystack." in cards.nth(0).inner_text()
    assert page.locator("#list").is_hidden()
    cards.nth(1).locator("button").click()
    assert heading(page) == ["p4", "b@0.7"]
    assert page.locator("#list").is_visible()


def test_escape_leads_back_from_side_by_side(open_report, records):
    page = open_report(records, "#answers")
    page.keyboard.press("s")
    assert page.locator(".cards").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".cards").count() == 0
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"


def test_an_address_names_an_answer(open_report, records):
    page = open_report(records, f"#answers/{records[21]['item_id']}")
    assert heading(page) == ["p10", "b@0.7"]
    page.keyboard.press("j")
    assert heading(page) == ["p11", "a@0.0"]
    assert page.evaluate("location.hash") == f"#answers/{records[22]['item_id']}"


def test_conversations_systems_and_thinking_are_shown(open_report, make_record):
    messages = [
        {"role": "user", "content": "First turn"},
        {"role": "assistant", "content": "Reply"},
        {"role": "user", "content": "Last"},
    ]
    page = open_report([make_record(messages=messages, system="Be brief.", thinking="Let me see.")], "#answers")
    assert page.locator("#detail .turn").all_inner_texts() == [
        "system\nBe brief.",
        "user\nFirst turn",
        "assistant\nReply",
        "user\nLast",
    ]
    page.click("summary:has-text('Thinking')")
    assert page.locator("text=Let me see.").is_visible()


def test_simulated_answers_are_marked_wherever_they_show(open_report, make_record):
    page = open_report([make_record("p1", simulated=True), make_record("p1", "real@0.0")], "#answers")
    assert page.locator("#list .row").nth(0).locator(".badge.simulated").count() == 1
    assert page.locator("#list .row").nth(1).locator(".badge.simulated").count() == 0
    assert "svg" in page.locator("#detail .answer").evaluate("one => getComputedStyle(one).backgroundImage")
    page.keyboard.press("s")
    assert [card.locator(".watermarked").count() for card in page.locator(".card").all()] == [1, 0]


def test_in_a_narrow_window_an_answer_takes_the_place_of_the_list(open_report, records):
    page = open_report(records, "#answers", width=420)
    assert page.locator("#detail").is_hidden()
    page.locator("#list .row").nth(1).click()
    assert page.locator("#list").is_hidden()
    assert heading(page) == ["p0", "b@0.7"]
    page.click("text=← Answers")
    assert page.locator("#list").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_a_long_list_draws_what_is_in_sight(open_report, make_record):
    page = open_report([make_record(f"p{n}") for n in range(500)], "#answers")
    assert page.locator("#list .row").count() < 40
    page.locator("#list").press("End")
    assert heading(page) == ["p499", "m@0.0"]
    row = page.locator("#list [aria-selected=true]")
    assert (row.get_attribute("aria-posinset"), row.get_attribute("aria-setsize")) == ("500", "500")
    page.keyboard.press("k")
    assert heading(page) == ["p498", "m@0.0"]
    page.click("nav [data-view=overview]")
    page.click("nav [data-view=answers]")
    assert page.locator("#list [aria-selected=true] .id").inner_text() == "p498"
    page.go_back()
    page.wait_for_selector("nav [data-view=overview][aria-current]")


def test_the_first_stop_skips_to_the_content(open_report, make_record):
    page = open_report([make_record()])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_an_answer_of_another_run_is_marked_and_counted(open_report, make_record):
    origin = {"run_id": "first", "folder": "out/<b>first", "cost_usd": 0.5}
    page = open_report([make_record("p0", reused_from=origin), make_record("p1")], "#answers")
    assert heading(page)[0] == "p0"
    facts = page.locator("#detail dl.facts").last.inner_text()
    assert "run first, from out/<b>first" in facts
    page.click("nav [data-view=overview]")
    head, row = page.locator("table.figures thead tr"), page.locator("table.figures tbody tr").first
    place = head.locator("th").all_inner_texts().index("reused")
    assert row.locator("th, td").nth(place).inner_text() == "1"
