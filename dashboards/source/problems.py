"""What is wrong with scans: one series per scan and problem, with the labels `severity` and `problem`.

The severities and the conditions are those of the alerts, but problems need no rules and have no waiting time.
"""

import palette
from promql import (
    as_completed, beyond, each_scan, having, is_status, over_time, rose, since, DAY,
)

# Retrying does not help: the credentials or the configuration must be changed.
PERMANENT = "auth|credentials|invalid_request|no_role|not_found|permission"
# Shown instead of a duration where the start of a problem is unknown.
UNKNOWN = -1
# Of each problem, the scans that have it for the longest time.
SHOWN = 3
SCAN = ["account", "scan"]

LAST_SUCCESS = each_scan("tcss_poll_last_success_timestamp_seconds")
# A restarted exporter does not know the polls of the one before.
SUCCESS_BEFORE = over_time(
    "last_over_time", "max", "tcss_poll_last_success_timestamp_seconds", range=DAY, collector="vul_scan")
COMPLETED_END = as_completed("end_timestamp_seconds")
IMAGES = f"sum by (account, scan) ({as_completed('scanned_images', 'source')})"
MOST_IMAGES = over_time("max_over_time", "max", "tcss_vul_scan_completed_scanned_images", "source", range=DAY)
DROP = f"1 - {IMAGES} / (sum by (account, scan) ({MOST_IMAGES}) > 0)"

# All scans that an exporter exposed within the last day, with or without success.
MONITORED = over_time("last_over_time", "max", "tcss_up", range=DAY)


def _unknown(expression):
    """Nothing tells since when."""
    return f"{UNKNOWN} + 0 * ({expression})"


def _without_data(reason):
    failing = each_scan("tcss_poll_failing", "reason", reason=reason)
    age = f"({since(LAST_SUCCESS)} or {since(SUCCESS_BEFORE)} or {_unknown(each_scan('tcss_up'))})"
    replica = f"topk by (account, scan) (1, {failing})"
    return f'label_replace({replica} * on (account, scan) group_left () {age}, "problem", "failing: $1", "reason", "(.+)")'


def _found(condition):
    """A condition on the results of the last completed scan."""
    return having(since(COMPLETED_END), condition)


def _named(name, expression):
    return f'label_replace({expression}, "problem", "{name}", "", "")'


def _gone():
    return f"({since(SUCCESS_BEFORE)} or {_unknown(MONITORED)}) unless on (account, scan) {each_scan('tcss_up')}"


def _stalled():
    unchanged = since(each_scan("tcss_vul_scan_progress_changed_timestamp_seconds"))
    return having(f"({beyond(unchanged, '>', 'scan_stuck_seconds')})", is_status("SCANNING"))


CANCELED_AT = f"({each_scan('tcss_vul_scan_end_timestamp_seconds')} or {each_scan('tcss_vul_scan_start_timestamp_seconds')})"
FAILING_PERMANENTLY = each_scan("tcss_poll_failing", reason=f"~{PERMANENT}")

# The severity, and a query for the seconds since when each scan has the problem.
PROBLEMS = [
    ("critical", _without_data(f"~{PERMANENT}")),
    ("critical", _named("risk images rose", _found(beyond(rose("risk_images"), ">", "risk_images_increase")))),
    ("critical", _named("risk images high", _found(beyond(as_completed("risk_images"), ">", "risk_images")))),
    ("warning", _named("not monitored", _gone())),
    ("warning", _named("data stale", f"{beyond(since(LAST_SUCCESS), '>', 'data_age_seconds')} "
                                     f"unless on (account, scan) {FAILING_PERMANENTLY}")),
    ("warning", _named("scan stalled", _stalled())),
    ("warning", _named("scan canceled", having(since(CANCELED_AT), is_status("CANCELED")))),
    ("warning", _named("scan overdue", beyond(since(COMPLETED_END), ">", "scan_age_seconds"))),
    ("warning", _named("vulnerabilities rose", _found(beyond(
        f"max by (account, scan) ({rose('found_vulnerabilities', 'source')})", ">", "vulnerabilities_increase")))),
    ("warning", _named("more ignored", _found(beyond(
        rose("ignored_vulnerabilities"), ">", "ignored_vulnerabilities_increase")))),
    ("warning", _named("fewer images", _found(beyond(DROP, ">", "coverage_drop_ratio")))),
    ("info", _without_data(f"!~{PERMANENT}")),
    ("info", _named("never scanned", _unknown(is_status("NOT_SCAN")))),
    ("info", _named("odd response", _unknown(each_scan("tcss_unexpected_field")))),
]


def all_problems(*by, severities=palette.SEVERITIES):
    """Seconds since when, by problem and, unless labels are given, by scan."""
    parts = [f'label_replace({query}, "severity", "{palette.SEVERITIES[severity]}", "", "")'
             for severity, query in PROBLEMS if severity in severities]
    return f"max by ({', '.join(['severity', 'problem', *(by or SCAN)])}) ({' or '.join(parts)})"


def longest():
    """The problems with the longest duration of each kind."""
    return f"topk by (severity, problem) ({SHOWN}, {all_problems()})"


def of_each_scan():
    """The worst problem of each scan: its severity as a number, and its name as a label."""
    parts = [f"({palette.SEVERITIES[severity]} + 0 * ({query}))" for severity, query in PROBLEMS]
    return f"topk by (account, scan) (1, max by (problem, account, scan) ({' or '.join(parts)}))"


def scans_with_problems():
    """The number of scans that need operator action."""
    return f"count(max by (account, scan) ({all_problems(severities=('critical', 'warning'))}))"
