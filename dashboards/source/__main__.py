"""Generates the boards in the parent directory: python3 dashboards/source [--check]

With --check, it writes nothing and fails if a board differs from the generated one.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import account
import exporter
import overview
import risk

BOARDS = {"overview": overview, "account": account, "risk": risk, "exporter": exporter}


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    stale = []
    for name, source in BOARDS.items():
        path = Path(__file__).resolve().parent.parent / f"{name}.json"
        text = json.dumps(source.BOARD, indent=2, ensure_ascii=False) + "\n"
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"not up to date: {', '.join(stale)}; run python3 dashboards/source")


main(sys.argv[1:])
