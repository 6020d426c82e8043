"""Panels and columns that several boards have."""

import palette
from panels import MORE, cells, duration, gauge, graph, label_coloured, table, timeline, trend
from promql import each_scan, having, is_status, largest, left_out, since, state
from problems import SHOWN, UNKNOWN, all_problems, longest, of_each_scan

NAME = "{{account}} {{scan}}"
# The number of scans on a graph: with more, the legend hides the number of those that are left out, and the threshold.
LINES = 10
# The number of scans on a state timeline, whose names are beside their rows.
ROWS = 20


def _to_account(chosen):
    url = "/d/tcss-account?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"
    return [{"title": "Open this account", "url": url + chosen, "targetBlank": False}]


ACCOUNT_LINK = _to_account(
    "&var-account=${__data.fields.Account:percentencode}&var-scan=${__data.fields.Scan:percentencode}"
)
ONLY_ACCOUNT_LINK = _to_account("&var-account=${__data.fields.Account:percentencode}")
EXAMPLE_LINK = _to_account('&var-account=${__data.fields.Example:percentencode}')
RUNBOOK_LINK = [{"title": "Open the runbook", "url": "${runbook}#${__data.fields.Alert}", "targetBlank": True}]

ACCOUNT = ("Account", "account", {"links": ACCOUNT_LINK, "custom_minWidth": 100})
# In tables without scans.
ONLY_ACCOUNT = ("Account", "account", {"links": ONLY_ACCOUNT_LINK, "custom_minWidth": 100})
SCAN = ("Scan", "scan", {"custom_width": 64})
PROBLEM = ("Problem", "problem", {"custom_width": 140})
EXAMPLE = ("Example", "account", {"links": EXAMPLE_LINK, "custom_minWidth": 92})
SEVERITY = label_coloured(palette.severities(), 76)


def largest_trends(expression, n=LINES):
    """Lines for the `n` scans with the largest values, and how many are left out. `expression` is a function of `at`."""
    return [trend(largest(n, expression), NAME), trend(left_out(n, expression), MORE)]


def problem_summary(width):
    return table(
        width, "What is wrong",
        "Problems of the selected scans by kind, with the account that has each of them for the longest time. The severities are "
        "those of the alerts.",
        [
            ("Severity", "severity", SEVERITY),
            PROBLEM,
            ("Scans", cells(f"count by (severity, problem) ({all_problems()})"), {"custom_width": 66}),
            ("Longest", cells(f"topk by (severity, problem) (1, {all_problems('account')})"), _for()),
            EXAMPLE,
        ],
        sort=[("Severity", True), ("Problem", False)], no_value="No problems",
    )


def problem_list(width):
    return table(
        width, "Where, and since when",
        f"Of each problem, the {SHOWN} scans that have it for the longest time; the list of all scans has the others. Failures count "
        "from the last successful poll (a dash if there was none), findings from the end of the scan that found them. Click an account to "
        "open its dashboard.",
        [
            ("Severity", "severity", SEVERITY),
            PROBLEM,
            ACCOUNT,
            ("For", cells(longest()), _for()),
            SCAN,
        ],
        sort=[("Severity", True), ("Problem", False), ("For", True)], no_value="No problems",
    )


def _for():
    return duration(80) | {"mappings": palette.missing(UNKNOWN, "–")}


def all_scans(title, description, columns, sort=()):
    """All scans with their problem, the worst first. `sort` applies to scans with the same problem."""
    return table(
        24, title, description,
        [
            ("Severity", cells(of_each_scan()), SEVERITY),
            PROBLEM,
            ACCOUNT,
            SCAN,
            ("Status", cells(state()), label_coloured(palette.states(), 104)),
            *columns,
        ],
        sort=[("Severity", True), ("Problem", False), *sort],
        no_value="No scans found. Check that Prometheus scrapes the exporter.",
    )


def running_scans():
    def running(expression):
        return cells(having(expression, is_status("SCANNING")))

    return table(
        24, "Running scans",
        "Scans that run now, the longest first. The API estimates the time left. Unchanged is the time since the last progress.",
        [
            ACCOUNT,
            SCAN,
            ("Progress", running(each_scan("tcss_vul_scan_progress_ratio")), gauge()),
            ("Time left", running(each_scan("tcss_vul_scan_remaining_seconds")), duration(76)),
            ("Running", running(since(each_scan("tcss_vul_scan_start_timestamp_seconds"))), duration(84)),
            ("Unchanged", running(since(each_scan("tcss_vul_scan_progress_changed_timestamp_seconds"))), duration(86)),
        ],
        sort=[("Running", True)], no_value="No scan is running",
    )


def state_timeline(width, n=ROWS):
    return timeline(
        width, "Status",
        f"State of the {n} scans that are in the worst state now. Unavailable means that polls fail and the last response "
        "is too old.",
        [trend(largest(n, state), NAME), trend(f"0 * {left_out(n, state)}", MORE)], palette.states(), rows=n + 1,
    )


def failing_by_reason(width):
    return graph(
        width, "Failing by reason",
        "Scans whose last poll failed, by reason. Reds are permanent. The README explains each reason.",
        [trend(f"count by (reason) ({each_scan('tcss_poll_failing', 'reason')})", "{{reason}}")],
        "locale", steps=True, stacked=True, decimals=0, no_value="No poll failed",
    )
