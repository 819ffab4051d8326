"""Coders and adjudicators in a real browser, over the command in a process of its own.

What a person does is a key pressed or a thing clicked; what is checked is what the browser got, what it shows, and what
is in the file afterwards.
"""

from __future__ import annotations

import json

import pytest
from sklearn.metrics import cohen_kappa_score

from harness.analysis.agreement import agreement_command
from harness.analysis.labels import read_annotations
from harness.annotate.assignment import Assignment


@pytest.fixture
def twenty(make_run):
    return make_run(20)


def _label_all(tabs: dict, says: dict, folder) -> dict[str, list[str]]:
    """Two people label twenty answers at the same time, one by keyboard and one by mouse; the order of each."""
    orders: dict[str, list[str]] = {name: [] for name in tabs}
    for n in range(20):
        for name, tab in tabs.items():
            assert tab.told() == f"{n} of 20"
            orders[name].append(tab.item(folder))
            label = tab.label_by_keyboard if name == "Ada" else tab.label_by_mouse
            label(says[name][orders[name][-1]])
    return orders


def _settle_three(cyd, folder) -> list[str]:
    """What was undecided, in the order in which it was decided."""
    settled = []
    for left in (3, 2, 1):
        assert cyd.page.locator("#open button").count() == left
        assert cyd.told() == f"{3 - left} of 3 decided"
        rows = [row.split("\t") for row in cyd.page.inner_text("#said").splitlines()]
        assert rows[0] == ["", "Ada", "Bea"]
        assert rows[1] == ["hallucinationdiffer", "yes", "no"]
        assert cyd.page.is_checked("input[name=abstained][value=no]")
        settled.append(cyd.item(folder))
        cyd.page.keyboard.press("y")
        cyd.page.keyboard.press("/")
        cyd.page.keyboard.type("settled: y")
        cyd.after(lambda: cyd.page.keyboard.press("Control+Enter"))
    assert "All 3 differences are decided" in cyd.page.inner_text("#finished")
    return settled


def test_two_label_twenty_in_orders_of_their_own_and_a_third_settles_three(
    twenty, record, start_annotating, open_tab, capsys
):
    served = start_annotating(twenty, overlap=1.0)
    ids = [record(n)["item_id"] for n in range(20)]
    ada_says = {item: "yes" if n < 8 else "no" for n, item in enumerate(ids)}
    differing = set(ids[3:6])
    bea_says = {item: "no" if item in differing else said for item, said in ada_says.items()}
    ada, bea, cyd, refused = open_tab(), open_tab(color_scheme="dark"), open_tab(), open_tab()
    ada.enter(served.url, "Ada")
    bea.enter(served.url, "Bea")

    orders = _label_all({"Ada": ada, "Bea": bea}, {"Ada": ada_says, "Bea": bea_says}, twenty)
    assert "You have labelled 20 of 20" in ada.page.inner_text("#finished")
    refused.enter(served.adjudicate_url, "Ada")
    assert refused.page.inner_text("#status").startswith("Ada codes here.")
    cyd.enter(served.adjudicate_url, "Cyd")
    settled = _settle_three(cyd, twenty)

    said = read_annotations(twenty, known=ids)
    coded = said.coded()
    assert sorted(orders["Ada"]) == sorted(orders["Bea"]) == sorted(ids)
    assert orders["Ada"] != orders["Bea"]
    for name, says in (("Ada", ada_says), ("Bea", bea_says)):
        assert {item: coded[item][name]["hallucination"] for item in ids} == says
        assert coded[ids[9]][name] == {"hallucination": "no", "abstained": "no"}
        assert coded[ids[0]][name] == {
            "hallucination": "yes", "abstained": "no", "types": ["existence", "citation"], "severity": "moderate",
        }  # fmt: skip
    assert set(settled) == differing
    decision = {"hallucination": "yes", "abstained": "no", "notes": "settled: y"}
    assert said.adjudicated() == {item: decision for item in differing}  # noqa: C420 - a dictionary is mutable
    assert all(act.seconds is not None and act.seconds < 60 for act in said.acts)
    assert sum(act.seconds for act in said.acts) > 0

    for tab in (ada, bea, cyd):
        assert tab.trouble == []
        received = tab.everything()
        assert "Answer number 4." in received
        assert [name for name in (*ids, "secret", "prompt_00", "0.7", "openai") if name in received] == []

    assert agreement_command(twenty, form="json") == 0
    (kappa,) = [
        row["value"]
        for row in json.loads(capsys.readouterr().out)["agreement"]
        if [row[key] for key in ("field", "measure", "variant", "prompt_category")]
        == ["hallucination", "cohen_kappa", "all", "all"]
    ]
    labels = [[coded[item][name]["hallucination"] for item in ids] for name in ("Ada", "Bea")]
    assert kappa == pytest.approx(cohen_kappa_score(*labels))
    assert 0 < kappa < 1


def test_what_a_page_called_saved_is_there_after_kill_9(twenty, start_annotating, open_tab):
    served = start_annotating(twenty, overlap=1.0, train=3)
    ada = open_tab()
    ada.enter(served.url, "Ada")
    done = []
    for n in range(9):
        done.append(ada.item(twenty))
        ada.label_by_keyboard("yes" if n % 2 else "no")
    ada.after(lambda: ada.page.keyboard.press("k"))
    ada.page.keyboard.press("n")
    served.kill()
    ada.page.keyboard.press("s")
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#status.problem:not([hidden])")
    assert ada.page.inner_text("#status").startswith("NOT SAVED.")

    assert list(read_annotations(twenty).coded()) == done
    with (twenty / "annotations.jsonl").open("ab") as file:
        file.write(b'{"item_id":"half a line')
    again = open_tab()
    again.enter(start_annotating(twenty).url, "Ada")
    assert again.told() == "6 of 17, 1 skipped"
    assert again.item(twenty) == ada.item(twenty)
    assert list(read_annotations(twenty).coded()) == done
    assert [path.read_bytes() for path in twenty.glob("annotations.jsonl.torn-*")] == [b'{"item_id":"half a line']


def test_a_page_goes_on_when_its_server_was_started_again(twenty, start_annotating, open_tab):
    """As the page says when it could not save: the new address in another tab gives the old one its cookie."""
    served = start_annotating(twenty)
    port = int(served.url.partition("?")[0].rstrip("/").rpartition(":")[2])
    ada = open_tab()
    ada.enter(served.url, "Ada")
    item = ada.item(twenty)
    served.kill()
    new = start_annotating(twenty, port=port)
    ada.page.keyboard.press("n")
    ada.page.keyboard.press("s")
    ada.after(lambda: ada.page.keyboard.press("Enter"))
    assert ada.page.inner_text("#status").startswith("The token is missing or wrong.")

    ada.context.new_page().goto(new.url)
    ada.after(lambda: ada.page.keyboard.press("Enter"))

    assert list(read_annotations(twenty).coded()) == [item]
    assert ada.told() == "1 of 20"


def test_one_name_again_goes_on_and_an_unknown_one_is_asked_about(twenty, start_annotating, open_tab):
    served = start_annotating(twenty, overlap=1.0)
    ada = open_tab()
    ada.enter(served.url, "Ada")
    ada.label_by_keyboard("no")
    ada.page.reload()
    ada.page.wait_for_selector("#work:not([hidden])")
    assert ada.told() == "1 of 20"

    other = open_tab()
    other.page.goto(served.url)
    assert other.page.locator(".known").all_inner_texts() == ["Ada"]
    other.page.fill("#name", "Adaa")
    other.page.keyboard.press("Enter")
    other.page.wait_for_selector("#confirm:not([hidden])")
    assert other.page.inner_text("#confirm-text").startswith("Nobody called Adaa has labelled here. Known: Ada.")
    other.page.click("#confirm-no")
    other.page.fill("#name", "ADA")
    other.page.keyboard.press("Enter")
    other.page.wait_for_selector("#work:not([hidden])")
    assert other.page.inner_text("#status") == "ADA is known here as Ada; going on under that name."
    assert (other.told(), other.page.inner_text("#who")) == ("1 of 20", "Ada")
    assert Assignment.read(twenty).coders == ("Ada",)


def test_an_adjudicator_can_look_at_any_difference_and_take_a_coders_labels(twenty, start_annotating, open_tab):
    served = start_annotating(twenty, overlap=1.0, sample=3)
    ada, bea, cyd = open_tab(), open_tab(), open_tab()
    for tab, name, says in ((ada, "Ada", "yes"), (bea, "Bea", "no")):
        tab.enter(served.url, name)
        for _ in range(3):
            tab.label_by_keyboard(says)
    cyd.enter(served.adjudicate_url, "Cyd")
    first = cyd.item(twenty)
    cyd.after(lambda: cyd.page.keyboard.press("k"))
    second = cyd.item(twenty)
    assert second != first
    assert cyd.page.locator("#open [aria-current]").inner_text() == "hallucination, types, severity"
    assert cyd.page.locator("#open button").nth(1).get_attribute("aria-current") == "true"
    cyd.after(lambda: cyd.page.locator("#open button").nth(0).click())
    assert cyd.item(twenty) == first
    cyd.page.get_by_role("button", name="As Ada says").click()
    cyd.after(lambda: cyd.page.keyboard.press("Enter"))

    said = read_annotations(twenty)
    assert said.adjudicated() == {first: said.coded()[first]["Ada"]}
    assert cyd.item(twenty) == second
    cyd.after(lambda: cyd.page.keyboard.press("u"))
    assert cyd.item(twenty) == first
    assert read_annotations(twenty).adjudicated() == {}
