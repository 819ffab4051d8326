from __future__ import annotations

import pytest


@pytest.fixture
def prompt_file(tmp_path):
    """Write text or bytes under a name, as they are, and return the path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
