"""What cannot be done for a browser, as a sentence for whoever sits there. Knows no HTTP."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - reads as the fact it is
    """Its text is the sentence.

    Args:
        status: the HTTP status that says the same.
    """

    def __init__(self, sentence: str, status: int = 409) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
