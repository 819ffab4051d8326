"""`pack`: a run's folder as the artifact of a paper, in one zip that names nobody and holds no key.

- `contents`: what goes in and where it comes from; `prompt_file`, `report_page`: two that need more care
- `derived`: config and lock file
- `who`: what on this machine and in this run names somebody; `redaction`: taking it out; `coders`: people who labelled
- `secrets`: finding keys
- `facts`, `methods`: what a methods section states, computed, and its sentences; `origins`: those on where answers
  come from; `phrases`: their small pieces
- `guide`: the artifact's README
- `archive`: checksums and the zip; `listing`: what is printed
- `command`: the order of all this
"""

from harness.analysis.pack.command import pack_command

__all__ = ["pack_command"]
