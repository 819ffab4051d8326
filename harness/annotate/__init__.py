"""`harness annotate`: pages on loopback where people label answers blind, and where somebody else settles differences.

- `command`: the way in: flags, the lock, the server, Ctrl-C; `serving`: a port and uvicorn
- `study`: what a folder holds for coders: items, rubric, assignment; `items`: what of a record they may see
- `assignment`: who labels what, in which order, under which opaque id; `drawing`: the samples
- `people`: names
- `store`: annotations.jsonl, durable through the journal's writer
- `coding` and `adjudication`: what the two pages do; `answers`: what they say to a browser
- `guard`: token, Host, Origin and headers; `app`: the routes
- `pages/`: templates, styles and scripts
"""

from harness.annotate.command import annotate_command

__all__ = ["annotate_command"]
