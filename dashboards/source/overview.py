"""Overview: what is wrong, where and since when; findings by account."""

from board import board, row
from palette import BAD, FINDINGS, GOOD, INFO, SEVERITIES, WARNING
from panels import (
    COUNT, MORE, THRESHOLD, bar_coloured, bars, by_name, by_query, cells, duration, graph, headline, now, part_of, stat,
    table, text_coloured, thresholds, trend,
)
from parts import (
    EXAMPLE, NAME, RUNBOOK_LINK, SEVERITY, all_scans, largest_trends, problem_list, problem_summary, running_scans, state_timeline,
)
from problems import MONITORED, scans_with_problems
from promql import as_completed, beyond, fell, firing, lowest_threshold, rose, since, total

RISK = as_completed("risk_images")
VULNERABILITIES = as_completed("found_vulnerabilities", "source")
IMAGES = as_completed("scanned_images", "source")
AGE = since(as_completed("end_timestamp_seconds"))
LATE = beyond(AGE, ">", "scan_age_seconds")
BARS = 7

RISING = [by_name("rose", thresholds=thresholds(BAD)), by_name("fell", thresholds=thresholds(GOOD))]


def changes(width, title, description, what):
    return stat(
        width, title, description,
        [now(total(rose(what), what), "rose"), now(total(fell(what), what), "fell")], overrides=RISING,
    )


HEADLINES = [
    stat(
        6, "Firing alerts", "Firing alerts of the selected scans and of the exporter, by severity.",
        [now(f"count({firing(alertstate='firing', severity=name)})", name) for name in SEVERITIES], no_value="none",
    ),
    part_of(
        4, "Problems", "Scans with a critical problem or a warning, out of those that were monitored within the last day.",
        f"({scans_with_problems()} or vector(0))", f"count({MONITORED})", is_missing=False,
    ),
    headline(
        5, "Risk images",
        "Images at risk found by the last completed scans, summed over the selected accounts. The line shows the time range.",
        f"sum({RISK})", steps=FINDINGS,
    ),
    changes(
        4, "Change, 24 h",
        "The scans that exceed their lowest number of images at risk of the last day, and those below their highest one, each "
        "summed up. A scan that rose and fell counts in both.",
        "risk_images",
    ),
    stat(
        5, "Vulnerabilities",
        "Vulnerabilities found by the last completed scans, in local and in registry images.",
        [now(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
    ),
]

ALERTS = table(
    24, "Firing alerts",
    "Firing alerts of the selected scans and of the exporter, with one of the accounts that each of them affects. Click an alert "
    "to open the runbook.",
    [
        ("Severity", cells("max by (alertname) ({} or {} or {})".format(*(
            f"{number} * {firing(alertstate='firing', severity=name)}"
            for name, number in SEVERITIES.items()))), SEVERITY),
        ("Alert", "alertname", {"links": RUNBOOK_LINK, "custom_minWidth": 260}),
        ("Alerts", cells(f"count by (alertname) ({firing(alertstate='firing')})"), {"custom_width": 66}),
        ("For", cells(f"time() - min by (alertname) ({firing('ALERTS_FOR_STATE')} "
                      f"and ignoring (alertstate) {firing(alertstate='firing')})"), duration(80)),
        EXAMPLE,
    ],
    rows=[cells(f"topk by (alertname) (1, max by (alertname, account) ({firing(alertstate='firing')}))")],
    sort=[("Severity", True), ("For", True)], no_value="No alerts are firing",
)

OVER_TIME = [
    graph(
        12, "Risk images",
        "Images at risk found by completed scans, for the 10 scans with the most. The dashed line is the lowest threshold.",
        [*largest_trends(lambda at: as_completed("risk_images", at=at)), trend(lowest_threshold("risk_images"), THRESHOLD)],
        COUNT, steps=True, decimals=0,
    ),
    graph(
        12, "Vulnerabilities",
        "Vulnerabilities found by completed scans in local and in registry images, summed over the selected accounts.",
        [trend(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
        COUNT, steps=True, stacked=True, decimals=0,
    ),
]

COVERAGE = [
    graph(
        10, "Images scanned",
        "Images covered by completed scans, summed over the selected accounts. A drop means that some are no longer scanned.",
        [trend(f"sum by (source) ({IMAGES})", "{{source}}")],
        COUNT, steps=True, stacked=True, decimals=0,
    ),
    bars(
        14, "Time since the last completed scan",
        f"The {BARS} scans with the longest time. Orange bars exceed the threshold. The last bar is the longest of all others.",
        [
            now(f"topk({BARS}, {AGE}) and on (account, scan) ({LATE})", NAME),
            now(f"topk({BARS}, {AGE}) unless on (account, scan) ({LATE})", NAME),
            now(f'count_values("more", count({AGE}) - {BARS} > 0) * on () group_left () '
                f"max({AGE} unless on (account, scan) topk({BARS}, {AGE}))", MORE),
        ],
        "s", steps=[(None, INFO)], decimals=1, no_value="No scan has completed",
        overrides=[by_query("A", **bar_coloured(WARNING))],
    ),
]

SCANS = all_scans(
    "All scans", "One row per account and scan, the worst first. Findings are those of the last completed scan.",
    [
        ("Risk images", cells(RISK), text_coloured(FINDINGS) | {"custom_width": 108}),
        ("Rose", cells(rose("risk_images")), text_coloured([(0, "text"), (1, "red")]) | {"custom_width": 58}),
        ("Fell", cells(fell("risk_images")), text_coloured([(0, "text"), (1, "green")]) | {"custom_width": 58}),
        ("Vulnerabilities", cells(f"sum by (account, scan) ({VULNERABILITIES})"), {"custom_width": 112}),
        ("Completed", cells(f"round({AGE})"), duration(88)),
    ],
    sort=[("Risk images", True)],
)

BOARD = board(
    "tcss-overview", "TCSS / Overview",
    "Vulnerability scans of Tencent Cloud Container Security: what is wrong, images at risk, and the state of scans.",
    "now-24h", marked=["Risk images", "Vulnerabilities"], rows=[
        row("Now", (5, *HEADLINES), (10, problem_summary(12), problem_list(12)), (12, ALERTS)),
        row("Over time", (10, *OVER_TIME), (13, state_timeline(24)), (10, *COVERAGE)),
        row("All scans", (8, running_scans()), (14, SCANS)),
    ],
)
