"""The page of a coder by keyboard and mouse, in a real browser."""

from __future__ import annotations

import pytest

from harness.analysis.labels import read_annotations
from harness.annotate.assignment import Assignment


@pytest.fixture
def twenty(make_run):
    return make_run(20)


def test_labels_are_keys_and_a_key_is_a_label_only_where_it_is_asked(twenty, start_annotating, open_tab):
    ada = open_tab()
    ada.enter(start_annotating(twenty).url, "Ada")
    page, keyboard = ada.page, ada.page.keyboard
    first = ada.item(twenty)

    keyboard.press("?")
    assert page.locator("#help").is_visible()
    keyboard.press("y")  # the help is open: this is no label
    keyboard.press("Escape")
    keyboard.press("Enter")
    assert page.locator("fieldset[data-field=hallucination] .problem").inner_text() == "Choose one."
    assert page.inner_text("#status") == "Something is missing."

    assert page.is_hidden("fieldset[data-field=severity]")
    keyboard.press("9")  # hidden: no label either
    keyboard.press("y")
    assert page.is_visible("fieldset[data-field=severity]")
    assert page.locator("fieldset[data-field=severity] :checked").count() == 0
    keyboard.press("9")
    keyboard.press("9")
    keyboard.press("2")
    keyboard.press("3")
    keyboard.press("2")
    keyboard.press("a")
    keyboard.press("c")
    keyboard.press("/")
    keyboard.type("y n 1\nu k")
    keyboard.press("Escape")
    ada.after(lambda: keyboard.press("Enter"))
    labels = {
        "hallucination": "yes",
        "abstained": "yes",
        "types": ["detail"],
        "citations": "none",
        "notes": "y n 1\nu k",
    }
    assert read_annotations(twenty).coded() == {first: {"Ada": labels}}


def test_skip_and_undo_by_keyboard(twenty, start_annotating, open_tab):
    ada = open_tab()
    ada.enter(start_annotating(twenty).url, "Ada")
    page, keyboard = ada.page, ada.page.keyboard
    first = ada.item(twenty)
    for key in "yac23/":
        keyboard.press(key)
    keyboard.type("y n 1\nu k")
    ada.after(lambda: keyboard.press("Control+Enter"))

    second = ada.item(twenty)
    ada.after(lambda: keyboard.press("k"))
    assert ada.told() == "1 of 20, 1 skipped"
    ada.after(lambda: keyboard.press("u"))
    assert ada.item(twenty) == second
    ada.after(lambda: keyboard.press("Backspace"))
    assert (ada.item(twenty), ada.told()) == (first, "0 of 20")
    assert page.input_value("textarea") == "y n 1\nu k"
    assert page.is_checked("input[value=detail]")
    keyboard.press("n")
    ada.after(lambda: keyboard.press("Enter"))
    kept = {"hallucination": "no", "abstained": "yes", "citations": "none", "notes": "y n 1\nu k"}
    assert read_annotations(twenty).coded() == {first: {"Ada": kept}}
    assert ada.item(twenty) == second


def test_what_has_no_key_is_reached_with_tab_and_it_shows_where_one_is(twenty, start_annotating, open_tab):
    ada = open_tab()
    ada.enter(start_annotating(twenty).url, "Ada")
    page, keyboard = ada.page, ada.page.keyboard
    page.focus("fieldset[data-field=hallucination] input")
    keyboard.press("Tab")
    keyboard.press("Space")
    assert page.is_checked("fieldset[data-field=abstained] input[value=yes]")
    outline = page.locator("fieldset[data-field=abstained] .option").first.evaluate(
        "one => getComputedStyle(one).outlineStyle"
    )
    assert outline == "solid"
    page.focus("#skip")
    ada.after(lambda: keyboard.press("Enter"))  # the button's own key, not a save
    assert ada.told() == "0 of 20, 1 skipped"


def test_a_choice_that_may_be_left_out_is_let_go_by_a_second_click(twenty, start_annotating, open_tab):
    ada = open_tab()
    ada.enter(start_annotating(twenty).url, "Ada")
    citations = ada.page.locator("fieldset[data-field=citations] label").first
    required = ada.page.locator("fieldset[data-field=abstained] label").first
    for label in (citations, required):
        label.click()
        assert label.locator("input").is_checked()
        label.click()

    assert not citations.locator("input").is_checked()
    assert required.locator("input").is_checked()


def test_training_is_marked_and_leaves_the_token_out_of_the_address(twenty, start_annotating, open_tab):
    ada = open_tab()
    ada.enter(start_annotating(twenty, train=1, sample=2).url, "Ada")
    assert ada.page.url.endswith("/")
    assert (ada.told(), ada.page.inner_text("#tags")) == ("Training: 0 of 1", "Training: this one is for practice")
    assert ada.item(twenty) in Assignment.read(twenty).drawn.training
    ada.label_by_keyboard("no")

    assert (ada.told(), ada.page.inner_text("#tags")) == ("0 of 2", "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(twenty, start_annotating, open_tab, scheme):
    """By WCAG 2.2, 1.4.3: contrast of at least 4.5."""
    ada = open_tab(color_scheme=scheme)
    ada.enter(start_annotating(twenty).url, "Ada")
    pairs = ada.page.evaluate(
        """() => {
            const rgb = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
            const behind = (one) => {
                for (; one; one = one.parentElement) {
                    const colour = getComputedStyle(one).backgroundColor;
                    if (colour !== "rgba(0, 0, 0, 0)") return rgb(colour);
                }
            };
            return ["#answer", ".hint", ".quiet", ".required", "#save", "kbd", "#gold a", "legend"].map((name) => {
                const one = document.querySelector(name);
                return [name, rgb(getComputedStyle(one).color), behind(one)];
            });
        }"""
    )

    def luminance(rgb) -> float:
        linear = [c / 255 / 12.92 if c <= 10.31 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    contrasts = {}
    for name, *colours in pairs:
        dark, light = sorted(map(luminance, colours))
        contrasts[name] = (light + 0.05) / (dark + 0.05)
    assert {name: contrast for name, contrast in contrasts.items() if contrast < 4.5} == {}
    back = ada.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) < 200) == (scheme == "dark")
