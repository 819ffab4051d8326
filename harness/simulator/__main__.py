"""`python -m harness.simulator`: a simulator as a process; imports no SDK, no torch and no config, to start at once."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from harness.simulator.errors import SimulatorError
from harness.simulator.process import serve
from harness.simulator.settings import SimulatorSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m harness.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--settings-json", default="{}", help="a JSON object, as SimulatorSettings.to_json writes it")
    parser.add_argument("--parent-watch", action="store_true", help="end when standard input does")
    args = parser.parse_args()
    try:
        settings = SimulatorSettings.from_json(args.settings_json)
        asyncio.run(serve(settings, args.host, args.port, announce=_announce, parent_watch=args.parent_watch))
    except SimulatorError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
