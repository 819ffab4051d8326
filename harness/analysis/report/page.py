"""One HTML file from data and the plain files beside this module. Knows nothing of what the data mean.

The file needs no network and no server. Its policy lets exactly one style sheet and one script run, named by their
hashes, and no string become markup, so that a text that got out of its place would still do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib import resources
from typing import Any

from harness.json_text import to_json

BEGINNING = b"<!doctype html>\n<!-- A report of llm-pilot-harness."
"""How every report begins."""
# In the order in which they use each other; together they are one script.
_SCRIPTS = (
    "text.js", "charts.js", "overview.js", "comparison.js", "answers.js", "list.js", "tokens.js", "detail.js",
    "report.js",
)  # fmt: skip
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def page(title: str, data: dict[str, Any]) -> bytes:
    """The whole file."""
    style = _file("report.css")
    script = '(() => {\n"use strict";\n' + "".join(map(_file, _SCRIPTS)) + "})();\n"
    parts = {
        "title": html.escape(title),
        "policy": html.escape(
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        "style": style,
        "data": embedded_json(data),
        "script": script,
    }
    made = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file("report.html"))
    return made.encode()


def embedded_json(data: Any) -> str:
    """JSON that nothing in it can end early: no character of it means anything to HTML."""
    return to_json(data).decode().translate(_ESCAPED)


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return resources.files("harness.analysis.report").joinpath(name).read_text(encoding="utf-8")
