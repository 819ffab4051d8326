"""`harness merge`: the folders of several runs of one config, joined into one that a run can go on in.

- `inputs`: the folders, and what of them cannot be merged
- `plans`: whether the same was asked in all of them, and which shards there are
- `overlap`: which items stand in several folders; `taking`: one line of each item, and conflicts
- `newest`: what was answered a moment ago comes last
- `facts`: run.json and events.jsonl of all
- `output`: a folder that is there as a whole or not at all
- `merging`: all of this in its order; `command`: what is said of it
"""

from harness.merge.command import merge_command
from harness.merge.merging import Outcome, merge

__all__ = ["Outcome", "merge", "merge_command"]
