"""How many prompts of one model are generated at the same time, and what running out of memory does to that number.

Knows no engine and no queue.
"""

from __future__ import annotations

_PROVES = 4
"""A number of slots has worked once so many times as many prompts were taken up with it."""


class Slots:
    """The number of slots of one load. One thread uses it.

    The rule:

    1. When memory runs out with n prompts in work, these are tried again by themselves, n // 2 at a time, and half of
       that if need be. A prompt for which memory runs out alone fails alone.
    2. That is over when one has failed so, or when all of them have an outcome. The others then go on with the number
       that it began with, if that had worked: the prompts were to blame. Else with half of it: the number was.
    3. A number has worked once four times as many prompts were taken up with it since it was set. One that was halved
       although a prompt was found to blame is doubled then. One that was halved for no such reason never grows again.

    So a number that is too high does not come back, a few enormous prompts do not take from the others what had worked,
    and every return is paid for: by a prompt that is out of the way, or by prompts that were answered.

    Args:
        most: the number to begin with.
    """

    def __init__(self, most: int) -> None:
        self.now = most
        self._most = most
        self._taken = 0
        self._began_with: int | None = None

    @property
    def tries_again(self) -> bool:
        """Whether the prompts for which memory ran out are being tried again, and no others are to join them."""
        return self._began_with is not None

    @property
    def may_grow(self) -> bool:
        """Whether the number has earned to be doubled."""
        return not self.tries_again and self.now < self._most and self._has_worked

    def grow(self) -> None:
        """Double the number where it may be."""
        if self.may_grow:
            self._set(min(2 * self.now, self._most))

    def took(self, prompts: int) -> None:
        """So many prompts more were taken up."""
        if not self.tries_again:
            self._taken += prompts

    def ran_out(self, rows: int) -> None:
        """Memory ran out with `rows` prompts in work, which are now to be tried again by themselves."""
        if not self.tries_again:
            self._began_with = self.now
        self.now = max(1, min(rows, self.now) // 2)

    def over(self, *, found_one: bool) -> None:
        """No prompt is left to be tried again by itself.

        Args:
            found_one: because one of them failed alone.
        """
        if self._began_with is None:
            return
        began_with, self._began_with = self._began_with, None
        self.now = began_with
        if not self._has_worked:
            self._set(max(1, began_with // 2))
            if not found_one:
                self._most = self.now
        elif not found_one:
            self._taken = 0

    @property
    def _has_worked(self) -> bool:
        return self._taken >= _PROVES * self.now

    def _set(self, number: int) -> None:
        self.now = number
        self._taken = 0
