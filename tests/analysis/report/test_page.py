from __future__ import annotations

import base64
import hashlib
import html
import json
import re

import pytest

from harness.analysis.report.page import BEGINNING, embedded_json, page

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028\u2029 ]]> \x1b {{script}}"


def test_embedded_json_says_the_same_and_means_nothing_to_html():
    written = embedded_json({HOSTILE: [HOSTILE]})
    assert json.loads(written) == {HOSTILE: [HOSTILE]}
    assert not set("<>&\u2028\u2029") & set(written)


def test_a_lone_surrogate_costs_itself_alone():
    assert json.loads(embedded_json(["a\ud800b"])) == ["a\ufffdb"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_in_json_is_null(value):
    assert json.loads(embedded_json([value])) == [None]


def test_the_policy_allows_one_style_and_one_script_by_their_hashes():
    text = page("x", {}).decode()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert policy.startswith("default-src 'none'; ")
    for name, source in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_placeholder_is_filled_by_what_the_data_say():
    text = page("{{data}}", {"text": "{{style}}"}).decode()
    assert "<title>{{data}}</title>" in text
    assert '{"text":"{{style}}"}' in text


def test_a_title_is_text():
    assert "<title>&lt;/title&gt;&amp;</title>" in page("</title>&", {}).decode()


def test_every_page_begins_alike():
    assert page("x", {}).startswith(BEGINNING)


def test_nothing_in_the_page_names_another_place():
    text = page("x", {}).decode()
    assert set(re.findall(r"https?://[^'\")\s]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
