from __future__ import annotations

import pytest

from tests.merge.run_folders import Folders


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Folders:
    monkeypatch.chdir(tmp_path)
    return Folders(tmp_path)
