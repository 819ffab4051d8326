"""Who is let in."""

from __future__ import annotations

import pytest

PAGES = ("/", "/adjudicate", "/pages/coding.js")


@pytest.mark.parametrize("path", PAGES)
async def test_with_the_token_in_a_cookie_everything_is_served_under_a_strict_policy(make_run, open_app, path):
    async with open_app(make_run(2)) as client:
        answer = await client.get(path)

    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_token_in_the_url_becomes_a_cookie_that_no_script_and_no_other_site_has(make_run, open_app):
    async with open_app(make_run(2)) as client:
        answer = await client.get("/?token=right-token", headers={"cookie": ""})
        without = await client.get("/")

    assert answer.status_code == 200
    assert answer.headers["set-cookie"] == "annotate_8765=right-token; Path=/; HttpOnly; SameSite=Strict"
    assert "set-cookie" not in without.headers


@pytest.mark.parametrize(
    ("path", "cookie"),
    [
        ("/", ""),
        ("/", "annotate_8765=wrong-token"),
        ("/", "annotate_8766=right-token"),
        ("/?token=wrong-token", ""),
        ("/?token=wrong-token", "annotate_8765=right-token"),
        ("/?token=", ""),
        ("/?token=right-toke%C3%B6", ""),
        ("/pages/coding.js", ""),
        ("/", "a\x01b; =;;"),
    ],
)
async def test_a_wrong_token_gets_a_sentence(make_run, open_app, path, cookie):
    async with open_app(make_run(2)) as client:
        answer = await client.get(path, headers={"cookie": cookie})

    assert answer.status_code == 403
    assert (
        answer.text == "The token is missing or wrong. Open the whole address that `harness annotate` printed last.\n"
    )
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
async def test_every_name_of_this_machine_is_let_in(make_run, open_app, host):
    async with open_app(make_run(2)) as client:
        assert (await client.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1:8766", "127.0.0.1", "localhost.evil.example:8765", ""]
)
async def test_another_host_is_refused_whatever_token_it_has(make_run, open_app, host):
    async with open_app(make_run(2)) as client:
        answer = await client.get("/?token=right-token", headers={"host": host})

    assert answer.status_code == 403
    assert answer.text.startswith("This page is served to this machine only")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8766", "https://127.0.0.1:8765", ""]
)
async def test_a_post_from_another_page_is_refused(make_run, open_app, origin):
    async with open_app(make_run(2)) as client:
        answer = await client.post("/do/coding/begin", json={"coder": "Ada"}, headers={"origin": origin})
        state = await client.post("/do/coding/state", json={"coder": "Ada"})

    assert answer.status_code == 403
    assert answer.text == "This came from another page, which may not write here.\n"
    assert state.json()["error"].startswith("Give your name first")


async def test_a_post_without_an_origin_is_refused(make_run, open_app):
    async with open_app(make_run(2)) as client:
        del client.headers["origin"]
        answer = await client.post("/do/coding/begin", json={"coder": "Ada"})

    assert answer.status_code == 403


async def test_a_post_needs_the_token_too(make_run, open_app):
    async with open_app(make_run(2)) as client:
        answer = await client.post("/do/coding/begin", json={"coder": "Ada"}, headers={"cookie": ""})

    assert answer.status_code == 403


@pytest.mark.parametrize("foreign", ['prefs={"a":1}', "x=a b", "flag", "path=/", "foo[bar]=1", "=", "annotate_8766=y"])
async def test_a_cookie_of_another_program_on_this_machine_locks_nobody_out(make_run, open_app, foreign):
    async with open_app(make_run(2)) as client:
        for cookie in (f"{foreign}; annotate_8765=right-token", f"annotate_8765=right-token; {foreign}"):
            assert (await client.get("/pages/coding.js", headers={"cookie": cookie})).status_code == 200
