"""Two runs side by side, item by item.

- `matching`: which items belong together; `texts`: a short difference of two texts
- `items`: how the two answers to one item differ; `comparison`: all of them, counted
- `table`: for a terminal and as plain values; `command`: `compare DIR DIR`
"""

from harness.analysis.compare.command import compare_command

__all__ = ["compare_command"]
