"""Queries.

Two replicas are two instances that expose the same scans. Gauges of a scan or an account are therefore aggregated with
max over instances before they are summed or compared.

Boards read raw series, the thresholds of the rules and their alerts. They work without rules: the thresholds then have
their defaults.
"""

from palette import STATE_OF_STATUS, UNAVAILABLE

# Accounts that have the selected label in tcss_account_info; `.+` without such a selection.
MEMBERS = "${members:pipe}"
INSTANCE = [("job", "$job"), ("instance", "$instance")]
ACCOUNT = [*INSTANCE, ("account", "$account"), ("account", MEMBERS)]
SCAN = [*ACCOUNT, ("scan", "$scan")]
# Most collectors poll once per account, and have no label `scan`.
COLLECTOR = [*ACCOUNT, ("scan", "$scan|")]

# A range for `rate` and `increase` that contains enough samples at every zoom level.
RATE_INTERVAL = "[$__rate_interval]"
# How long the results of a completed scan are shown after they disappeared, as in the alerts: after a restart, the exporter
# only exposes them again once it has seen a completed scan.
KEPT = "[2h]"
# The range in which a result rose or fell, as in the alerts.
DAY = "[1d]"

# Metrics with the label `collector`.
POLLS = ("tcss_up", "tcss_poll_", "tcss_unexpected_field")

# Used without the rules; the values in the first group of the rules.
DEFAULT_THRESHOLDS = {
    "risk_images": "50",
    "risk_images_increase": "0",
    "vulnerabilities_increase": "0",
    "ignored_vulnerabilities_increase": "0",
    "coverage_drop_ratio": "0.1",
    "scan_age_seconds": "691200",
    "scan_duration_seconds": "7200",
    "scan_stuck_seconds": "1800",
    "data_age_seconds": "1800",
    "credentials_remaining_seconds": "300",
    "throttled_ratio": "0.05",
}


# Selectors.


def of_instance(metric, **labels):
    """A selector for a metric of the process."""
    return _selector(metric, INSTANCE, labels)


def of_exporter(metric, function=str):
    """`function` of a metric that other programs expose too, limited to exporters, including those that are down."""
    exporters = f"last_over_time({of_instance('tcss_exporter_build_info')}{DAY})"
    return f"{function(of_instance(metric))} and on (job, instance) {exporters}"


def of_account(metric, **labels):
    """A selector for a metric with the label `account`."""
    return _selector(metric, ACCOUNT, labels)


def of_scan(metric, **labels):
    """A selector for a metric with the labels `account` and `scan`."""
    return _selector(metric, SCAN, labels)


def of_collector(metric, **labels):
    """A selector for a metric of the polls of all collectors."""
    return _selector(metric, COLLECTOR, labels)


def _selector(metric, variables, labels):
    """A value that starts with ~ is a regular expression, one that starts with !~ must not match."""
    matchers = [f'{label}=~"{variable}"' for label, variable in variables]
    for label, value in labels.items():
        operator = next((it for it in ("!~", "~") if value.startswith(it)), "")
        matchers.append(f'{label}{operator if operator == "!~" else "=" + operator}"{value.removeprefix(operator)}"')
    return f"{metric}{{{', '.join(matchers)}}}"


# Gauges, aggregated over instances. `at` is a modifier such as ` @ end()`.


def each_scan(metric, *by, at="", **labels):
    """Of the metrics of polls, those of the collector that watches the scan: another one may work while it fails."""
    if metric.startswith(POLLS):
        labels = {"collector": "vul_scan"} | labels
    return f"max by ({', '.join(['account', 'scan', *by])}) ({of_scan(metric, **labels)}{at})"


def each_collector(metric, *by, **labels):
    return f"max by ({', '.join(['account', 'collector', 'scan', *by])}) ({of_collector(metric, **labels)})"


def each_account(metric, *by, at="", **labels):
    return f"max by ({', '.join(['account', *by])}) ({of_account(metric, **labels)}{at})"


def over_time(function, pick, metric, *by, range, at="", **labels):
    """`function` of a gauge over a range, aggregated with `pick`."""
    return f"{pick} by ({', '.join(['account', 'scan', *by])}) ({function}({of_scan(metric, **labels)}{range}{at}))"


def as_completed(what, *by, at=""):
    """A result of the last completed scan. An account without a completed scan has no series rather than 0.

    If several exporters poll an account, the one that has seen the newest completed scan counts, as in the alerts.
    """
    value = f"last_over_time({of_scan(f'tcss_vul_scan_completed_{what}')}{KEPT}{at})"
    start = f"last_over_time({of_scan('tcss_vul_scan_completed_start_timestamp_seconds')}{KEPT}{at})"
    joined = f"and ignoring ({', '.join(by)})" if by else "and"
    return f"max by ({', '.join(['account', 'scan', *by])}) ({value} {joined} topk by (account, scan) (1, {start}))"


def rose(what, *by):
    """By how much a result exceeds the lowest one of the last day; only scans for which it does."""
    lowest = over_time("min_over_time", "min", f"tcss_vul_scan_completed_{what}", *by, range=DAY)
    return f"({as_completed(what, *by)} - {lowest} > 0)"


def fell(what, *by):
    """By how much a result is below the highest one of the last day; only scans for which it is."""
    highest = over_time("max_over_time", "max", f"tcss_vul_scan_completed_{what}", *by, range=DAY)
    return f"({highest} - {as_completed(what, *by)} > 0)"


def total(expression, what):
    """The sum of `expression`, which is 0 if nothing rose or fell and absent without any result."""
    return f"sum({expression}) or 0 * sum({as_completed(what)})"


def is_status(status, at=""):
    """1 for each scan with this status; other scans have no series."""
    return f"{each_scan('tcss_vul_scan_status', at=at, status=status)} == 1"


def state(at=""):
    """The state of each scan as a number defined in the palette."""
    states = [f"{code} * ({is_status(status, at)})" for status, code in STATE_OF_STATUS.items()]
    unavailable = f"{UNAVAILABLE} + ({each_scan('tcss_up', at=at)} == 0)"
    return f"({' or '.join([*states, unavailable])})"


def since(timestamp):
    """Seconds since a timestamp."""
    return f"time() - {timestamp}"


# Combinations.


def having(expression, condition):
    """The series of `expression` for scans in `condition`."""
    return f"{expression} and on (account, scan) ({condition})"


def largest(n, expression):
    """The `n` scans with the largest values at the end of the time range. `expression` is a function of `at`."""
    return having(expression(""), f"topk({n}, {expression(' @ end()')})")


def left_out(n, expression):
    """The number of scans that `largest` leaves out, as the label `more`. No series if there are none."""
    return f'count_values("more", count({expression(" @ end()")}) - {n} > 0)'


def effective(name):
    """The threshold of each scan, as recorded by the rules, or the default. `Inf` means that the alert is disabled."""
    recorded = f"max by (account, scan) ({_selector(f'tcss:scan_threshold:{name}', SCAN[len(INSTANCE):], {})})"
    return f"({recorded} or {DEFAULT_THRESHOLDS[name]} * group by (account, scan) ({of_scan('tcss_up')}))"


def common(name):
    """A threshold for all accounts together."""
    return f"(max(tcss:threshold:{name}) or vector({DEFAULT_THRESHOLDS[name]}))"


def lowest_threshold(name):
    return f"min({effective(name)} < Inf)"


def beyond(expression, comparison, name):
    """The series that are beyond their threshold."""
    return f"{expression} {comparison} on (account, scan) {effective(name)}"


def firing(metric="ALERTS", **labels):
    """Alerts of the selected scans, and alerts without the label `scan`."""
    chosen = [("account", "$account|"), ("account", f"{MEMBERS}|"), ("scan", "$scan|")]
    return _selector(metric, chosen, {"alertname": "~Tcss.+", **labels})
