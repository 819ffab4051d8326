from __future__ import annotations

import sys

import pytest

from harness.analysis.libraries import library
from harness.errors import UsageError


def test_a_library_is_its_module():
    assert library("json.decoder") is sys.modules["json.decoder"]


def test_a_missing_library_is_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "krippendorff", None)
    with pytest.raises(UsageError, match=r"needs krippendorff.*pip install -c constraints\.txt -e '\.\[analysis\]'"):
        library("krippendorff")
