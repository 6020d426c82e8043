"""Generates the boards in the parent directory, and the boards, rules and receivers in Chinese: python3 dashboards/source [--check]

With --check, it writes nothing and fails if a file differs from the generated one.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import account
import exporter
import overview
import risk
from zh_cn import CHINESE, RECEIVERS

BOARDS = {"overview": overview, "account": account, "risk": risk, "exporter": exporter}
DASHBOARDS = Path(__file__).resolve().parent.parent


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    files = generated()
    if problems := CHINESE.all_problems():
        sys.exit("zh_cn.py:\n  " + "\n  ".join(problems))
    stale = []
    for name, text in files.items():
        path = DASHBOARDS / name
        if not arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.exit(f"not up to date: {', '.join(stale)}; run python3 dashboards/source")


def generated():
    """The text of each file."""
    files = {}
    for name, source in BOARDS.items():
        files[f"{name}.json"] = json_text(source.BOARD)
        files[f"zh-CN/{name}.json"] = json_text(CHINESE.board(source.BOARD))
    files["rules/tcss.zh-CN.yml"] = CHINESE.rules(read("rules/tcss.yml"))
    files["alertmanager.zh-CN.yml"] = CHINESE.alertmanager(read("alertmanager.yml"), RECEIVERS)
    return files


def read(name):
    return (DASHBOARDS / name).read_text(encoding="utf-8")


def json_text(board):
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


main(sys.argv[1:])
