"""Generates the boards in the parent directory, and the boards, rules and receivers in Chinese."""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import account
import exporter
import overview
import risk
import selection
from zh_cn import CHINESE, RECEIVERS

BOARDS = {"overview": overview, "account": account, "risk": risk, "exporter": exporter}
DASHBOARDS = Path(__file__).resolve().parent.parent


def main():
    arguments = parsed()
    files = generated()
    if problems := CHINESE.all_problems():
        sys.exit("zh_cn.py:\n  " + "\n  ".join(problems))
    if arguments.check:
        check(files)
    elif arguments.collectors:
        write(arguments.output, boards("risk", selection.selected(risk.BOARD, arguments.collectors)))
    else:
        write(DASHBOARDS, files)


def parsed():
    parser = argparse.ArgumentParser(
        prog="python3 dashboards/source",
        description=f"{__doc__} With --collectors, writes the board Risk without the rows of other collectors to another directory.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing, and fail if a file differs from the generated one")
    parser.add_argument(
        "--collectors", metavar="NAME,...", type=collectors,
        help=f"the collectors that are on in the configuration, of: {', '.join(selection.NAMES)}",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, help="where to write risk.json and zh-CN/risk.json; only with --collectors")
    arguments = parser.parse_args()
    if arguments.check and (arguments.collectors or arguments.output):
        parser.error("--check compares the files of the repository, and has no other options")
    if arguments.collectors and not arguments.output:
        parser.error("--collectors needs --output DIR: the files of the repository have the rows of all collectors")
    if arguments.output and not arguments.collectors:
        parser.error("--output needs --collectors NAME,...: without it, the files of the repository are written")
    if arguments.output and arguments.output.resolve() == DASHBOARDS:
        parser.error(f"--output {arguments.output} has the boards with the rows of all collectors, expected another directory")
    return arguments


def collectors(text):
    try:
        return selection.named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(error) from error


def write(directory, files):
    for name, text in files.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            sys.exit(f"cannot write {path}: {error.strerror}")


def check(files):
    def is_stale(path, text):
        return not path.is_file() or path.read_text(encoding="utf-8") != text

    if stale := [name for name, text in files.items() if is_stale(DASHBOARDS / name, text)]:
        sys.exit(f"not up to date: {', '.join(stale)}; run python3 dashboards/source")


def generated():
    """The text of each file."""
    files = {}
    for name, source in BOARDS.items():
        files |= boards(name, source.BOARD)
    files["rules/tcss.zh-CN.yml"] = CHINESE.rules(read("rules/tcss.yml"))
    files["alertmanager.zh-CN.yml"] = CHINESE.alertmanager(read("alertmanager.yml"), RECEIVERS)
    return files


def boards(name, board):
    """The board in both languages."""
    return {f"{name}.json": json_text(board), f"zh-CN/{name}.json": json_text(CHINESE.board(board))}


def read(name):
    return (DASHBOARDS / name).read_text(encoding="utf-8")


def json_text(board):
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


main()
