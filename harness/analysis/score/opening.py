"""The opening of an answer, sentence by sentence and in plain characters. Knows no phrase.

Whether a question is answered shows at the beginning. "I could not find the build number" after a page of facts is a
caveat, and the same words in the first sentence are an abstention.
"""

from __future__ import annotations

import re

SENTENCES = 3
_CHARACTERS = 600
_HEADING = re.compile(r"\s*#{1,6}\s")
_MARKDOWN = re.compile(r"[*`]+|^[ \t]*(?:[-+>•]|\d+[.)])[ \t]+", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "“": '"', "”": '"', "\u2010": "-", "\u2011": "-", "\u00a0": " "})


def opening(text: str) -> list[str]:
    """The first sentences in lower case, with straight quotes and hyphens, without emphasis, bullets and line breaks.

    Headings are left out, because they repeat the question.
    """
    body = "\n".join(line for line in text.split("\n") if not _HEADING.match(line))
    plain = _MARKDOWN.sub("", body.translate(_PLAIN)).casefold()[:_CHARACTERS]
    sentences = [" ".join(part.split()) for part in _SENTENCE.split(plain)]
    return [sentence for sentence in sentences if re.search(r"\w", sentence)][:SENTENCES]
