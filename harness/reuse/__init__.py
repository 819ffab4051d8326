"""Answers of other runs, taken instead of being paid for again. Knows no lane, no provider and no screen.

- `usable`: the answers they have to what is left of a plan; `evidence`: whether such an answer holds what is asked for
- `taking`: their copies, made durable in this run's journal
- `counts`: how many there were, in words
"""

from harness.reuse.counts import Counts, left_out_clause, sentence
from harness.reuse.taking import Plan, Taken, find, take
from harness.reuse.usable import UsableAnswers, corrupt

__all__ = ["Counts", "Plan", "Taken", "UsableAnswers", "corrupt", "find", "left_out_clause", "sentence", "take"]
