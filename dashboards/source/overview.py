"""Overview: what was found, where, and what needs a person."""

import palette
from board import board, row
from palette import FINDINGS, GOOD_WHEN_ZERO, INCREASE, INFO, WARNING
from panels import (
    THRESHOLD, bar_coloured, bars, by_query, cells, duration, gauge, graph, headline, label_coloured, now, stat, table,
    text_coloured, timeline, trend,
)
from promql import (
    as_finished, beyond, each_scan, firing, having, is_status, largest, recorded, since, state, threshold,
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

RISK = as_finished("risk_images", "tcss_vul_scan_risk_images")
VULNERABILITIES = as_finished("vulnerabilities", "tcss_vul_scan_found_vulnerabilities", "source")
IGNORED = as_finished("ignored_vulnerabilities", "tcss_vul_scan_ignored_vulnerabilities")
IMAGES = as_finished("scanned_images", "tcss_vul_scan_scanned_images", "source")
FINISHED = having(each_scan("tcss_vul_scan_end_timestamp_seconds"), is_status("SCANNED"))
AGE = since(f"({recorded('scan:finished_end_timestamp_seconds')} or {FINISHED})")
LATE = beyond(AGE, ">", "scan_age_seconds")
SCANNING = is_status("SCANNING")

HEADLINES = [
    headline(
        5, "Risk images",
        "Images at risk that the last finished scans found, all chosen accounts together. The line is the range.",
        f"sum({RISK})", steps=FINDINGS,
    ),
    stat(
        4, "Increase",
        "How many more risk images the last finished scans found than those before; fewer where it is negative.",
        [now(f"sum({recorded('risk_images:increase')})")],
        steps=INCREASE,
    ),
    stat(
        5, "Vulnerabilities",
        "Vulnerabilities that the last finished scans found, in local and in registry images.",
        [now(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
    ),
    stat(
        3, "Ignored",
        "Vulnerabilities that are set to be ignored. More of them can hide what would be counted.",
        [now(f"sum({IGNORED})")],
    ),
    stat(
        4, "Alerts",
        "Alerts that fire now, by severity.",
        [now(f"count by (severity) ({firing()})", "{{severity}}")],
        no_value="none",
    ),
    stat(
        3, "Failing",
        "Scans whose last poll failed, or that were not polled yet. The table says why.",
        [now(f"sum(1 - {each_scan('tcss_up')})")],
        steps=GOOD_WHEN_ZERO,
    ),
]

SCANS = table(
    24, "Scans",
    "One row for each account and scan. A click on the account opens its board. What was found is from the last "
    "finished scan.",
    [
        ("Account", "account", {"links": ACCOUNT_LINK}),
        ("Scan", "scan", {}),
        ("Status", cells(state()), label_coloured(palette.states(), 112)),
        ("Problem", "reason", {"custom_width": 112}),
        ("Risk images", cells(RISK), text_coloured(FINDINGS) | {"custom_width": 105}),
        ("Increase", cells(recorded("risk_images:increase")), text_coloured(INCREASE) | {"custom_width": 75}),
        ("Vulnerabilities", cells(f"sum by (account, scan) ({VULNERABILITIES})"), {"custom_width": 110}),
        ("Progress", cells(each_scan("tcss_vul_scan_progress_ratio")), gauge()),
        ("Finished", cells(f"round({AGE})"), duration(80)),
        ("Age of data", cells(f"round({since(each_scan('tcss_poll_last_success_timestamp_seconds'))})"),
         duration(92)),
    ],
    # With two replicas, one may fail for another reason.
    rows=[cells(f"topk by (account, scan) (1, {each_scan('tcss_poll_failing', 'reason')})")],
    sort=("Risk images", True), no_value="No scan is known. Does Prometheus scrape the exporter?",
)

ALERTS = table(
    13, "Firing alerts",
    "What fires now, of the chosen scans and of the exporter. The runbook has a section for each.",
    [
        ("Severity", "severity", label_coloured(palette.severities(), 90)),
        ("Alert", "alertname", {"custom_width": 260}),
        ("Account", "account", {}),
        ("Scan", "scan", {}),
    ],
    rows=[cells(f"max by (severity, alertname, account, scan) ({firing()})")],
    sort=("Severity", False), no_value="No alert fires",
)

RUNNING = [
    bars(
        6, "Running scans",
        "How much is done, of the 12 running scans that are least advanced.",
        [now(f"bottomk(12, {having(each_scan('tcss_vul_scan_progress_ratio'), SCANNING)})", NAME)],
        "percentunit", steps=[(None, INFO)], maximum=1, decimals=0, no_value="No scan is running",
    ),
    bars(
        5, "Time left",
        "As the API estimates it, of the 12 running scans that need longest.",
        [now(f"topk(12, {having(each_scan('tcss_vul_scan_remaining_seconds'), SCANNING)})", NAME)],
        "s", steps=[(None, INFO)], decimals=0, no_value="No scan is running",
    ),
]

OVER_TIME = [
    graph(
        12, "Risk images",
        "Of the 20 scans that have most, as their finished scans found them. The dashed line is the lowest threshold.",
        [
            trend(largest(20, "risk_images", "tcss_vul_scan_risk_images"), NAME),
            trend(threshold("risk_images"), THRESHOLD),
        ],
        "none", steps=True, decimals=0,
    ),
    graph(
        12, "Vulnerabilities",
        "In local and in registry images, as finished scans found them; all chosen accounts together.",
        [trend(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
        "none", steps=True, stacked=True, decimals=0,
    ),
]

STATES = timeline(
    24, "Status",
    "The state of each scan. A scan is not read where its polls fail and the last answer is too old to be shown.",
    [trend(state(), NAME)], palette.states(),
)

COVERAGE = [
    graph(
        12, "Images scanned",
        "Images that finished scans covered, all chosen accounts together. Fewer than before: something is not scanned.",
        [trend(f"sum by (source) ({IMAGES})", "{{source}}")],
        "none", steps=True, stacked=True, decimals=0,
    ),
    bars(
        12, "Since the last finished scan",
        "Of the 12 scans for which it is longest. Orange: longer than the threshold.",
        [
            now(f"topk(12, {LATE})", NAME),
            now(f"topk(12, {AGE} unless on (account, scan) ({LATE}))", NAME),
        ],
        "s", steps=[(None, INFO)], decimals=0, no_value="No scan has finished",
        overrides=[by_query("A", **bar_coloured(WARNING))],
    ),
]

BOARD = board(
    "tcss-overview", "TCSS / Overview",
    "Vulnerability scans of Tencent Cloud Container Security: risk images, vulnerabilities and how the scans stand.",
    "now-24h", marked=["Risk images", "Vulnerabilities"], rows=[
        row("Now", (5, *HEADLINES), (9, SCANS), (9, *RUNNING, ALERTS)),
        row("Over time", (9, *OVER_TIME), (9, STATES), (8, *COVERAGE)),
    ],
)
