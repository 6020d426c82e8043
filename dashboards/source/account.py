"""Account: details of one account; linked from the table on the overview."""

import palette
from board import board, row
from palette import FINDINGS, INCREASE
from panels import (
    THRESHOLD, cells, duration, gauge, graph, headline, label_coloured, now, stat, table, timeline, trend,
)
from promql import (
    as_completed, each_scan, having, is_status, recorded, since, state, threshold,
)

NAME = "{{account}} {{scan}}"
RISK = as_completed("risk_images")
VULNERABILITIES = as_completed("found_vulnerabilities", "source")
IGNORED = as_completed("ignored_vulnerabilities")
IMAGES = as_completed("scanned_images", "source")
END = each_scan("tcss_vul_scan_end_timestamp_seconds")
START = each_scan("tcss_vul_scan_start_timestamp_seconds")
LAST_SUCCESS = each_scan("tcss_poll_last_success_timestamp_seconds")
PROGRESS = each_scan("tcss_vul_scan_progress_ratio")
SCANNING = is_status("SCANNING")
COMPLETED_START = each_scan("tcss_vul_scan_completed_start_timestamp_seconds")
COMPLETED_END = each_scan("tcss_vul_scan_completed_end_timestamp_seconds")

FOUND = [
    headline(
        6, "Risk images",
        "Images at risk found by the last completed scan, summed over the selected scans. The line shows the time range.",
        f"sum({RISK})", steps=FINDINGS,
    ),
    stat(
        4, "Increase",
        "Change in images at risk from the previous completed scan to the last one. Negative values are decreases.",
        [now(f"sum({recorded('risk_images:increase')})")],
        steps=INCREASE,
    ),
    stat(
        5, "Vulnerabilities", "Vulnerabilities found by the last completed scan, in local and in registry images.",
        [now(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
    ),
    stat(4, "Ignored", "Number of ignored vulnerabilities.", [now(f"sum({IGNORED})")]),
    stat(
        5, "Images scanned", "Local and registry images covered by the last completed scan.",
        [now(f"sum by (source) ({IMAGES})", "{{source}}")],
    ),
]

SCANS = table(
    24, "Latest scans",
    "The latest scan of each selected account. A running scan has no end time. A canceled scan stays below 100 %.",
    [
        ("Account", "account", {}),
        ("Scan", "scan", {}),
        ("Status", cells(state()), label_coloured(palette.states(), 112)),
        ("Problem", "reason", {"custom_width": 112}),
        ("Progress", cells(PROGRESS), gauge()),
        ("Time left", cells(having(each_scan("tcss_vul_scan_remaining_seconds"), SCANNING)), duration(80)),
        ("Started", cells(f"1000 * {START}"), {"unit": "dateTimeFromNow", "custom_width": 105}),
        ("Took", cells(f"{END} - {START}"), duration(75)),
        ("Ended", cells(f"round({since(END)})"), duration(105)),
        ("Data age", cells(f"round({since(LAST_SUCCESS)})"), duration(95)),
    ],
    rows=[cells(f"topk by (account, scan) (1, {each_scan('tcss_poll_failing', 'reason')})")],
    sort=("Account", False), no_value="No scans found. Check that Prometheus scrapes the exporter.",
)

STATES = timeline(
    24, "Status",
    "State of each selected scan. Unavailable means that polls fail and the last response is too old.",
    [trend(state(), NAME)], palette.states(),
)

FOUND_OVER_TIME = [
    graph(
        12, "Risk images",
        "Images at risk found by completed scans. The dashed line is the threshold; for several scans, the lowest one.",
        [trend(RISK, NAME), trend(threshold("risk_images"), THRESHOLD)], "none", steps=True, decimals=0,
    ),
    graph(
        12, "Vulnerabilities", "Vulnerabilities found by completed scans, in local and in registry images.",
        [trend(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
        "none", steps=True, stacked=True, decimals=0,
    ),
]

COVERED_OVER_TIME = [
    graph(
        12, "Images scanned", "Images covered by completed scans. A drop means that some images are no longer scanned.",
        [trend(f"sum by (source) ({IMAGES})", "{{source}}")], "none", steps=True, stacked=True, decimals=0,
    ),
    graph(
        12, "Ignored vulnerabilities", "Number of ignored vulnerabilities.",
        [trend(IGNORED, NAME)], "none", steps=True, decimals=0,
    ),
]

PROGRESS_OVER_TIME = [
    graph(
        12, "Progress", "Progress of the scan. A flat line below 100 % is a stalled or canceled scan.",
        [trend(PROGRESS, NAME)], "percentunit", maximum=1,
    ),
    graph(
        12, "Scan duration",
        "Duration of the last completed scan. The dashed line is the threshold for a running scan.",
        [trend(f"{COMPLETED_END} - {COMPLETED_START}", NAME), trend(threshold("scan_duration_seconds"), THRESHOLD)], "s", steps=True,
    ),
]

TASKS_AND_FAILURES = [
    table(
        8, "Tasks", "Task IDs of the scans, as shown in the console. A new ID is a new scan.",
        [("Account", "account", {}), ("Scan", "scan", {}), ("Source", "source", {}), ("Task ID", "task_id", {})],
        rows=[cells(each_scan("tcss_vul_scan_task_info", "source", "task_id"))],
        sort=("Source", False), no_value="No task",
    ),
    graph(
        8, "Failing", "Selected scans whose last poll failed, by reason. The README explains each reason.",
        [trend(f"count by (reason) ({each_scan('tcss_poll_failing', 'reason')})", "{{reason}}")],
        "none", steps=True, stacked=True, decimals=0, no_value="No poll failed",
    ),
    graph(
        8, "Unexpected fields",
        "Selected scans for which a field of the latest response was missing or could not be read, by field.",
        [trend(f"sum by (field) ({each_scan('tcss_unexpected_field', 'field')})", "{{field}}")],
        "none", steps=True, stacked=True, decimals=0, no_value="Every field could be read",
    ),
]

POLLS = [
    graph(
        8, "Poll interval", "Current poll interval: shorter while a scan runs, longer while operator action is required.",
        [trend(each_scan("tcss_poll_interval_seconds"), NAME)], "s", steps=True,
    ),
    graph(
        8, "Poll duration", "Includes retries and the time spent waiting for the rate limiter.",
        [trend(each_scan("tcss_poll_duration_seconds"), NAME)], "s",
    ),
    graph(
        8, "Data age", "Time since the last successful poll. The dashed line is the threshold.",
        [
            trend(since(LAST_SUCCESS), NAME),
            trend(threshold("data_age_seconds"), THRESHOLD),
        ],
        "s",
    ),
]

BOARD = board(
    "tcss-account", "TCSS / Account",
    "One account of Tencent Cloud Container Security: its scans, their findings, and the state of its polls.",
    "now-7d",
    marked=["Risk images", "Vulnerabilities", "Images scanned", "Ignored vulnerabilities", "Progress"],
    rows=[
        row("Now", (5, *FOUND), (5, SCANS)),
        row("Over time", (6, STATES), (8, *FOUND_OVER_TIME), (8, *COVERED_OVER_TIME), (8, *PROGRESS_OVER_TIME)),
        row("Tasks and polls", (8, *TASKS_AND_FAILURES), (8, *POLLS)),
    ],
)
