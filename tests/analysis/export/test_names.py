from __future__ import annotations

import re

import pytest

from harness.analysis.export.names import short_slug, slug


def test_a_models_name_is_recognised_and_has_its_hash():
    assert re.fullmatch(r"Qwen-Qwen2\.5-14B-[0-9a-f]{6}", slug("Qwen/Qwen2.5-14B"))


@pytest.mark.parametrize(
    "name", ["../../etc", "/etc/passwd", "..", ".hidden", "", "a\\b", "nul\0", "\u202egnp", "x" * 999]
)
def test_no_name_is_a_path_or_hidden_or_too_long(name):
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,80}", slug(name))
    assert ".." not in slug(name)


def test_names_that_look_alike_without_their_other_characters_differ():
    assert slug("a/b") != slug("a:b")
    assert slug("x" * 100) != slug("x" * 101)


def test_a_name_has_one_slug():
    assert slug("Qwen/Qwen2.5-14B") == slug("Qwen/Qwen2.5-14B")


def test_a_name_that_can_stand_as_it_is_stands_without_a_hash():
    assert short_slug("gpt-4.1-mini") == "gpt-4.1-mini"


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-14B", "", "..", ".hidden", "a--b", "x" * 61])
def test_a_name_that_cannot_has_its_hash(name):
    assert short_slug(name) == slug(name)
