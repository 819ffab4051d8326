"""Answers that would run, hide or break the page, in a real browser: they show as text."""

from __future__ import annotations

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script><!--",
    "ends \u202ebackwards",
    "<img src=x onerror=alert(3)>",
    "{{ 7 * 7 }} {% for x in y %} ${alert(4)}",
)


def test_hostile_answers_show_as_text_and_run_nothing(make_run, record, start_annotating, open_tab):
    long = "long text, " * 90_000
    word = "w" * 1_000_000
    texts = [*HOSTILE, long, word]
    records = [
        record(
            n,
            full_response=text,
            prompt=text[:200],
            prompt_metadata={"gold_label": text[:200], "gold_points": [text[:200]]},
        )
        for n, text in enumerate(texts)
    ]
    folder = make_run(records)
    served = start_annotating(folder, overlap=1.0)
    ada, bea = open_tab(), open_tab()
    ada.enter(served.url, "<img src=x onerror=alert(5)>")
    bea.enter(served.url, "</script>")
    shown = set()
    for _ in texts:
        answer = ada.page.text_content("#answer")
        shown.add(answer)
        box = ada.page.locator("#answer").evaluate("box => [box.clientHeight, innerHeight, box.children.length]")
        assert box[0] < box[1]
        assert box[2] == 0
        assert (
            ada.page.text_content("#turns")
            == ada.page.text_content("#gold-label")
            == answer[:200].replace("\u202e", "")
        )
        ada.label_by_keyboard("yes")
        ada.page.wait_for_selector("#work:not([hidden]), #finished:not([hidden])")
        bea.page.keyboard.press("/")
        bea.page.keyboard.type("<b>&</b>")
        bea.page.keyboard.press("Escape")
        bea.page.keyboard.press("n")
        bea.page.keyboard.press("a")
        bea.after(lambda: bea.page.keyboard.press("Enter"))
    assert shown == {text.replace("\u202e", "\\u202e") for text in texts}

    cyd = open_tab()
    cyd.enter(served.adjudicate_url, "{{ 7 * 7 }}")
    assert "<b>&</b>" in cyd.page.inner_text("#said")
    assert cyd.page.locator("#said th").nth(0).inner_text() == "</script>"
    for _ in texts:
        cyd.page.get_by_role("button", name="As </script> says").click()
        cyd.after(lambda: cyd.page.keyboard.press("Enter"))
    assert "All 7 differences are decided" in cyd.page.inner_text("#finished")

    assert ada.trouble == bea.trouble == cyd.trouble == []
    for tab in (ada, bea, cyd):
        assert tab.page.locator("main script, main img, main b").count() == 0


def test_a_text_of_a_megabyte_is_soon_there_and_can_be_labelled(make_run, record, start_annotating, open_tab):
    folder = make_run([record(n, full_response="line of text\n" * 80_000) for n in range(4)])
    ada = open_tab()
    ada.enter(start_annotating(folder).url, "Ada")
    took = ada.page.evaluate(
        """async () => {
            const began = performance.now();
            for (const key of ["n", "s", "Enter"]) document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            while (!document.getElementById("told").textContent.startsWith("1 of")) await new Promise(requestAnimationFrame);
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            return performance.now() - began;
        }"""
    )
    assert took < 5000
    assert ada.trouble == []


def test_simulated_answers_carry_a_watermark(make_run, record, start_annotating, open_tab):
    folder = make_run([record(n, simulated=True) for n in range(2)])
    served = start_annotating(folder, overlap=1.0)
    ada, bea, cyd = open_tab(), open_tab(), open_tab()
    ada.enter(served.url, "Ada")
    bea.enter(served.url, "Bea")
    ada.label_by_keyboard("yes")
    for _ in range(2):
        bea.label_by_keyboard("no")
    cyd.enter(served.adjudicate_url, "Cyd")

    for tab in (ada, cyd):
        assert tab.page.inner_text("#tags") == "Simulated answer: no data"
        assert "simulated.svg" in tab.page.locator("#answer").evaluate("box => getComputedStyle(box).backgroundImage")
        assert tab.page.is_visible(".banner")
