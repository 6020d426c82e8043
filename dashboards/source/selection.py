"""The board Risk without the panels of collectors that are off.

The template of the Helm chart does the same with the finished board (_dashboards.tpl), and a test compares the two.
"""

import difflib
import re

from board import COLUMNS

# The collectors with panels on the board, and how the names of their metrics begin.
METRICS = {
    name: f"tcss_{name}"
    for name in (
        "assets", "image_risks", "image_scan", "licence", "scan_settings", "summary", "top_vulnerabilities", "virus_scan",
        "vul_database", "vul_summary",
    )
} | {"risk_images": "tcss_vul_scan_image_"}
# What a configuration may list. vul_scan, which is on by default, has no panel on the board.
NAMES = sorted(["vul_scan", *METRICS])


def named(text):
    """The collectors in a list with commas. Raises a ValueError that says what is expected."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError(f"no collector is given, expected names separated by commas, of {', '.join(NAMES)}")
    problems = []
    for name in names:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, 1)
            problems.append(f"{name!r} is not a collector" + (f", did you mean {close[0]!r}?" if close else ""))
    if problems:
        raise ValueError(f"{'; '.join(problems)}\nexpected: {', '.join(NAMES)}")
    return names


def selected(board, collectors):
    """The board without the panels and columns that only show metrics of other collectors, and without empty rows."""
    rows = []
    for panel in board["panels"]:
        if panel["type"] == "row":
            rows.append((panel, []))
        elif not _is_off(panel["targets"], collectors):
            rows[-1][1].append(_without_columns(panel, collectors))
    panels, y = [], 0
    for row, kept in rows:
        if kept:
            panels.append(_at(row, 0, y, COLUMNS))
            y += 1
            for line in _lines(kept):
                panels += _side_by_side(line, y)
                y += line[0]["gridPos"]["h"]
    return board | {"panels": [panel | {"id": number} for number, panel in enumerate(panels, start=1)]}


def _is_off(targets, collectors):
    """Whether the queries read metrics of further collectors, but of none that is selected."""
    read = set()
    for target in targets:
        metrics = re.findall(r"tcss_\w+", target["expr"])
        read |= {name for name, start in METRICS.items() if any(metric.startswith(start) for metric in metrics)}
    return bool(read) and read.isdisjoint(collectors)


def _without_columns(panel, collectors):
    """The queries stay: with a single one, Grafana would name the column of its values in another way."""
    off = [f"Value #{target['refId']}" for target in panel["targets"] if _is_off([target], collectors)]
    if panel["type"] != "table" or not off:
        return panel
    merge, organize = panel["transformations"]
    titles = [organize["options"]["renameByName"][field] for field in off]
    excluded = organize["options"]["excludeByName"] | dict.fromkeys(off, True)
    organize = organize | {"options": organize["options"] | {"excludeByName": excluded}}
    sort = [column for column in panel["options"]["sortBy"] if column["displayName"] not in titles]
    return panel | {"transformations": [merge, organize], "options": panel["options"] | {"sortBy": sort}}


def _lines(panels):
    """Panels at the same height."""
    lines = {}
    for panel in panels:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel)
    return lines.values()


def _side_by_side(line, y):
    """They fill the width in proportion to their widths."""
    whole, passed, placed = sum(panel["gridPos"]["w"] for panel in line), 0, []
    for panel in line:
        x = COLUMNS * passed // whole
        passed += panel["gridPos"]["w"]
        placed.append(_at(panel, x, y, COLUMNS * passed // whole - x))
    return placed


def _at(panel, x, y, width):
    return panel | {"gridPos": {"x": x, "y": y, "w": width, "h": panel["gridPos"]["h"]}}
