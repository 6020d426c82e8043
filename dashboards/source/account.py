"""Account: all there is to know of one account; reached from the table of the overview."""

import palette
from board import board, row
from palette import FINDINGS, INCREASE
from panels import (
    THRESHOLD, cells, duration, gauge, graph, headline, label_coloured, now, stat, table, timeline, trend,
)
from promql import (
    RATE_INTERVAL, as_finished, each_scan, having, is_status, of_scan, recorded, since, state, threshold,
)

NAME = "{{account}} {{scan}}"
RISK = as_finished("risk_images", "tcss_vul_scan_risk_images")
VULNERABILITIES = as_finished("vulnerabilities", "tcss_vul_scan_found_vulnerabilities", "source")
IGNORED = as_finished("ignored_vulnerabilities", "tcss_vul_scan_ignored_vulnerabilities")
IMAGES = as_finished("scanned_images", "tcss_vul_scan_scanned_images", "source")
END = each_scan("tcss_vul_scan_end_timestamp_seconds")
START = each_scan("tcss_vul_scan_start_timestamp_seconds")
LAST_SUCCESS = each_scan("tcss_poll_last_success_timestamp_seconds")
PROGRESS = each_scan("tcss_vul_scan_progress_ratio")
SCANNING = is_status("SCANNING")

FOUND = [
    headline(
        6, "Risk images",
        "Images at risk that the last finished scan found; of all chosen scans together. The line is the range.",
        f"sum({RISK})", steps=FINDINGS,
    ),
    stat(
        4, "Increase",
        "How many more risk images the last finished scan found than the one before; fewer where it is negative.",
        [now(f"sum({recorded('risk_images:increase')})")],
        steps=INCREASE,
    ),
    stat(
        5, "Vulnerabilities", "In local and in registry images, as the last finished scan found them.",
        [now(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
    ),
    stat(4, "Ignored", "Vulnerabilities that are set to be ignored.", [now(f"sum({IGNORED})")]),
    stat(
        5, "Images scanned", "Local and registry images that the last finished scan covered.",
        [now(f"sum by (source) ({IMAGES})", "{{source}}")],
    ),
]

SCANS = table(
    24, "Latest scans",
    "The scan at hand of each chosen account: one that runs has no end yet, and one that was canceled stays below 100 %.",
    [
        ("Account", "account", {}),
        ("Scan", "scan", {}),
        ("Status", cells(state()), label_coloured(palette.states(), 112)),
        ("Problem", "reason", {"custom_width": 112}),
        ("Progress", cells(PROGRESS), gauge()),
        ("Time left", cells(having(each_scan("tcss_vul_scan_remaining_seconds"), SCANNING)), duration(80)),
        ("Started", cells(f"1000 * {START}"), {"unit": "dateTimeFromNow", "custom_width": 105}),
        ("Took", cells(f"{END} - {START}"), duration(75)),
        ("Since its end", cells(f"round({since(END)})"), duration(105)),
        ("Age of data", cells(f"round({since(LAST_SUCCESS)})"), duration(95)),
    ],
    rows=[cells(f"topk by (account, scan) (1, {each_scan('tcss_poll_failing', 'reason')})")],
    sort=("Account", False), no_value="No scan is known. Does Prometheus scrape the exporter?",
)

STATES = timeline(
    24, "Status",
    "The state of each chosen scan. It is not read where polls fail and the last answer is too old to be shown.",
    [trend(state(), NAME)], palette.states(),
)

FOUND_OVER_TIME = [
    graph(
        12, "Risk images",
        "As finished scans found them. The dashed line is the threshold, the lowest one of several scans.",
        [trend(RISK, NAME), trend(threshold("risk_images"), THRESHOLD)], "none", steps=True, decimals=0,
    ),
    graph(
        12, "Vulnerabilities", "In local and in registry images, as finished scans found them.",
        [trend(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
        "none", steps=True, stacked=True, decimals=0,
    ),
]

COVERED_OVER_TIME = [
    graph(
        12, "Images scanned", "Images that finished scans covered. Fewer than before: something is not scanned.",
        [trend(f"sum by (source) ({IMAGES})", "{{source}}")], "none", steps=True, stacked=True, decimals=0,
    ),
    graph(
        12, "Ignored vulnerabilities", "Vulnerabilities that are set to be ignored.",
        [trend(IGNORED, NAME)], "none", steps=True, decimals=0,
    ),
]

PROGRESS_OVER_TIME = [
    graph(
        12, "Progress", "How much of the scan is done. Flat below 100 %: it stands still or was canceled.",
        [trend(PROGRESS, NAME)], "percentunit", maximum=1,
    ),
    graph(
        12, "How long scans took",
        "From the start of the last scan to its end. The dashed line is the threshold for a running one.",
        [trend(f"{END} - {START}", NAME), trend(threshold("scan_duration_seconds"), THRESHOLD)], "s", steps=True,
    ),
]

TASKS_AND_FAILURES = [
    table(
        8, "Tasks", "The IDs of the tasks of the scans, as the console shows them. A new ID is a new scan.",
        [("Account", "account", {}), ("Scan", "scan", {}), ("Source", "source", {}), ("Task ID", "task_id", {})],
        rows=[cells(each_scan("tcss_vul_scan_task_info", "source", "task_id"))],
        sort=("Source", False), no_value="No task",
    ),
    graph(
        8, "Failing", "Chosen scans whose last poll failed, by reason. The README says what to do about each.",
        [trend(f"count by (reason) ({each_scan('tcss_poll_failing', 'reason')})", "{{reason}}")],
        "none", steps=True, stacked=True, decimals=0, no_value="No poll failed",
    ),
    graph(
        8, "Values that could not be read",
        "Fields of answers that were missing or made no sense, and were left out.",
        [trend(
            "sum by (field) (max by (account, scan, field) "
            f"(increase({of_scan('tcss_unexpected_values_total')}{RATE_INTERVAL}))) > 0", "{{field}}")],
        "none", bars=True, stacked=True, no_value="Every value could be read",
    ),
]

POLLS = [
    graph(
        8, "Time between polls", "The interval in force: shorter while a scan runs, longer while a person is needed.",
        [trend(each_scan("tcss_poll_interval_seconds"), NAME)], "s", steps=True,
    ),
    graph(
        8, "How long polls took", "Waits for the rate limit and retries included.",
        [trend(each_scan("tcss_poll_duration_seconds"), NAME)], "s",
    ),
    graph(
        8, "Age of data", "Time since the last poll that succeeded asked the API. The dashed line is the threshold.",
        [
            trend(since(LAST_SUCCESS), NAME),
            trend(threshold("data_age_seconds"), THRESHOLD),
        ],
        "s",
    ),
]

BOARD = board(
    "tcss-account", "TCSS / Account",
    "One account of Tencent Cloud Container Security: its scans, what they found, and how they are read.",
    "now-7d",
    marked=["Risk images", "Vulnerabilities", "Images scanned", "Ignored vulnerabilities", "Progress"],
    rows=[
        row("Now", (5, *FOUND), (5, SCANS)),
        row("Over time", (6, STATES), (8, *FOUND_OVER_TIME), (8, *COVERED_OVER_TIME), (8, *PROGRESS_OVER_TIME)),
        row("Tasks and polls", (8, *TASKS_AND_FAILURES), (8, *POLLS)),
    ],
)
