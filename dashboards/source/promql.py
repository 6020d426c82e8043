"""Queries.

Two replicas are two instances that report the same scans. So a gauge of a scan or of an account is first a maximum
over instances, and only then summed or compared.
"""

from palette import NOT_READ, STATE_OF_STATUS

INSTANCE = {"job": "$job", "instance": "$instance"}
ACCOUNT = INSTANCE | {"account": "$account"}
SCAN = ACCOUNT | {"scan": "$scan"}

# A range for `rate` and `increase` that holds enough samples at every zoom.
RATE_INTERVAL = "[$__rate_interval]"


def of_instance(metric, **labels):
    """A selector of a metric of the process."""
    return _selector(metric, INSTANCE, labels)


def of_exporter(metric, function=str):
    """`function` of a metric that other programs have too: of exporters alone, also those that do not answer now."""
    exporters = f"last_over_time({of_instance('tcss_exporter_build_info')}[1d])"
    return f"{function(of_instance(metric))} and on (job, instance) {exporters}"


def of_account(metric, **labels):
    """A selector of a metric with the label `account`."""
    return _selector(metric, ACCOUNT, labels)


def of_scan(metric, **labels):
    """A selector of a metric with the labels `account` and `scan`."""
    return _selector(metric, SCAN, labels)


def each_scan(metric, *by, at="", **labels):
    """A gauge of each scan, whichever instance reports it."""
    return f"max by ({', '.join(['account', 'scan', *by])}) ({of_scan(metric, **labels)}{at})"


def each_account(metric):
    """A gauge of each account, whichever instance reports it."""
    return f"max by (account) ({of_account(metric)})"


def is_status(status):
    """1 for each scan in this status; no series for the others."""
    return f"{each_scan('tcss_vul_scan_status', status=status)} == 1"


def having(expression, condition):
    """The series of `expression` whose scan is in `condition`."""
    return f"{expression} and on (account, scan) ({condition})"


def state():
    """The state of each scan, as a number of the palette."""
    states = [f"{code} * ({is_status(status)})" for status, code in STATE_OF_STATUS.items()]
    not_read = f"{NOT_READ} + ({each_scan('tcss_up')} == 0)"
    return " or ".join([*states, not_read])


def recorded(rule, *by, at=""):
    """A series of the recording rules, which belong to scans and to no instance."""
    selector = _selector(f"tcss:{rule}", {"account": "$account", "scan": "$scan"}, {})
    # It is one already; this drops its name, which would become a column of a table.
    return f"max by ({', '.join(['account', 'scan', *by])}) ({selector}{at})"


def as_finished(what, metric, *by, at=""):
    """What the last finished scan found; where the rules are not loaded, the scan at hand if it has finished.

    An account that was never scanned, or whose first scan runs, has no findings yet: that is not 0.
    """
    finished = f"{each_scan('tcss_vul_scan_status', at=at, status='SCANNED')} == 1"
    return f"({recorded(what + ':finished', *by, at=at)} or {having(each_scan(metric, *by, at=at), finished)})"


def largest(n, what, metric):
    """The `n` scans that have most at the end of the range."""
    return having(as_finished(what, metric), f"topk({n}, {as_finished(what, metric, at=' @ end()')})")


def threshold(name, pick="min"):
    """Where an alert begins; `Inf` is an alert that is switched off."""
    return f"{pick}({recorded('scan_threshold:' + name)} < Inf)"


def beyond(expression, comparison, name):
    """The series that are beyond their own threshold."""
    return f"{expression} {comparison} on (account, scan) {recorded('scan_threshold:' + name)}"


def firing():
    """Alerts of the chosen scans, and those that are of no scan."""
    return 'ALERTS{alertname=~"Tcss.+", alertstate="firing", account=~"$account|", scan=~"$scan|"}'


def since(timestamp):
    """Seconds since a time."""
    return f"time() - {timestamp}"


def _selector(metric, variables, labels):
    matchers = [f'{label}=~"{variable}"' for label, variable in variables.items()]
    matchers += [f'{label}="{value}"' for label, value in labels.items()]
    return f"{metric}{{{', '.join(matchers)}}}"
