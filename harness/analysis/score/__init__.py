"""Marks that a program can give an answer by itself. Heuristics, named so everywhere, and never mixed with labels.

- `opening`: the part of an answer that decides whether the question is answered
- `phrases`: a list of ways to abstain; `abstention`: how they are taken; `refusal`: ways to refuse
- `existence`: whether an answer takes the entity for real; `citations`: CVE ids; `points`: gold points mentioned
- `marks`: all of them for one record
- `summary`: counts per variant and kind of prompt; `table`: for a terminal; `command`: `score DIR`
"""

from harness.analysis.score.command import SCORES_NAME, score_command
from harness.analysis.score.marks import Marks, marks_of

__all__ = ["SCORES_NAME", "Marks", "marks_of", "score_command"]
