"""Overview: findings by account, and what requires operator action."""

import palette
from board import board, row
from palette import FINDINGS, GOOD_WHEN_ZERO, INCREASE, INFO, WARNING
from panels import (
    THRESHOLD, bar_coloured, bars, by_query, cells, duration, gauge, graph, headline, label_coloured, now, stat, table,
    text_coloured, timeline, trend,
)
from promql import (
    as_completed, beyond, each_scan, firing, having, is_status, largest, recorded, since, state, threshold,
)

NAME = "{{account}} {{scan}}"
LINK = "/d/tcss-account?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"
ACCOUNT_LINK = [
    {
        "title": "Open this account",
        "url": LINK + "&var-account=${__data.fields.Account:percentencode}&var-scan=${__data.fields.Scan:percentencode}",
        "targetBlank": False,
    }
]

RISK = as_completed("risk_images")
VULNERABILITIES = as_completed("found_vulnerabilities", "source")
IGNORED = as_completed("ignored_vulnerabilities")
IMAGES = as_completed("scanned_images", "source")
COMPLETED_END = each_scan("tcss_vul_scan_completed_end_timestamp_seconds")
AGE = since(f"({recorded('scan:finished_end_timestamp_seconds')} or {COMPLETED_END})")
LATE = beyond(AGE, ">", "scan_age_seconds")
SCANNING = is_status("SCANNING")

HEADLINES = [
    headline(
        5, "Risk images",
        "Images at risk found by the last completed scans, summed over the selected accounts. The line shows the time range.",
        f"sum({RISK})", steps=FINDINGS,
    ),
    stat(
        4, "Increase",
        "Change in images at risk from the previous completed scans to the last ones. Negative values are decreases.",
        [now(f"sum({recorded('risk_images:increase')})")],
        steps=INCREASE,
    ),
    stat(
        5, "Vulnerabilities",
        "Vulnerabilities found by the last completed scans, in local and in registry images.",
        [now(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
    ),
    stat(
        3, "Ignored",
        "Number of ignored vulnerabilities. An increase can hide findings.",
        [now(f"sum({IGNORED})")],
    ),
    stat(
        4, "Alerts",
        "Firing alerts by severity.",
        [now(f"count by (severity) ({firing()})", "{{severity}}")],
        no_value="none",
    ),
    stat(
        3, "Failing",
        "Scans whose last poll failed, or whose first poll is pending. The table shows the reason.",
        [now(f"sum(1 - {each_scan('tcss_up')})")],
        steps=GOOD_WHEN_ZERO,
    ),
]

SCANS = table(
    24, "Scans",
    "One row per account and scan. Click an account to open its dashboard. Findings are those of the last completed "
    "scan.",
    [
        ("Account", "account", {"links": ACCOUNT_LINK}),
        ("Scan", "scan", {}),
        ("Status", cells(state()), label_coloured(palette.states(), 112)),
        ("Problem", "reason", {"custom_width": 112}),
        ("Risk images", cells(RISK), text_coloured(FINDINGS) | {"custom_width": 105}),
        ("Increase", cells(recorded("risk_images:increase")), text_coloured(INCREASE) | {"custom_width": 75}),
        ("Vulnerabilities", cells(f"sum by (account, scan) ({VULNERABILITIES})"), {"custom_width": 110}),
        ("Progress", cells(each_scan("tcss_vul_scan_progress_ratio")), gauge()),
        ("Completed", cells(f"round({AGE})"), duration(80)),
        ("Data age", cells(f"round({since(each_scan('tcss_poll_last_success_timestamp_seconds'))})"),
         duration(92)),
    ],
    # Two replicas may fail for different reasons.
    rows=[cells(f"topk by (account, scan) (1, {each_scan('tcss_poll_failing', 'reason')})")],
    sort=("Risk images", True), no_value="No scans found. Check that Prometheus scrapes the exporter.",
)

ALERTS = table(
    13, "Firing alerts",
    "Firing alerts of the selected scans and of the exporter. The runbook has a section for each alert.",
    [
        ("Severity", "severity", label_coloured(palette.severities(), 90)),
        ("Alert", "alertname", {"custom_width": 260}),
        ("Account", "account", {}),
        ("Scan", "scan", {}),
    ],
    rows=[cells(f"max by (severity, alertname, account, scan) ({firing()})")],
    sort=("Severity", False), no_value="No alerts are firing",
)

RUNNING = [
    bars(
        6, "Running scans",
        "Progress of the 12 running scans that are least advanced.",
        [now(f"bottomk(12, {having(each_scan('tcss_vul_scan_progress_ratio'), SCANNING)})", NAME)],
        "percentunit", steps=[(None, INFO)], maximum=1, decimals=0, no_value="No scan is running",
    ),
    bars(
        5, "Time left",
        "Remaining time as estimated by the API, of the 12 running scans with the longest remaining time.",
        [now(f"topk(12, {having(each_scan('tcss_vul_scan_remaining_seconds'), SCANNING)})", NAME)],
        "s", steps=[(None, INFO)], decimals=0, no_value="No scan is running",
    ),
]

OVER_TIME = [
    graph(
        12, "Risk images",
        "Images at risk found by completed scans, for the 20 scans with the most. The dashed line is the lowest threshold.",
        [
            trend(largest(20, "risk_images"), NAME),
            trend(threshold("risk_images"), THRESHOLD),
        ],
        "none", steps=True, decimals=0,
    ),
    graph(
        12, "Vulnerabilities",
        "Vulnerabilities found by completed scans in local and in registry images, summed over the selected accounts.",
        [trend(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
        "none", steps=True, stacked=True, decimals=0,
    ),
]

STATES = timeline(
    24, "Status",
    "State of each scan. Unavailable means that polls fail and the last response is too old.",
    [trend(state(), NAME)], palette.states(),
)

COVERAGE = [
    graph(
        12, "Images scanned",
        "Images covered by completed scans, summed over the selected accounts. A drop means that some are no longer scanned.",
        [trend(f"sum by (source) ({IMAGES})", "{{source}}")],
        "none", steps=True, stacked=True, decimals=0,
    ),
    bars(
        12, "Time since the last completed scan",
        "The 12 scans with the longest time. Orange bars exceed the threshold.",
        [
            now(f"topk(12, {LATE})", NAME),
            now(f"topk(12, {AGE} unless on (account, scan) ({LATE}))", NAME),
        ],
        "s", steps=[(None, INFO)], decimals=0, no_value="No scan has completed",
        overrides=[by_query("A", **bar_coloured(WARNING))],
    ),
]

BOARD = board(
    "tcss-overview", "TCSS / Overview",
    "Vulnerability scans of Tencent Cloud Container Security: images at risk, vulnerabilities and the state of scans.",
    "now-24h", marked=["Risk images", "Vulnerabilities"], rows=[
        row("Now", (5, *HEADLINES), (9, SCANS), (9, *RUNNING, ALERTS)),
        row("Over time", (9, *OVER_TIME), (9, STATES), (8, *COVERAGE)),
    ],
)
