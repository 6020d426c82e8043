"""Queries.

Two replicas are two instances that expose the same scans. Gauges of a scan or an account are therefore aggregated with
max over instances before they are summed or compared.
"""

from palette import STATE_OF_STATUS, UNAVAILABLE

INSTANCE = {"job": "$job", "instance": "$instance"}
ACCOUNT = INSTANCE | {"account": "$account"}
SCAN = ACCOUNT | {"scan": "$scan"}

# A range for `rate` and `increase` that contains enough samples at every zoom level.
RATE_INTERVAL = "[$__rate_interval]"


def of_instance(metric, **labels):
    """A selector for a metric of the process."""
    return _selector(metric, INSTANCE, labels)


def of_exporter(metric, function=str):
    """`function` of a metric that other programs expose too, limited to exporters, including those that are down."""
    exporters = f"last_over_time({of_instance('tcss_exporter_build_info')}[1d])"
    return f"{function(of_instance(metric))} and on (job, instance) {exporters}"


def of_account(metric, **labels):
    """A selector for a metric with the label `account`."""
    return _selector(metric, ACCOUNT, labels)


def of_scan(metric, **labels):
    """A selector for a metric with the labels `account` and `scan`."""
    return _selector(metric, SCAN, labels)


def each_scan(metric, *by, at="", **labels):
    """A gauge of each scan, aggregated over instances."""
    return f"max by ({', '.join(['account', 'scan', *by])}) ({of_scan(metric, **labels)}{at})"


def each_account(metric):
    """A gauge of each account, aggregated over instances."""
    return f"max by (account) ({of_account(metric)})"


def is_status(status):
    """1 for each scan with this status; other scans have no series."""
    return f"{each_scan('tcss_vul_scan_status', status=status)} == 1"


def having(expression, condition):
    """The series of `expression` for scans in `condition`."""
    return f"{expression} and on (account, scan) ({condition})"


def state():
    """The state of each scan as a number defined in the palette."""
    states = [f"{code} * ({is_status(status)})" for status, code in STATE_OF_STATUS.items()]
    unavailable = f"{UNAVAILABLE} + ({each_scan('tcss_up')} == 0)"
    return " or ".join([*states, unavailable])


def recorded(rule, *by, at=""):
    """A series of the recording rules, which have no label `instance`."""
    selector = _selector(f"tcss:{rule}", {"account": "$account", "scan": "$scan"}, {})
    # There is only one series; max drops its name, which would become a table column.
    return f"max by ({', '.join(['account', 'scan', *by])}) ({selector}{at})"


def as_completed(what, *by, at=""):
    """A result of the last completed scan: as recorded by the rules, or without the rules as the exporter knows it.

    An account without a completed scan has no series rather than 0.
    """
    rule = what.removeprefix("found_") + ":finished"
    return f"({recorded(rule, *by, at=at)} or {each_scan('tcss_vul_scan_completed_' + what, *by, at=at)})"


def largest(n, what):
    """The `n` scans with the largest values at the end of the time range."""
    return having(as_completed(what), f"topk({n}, {as_completed(what, at=' @ end()')})")


def threshold(name, pick="min"):
    """The threshold of an alert; `Inf` means that the alert is disabled."""
    return f"{pick}({recorded('scan_threshold:' + name)} < Inf)"


def beyond(expression, comparison, name):
    """The series that are beyond their threshold."""
    return f"{expression} {comparison} on (account, scan) {recorded('scan_threshold:' + name)}"


def firing():
    """Alerts of the selected scans, and alerts without the label `scan`."""
    return 'ALERTS{alertname=~"Tcss.+", alertstate="firing", account=~"$account|", scan=~"$scan|"}'


def since(timestamp):
    """Seconds since a timestamp."""
    return f"time() - {timestamp}"


def _selector(metric, variables, labels):
    matchers = [f'{label}=~"{variable}"' for label, variable in variables.items()]
    matchers += [f'{label}="{value}"' for label, value in labels.items()]
    return f"{metric}{{{', '.join(matchers)}}}"
