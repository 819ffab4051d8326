"""The routes."""

from __future__ import annotations

import pytest

from harness.annotate.drawing import Flags

NO = {"hallucination": "no", "abstained": "no"}


async def test_a_whole_session_over_http(make_run, open_app):
    async with open_app(make_run(3), Flags(overlap=1.0)) as client:

        async def do(what: str, **facts) -> dict:
            answer = await client.post(f"/do/{what}", json=facts)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
            return answer.json()

        first = await do("coding/begin", coder="Ada")
        again = await do("coding/state", coder="Ada")
        skipped = await do("coding/skip", coder="Ada", item=first["item"]["id"], seconds=1)
        back = await do("coding/undo", coder="Ada")
        saved = await do("coding/save", coder="Ada", item=first["item"]["id"], labels=NO, seconds=2)
        await do("coding/begin", coder="Bea", is_new=True)
        yes = NO | {"hallucination": "yes"}
        await do("coding/save", coder="Bea", item=first["item"]["id"], labels=yes, seconds=2)
        open_items = await do("adjudication/begin", coder="Cyd")
        looked = await do("adjudication/state", coder="Cyd", item=first["item"]["id"])
        decided = await do("adjudication/save", coder="Cyd", item=first["item"]["id"], labels=yes, seconds=2)
        undone = await do("adjudication/undo", coder="Cyd")

    assert again["item"] == first["item"] == back["item"]
    assert skipped["progress"]["skipped"] == 1
    assert saved["progress"]["done"] == 1
    assert [one["id"] for one in open_items["open"]] == [first["item"]["id"]] == [looked["item"]["id"]]
    assert (decided["open"], undone["item"]["values"]) == ([], yes)


async def test_a_refusal_is_a_sentence_with_its_status(make_run, open_app):
    async with open_app(make_run(2)) as client:
        answer = await client.post("/do/coding/begin", json={"coder": " "})

    assert answer.status_code == 422
    assert answer.json() == {"error": "Give a name to label behind, any text of up to 40 characters."}


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"[]", 400), (b'{"coder": "\\ud800"}', 400), (b'"' + b"x" * 300_000, 413)]
)
async def test_what_is_no_request_is_refused(make_run, open_app, body, status):
    async with open_app(make_run(2)) as client:
        answer = await client.post("/do/coding/begin", content=body)

    assert answer.status_code == status
    assert answer.json()["error"]


async def test_unknown_acts_files_and_paths_are_not_there(make_run, open_app):
    async with open_app(make_run(2)) as client:
        assert (await client.post("/do/coding/destroy", json={})).status_code == 404
        assert (await client.get("/pages/..%2fapp.py")).status_code == 404
        assert (await client.get("/pages/base.html")).status_code == 404
        assert (await client.get("/do/coding/state")).status_code == 405
        assert (await client.get("/results.jsonl")).status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"), [("coding.js", "text/javascript"), ("pages.css", "text/css"), ("icon.svg", "image/svg+xml")]
)
async def test_files_are_served_as_what_they_are(make_run, open_app, name, kind):
    async with open_app(make_run(2)) as client:
        assert (await client.get(f"/pages/{name}")).headers["content-type"].partition(";")[0] == kind


async def test_a_disk_that_refuses_is_said_and_nothing_counts(make_run, open_app):
    folder = make_run(2)
    async with open_app(folder) as client:
        item = (await client.post("/do/coding/begin", json={"coder": "Ada"})).json()["item"]["id"]
        path = folder / "annotations.jsonl"
        path.rename(folder / "elsewhere")
        answer = await client.post("/do/coding/save", json={"coder": "Ada", "item": item, "labels": NO})
        state = (await client.post("/do/coding/state", json={"coder": "Ada"})).json()
        (folder / "elsewhere").rename(path)

    assert answer.status_code == 503
    assert answer.json()["error"].startswith("NOT SAVED.")
    assert (state["item"]["id"], state["progress"]["done"]) == (item, 0)


async def test_the_rubric_and_names_stand_in_the_page_as_text(make_run, open_app, write_rubric, tmp_path):
    folder = make_run(2)
    hostile = "name: own\nfields: [{name: ok, type: choice, guidance: '<script>alert(1)</script>', options: [{value: '\"><b>'}]}]\n"
    (folder / "rubric.yaml").write_text(hostile)
    async with open_app(folder) as client:
        await client.post("/do/coding/begin", json={"coder": "<img src=x>"})
        page = (await client.get("/")).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>" not in page
    assert "<img" not in page


async def test_pages_hold_no_inline_script_or_style_and_nothing_remote(make_run, open_app):
    async with open_app(make_run(2)) as client:
        pages = [(await client.get(path)).text for path in ("/", "/adjudicate")]
        names = ("page.js", "form.js", "item.js", "keys.js", "coding.js", "adjudication.js", "pages.css")
        files = [(await client.get(f"/pages/{name}")).text for name in names]

    assert all(page.count("<script") == 1 == page.count("</script>") for page in pages)
    assert all(" style=" not in page and "<style" not in page and " onclick" not in page for page in pages)
    assert all("innerHTML" not in file and "http://" not in file and "@import" not in file for file in files)
