"""Colors and their meaning on all boards, using the names that Grafana adapts to the light and dark theme."""

OK = "green"
WARNING = "orange"
FAIL = "red"
INFO = "blue"
NEUTRAL = "text"
FAINT = "#8e8e8e"

# Thresholds of numbers: pairs of a lower bound and a color. The first entry applies to missing values. In table columns,
# Grafana treats None as 0.
GOOD_WHEN_ZERO = [(None, NEUTRAL), (0, OK), (1, FAIL)]
FINDINGS = [(None, NEUTRAL), (0, OK), (1, WARNING)]
BAD = [(None, NEUTRAL), (1, FAIL)]
GOOD = [(None, NEUTRAL), (1, OK)]

# Dashed lines in this color are thresholds.
THRESHOLD = "dark-red"

# The state of a scan as a number, as required by state timelines, with its name and color. Ordered by increasing need for
# operator action.
LEFT_OUT, NEVER_SCANNED, SCANNED, SCANNING, CANCELED, UNKNOWN, UNAVAILABLE = range(7)
STATES = {
    LEFT_OUT: ("not shown", "transparent"),
    NEVER_SCANNED: ("never scanned", FAINT),
    SCANNED: ("scanned", OK),
    SCANNING: ("scanning", INFO),
    CANCELED: ("canceled", WARNING),
    UNKNOWN: ("unknown", "dark-yellow"),
    UNAVAILABLE: ("unavailable", FAIL),
}
STATE_OF_STATUS = {
    "NOT_SCAN": NEVER_SCANNED,
    "SCANNED": SCANNED,
    "SCANNING": SCANNING,
    "CANCELED": CANCELED,
    "UNKNOWN": UNKNOWN,
}

# Severities as numbers, so that tables sort by them.
SEVERITIES = {"critical": 3, "warning": 2, "info": 1}

# Severities of findings, the worst first.
LEVELS = ["critical", "high", "medium", "low"]

# Reasons of failed polls and requests. Red ones are permanent: credentials or configuration must be changed.
REASONS = {
    "auth": "#f2495c",
    "permission": "#c4162a",
    "no_role": "#ff7383",
    "credentials": "#e02fd0",
    "invalid_request": "#8f3bb8",
    "not_found": "#ca95e5",
    "throttled": "#fade2a",
    "server": "#ff9830",
    "network": "#5794f2",
    "timeout": "#8ab8ff",
    "tls": "#1f60c4",
    "http_status": "#b0722b",
    "decode": "#73bf69",
    "too_large": "#37872d",
}

# Colors of series, by their name in the legend.
SERIES = {
    # source of images
    "local": "#2fa8a0",
    "registry": "#a56bd4",
    # severity of alerts
    "critical": FAIL,
    "warning": WARNING,
    "info": INFO,
    # severity of findings, with `critical` from above
    "high": "#ff780a",
    "medium": "#f2cc0c",
    "low": "#8ab8ff",
    # coverage
    "scanned": OK,
    "not scanned": WARNING,
    # outcomes of polls
    "succeeded": OK,
    "failed": FAIL,
    "retries": "#b8b8b8",
    # quantiles
    "median": INFO,
    "90 %": "purple",
    "99 %": WARNING,
    "longest": WARNING,
    "oldest": WARNING,
    "attempt": "purple",
    **REASONS,
}

# Names in the legend that come from a label.
NAMES = {
    "{{source}}": ["local", "registry"],
    "{{severity}}": [*SEVERITIES, *LEVELS],
    "{{reason}}": list(REASONS),
}

ANNOTATIONS = {"Scan completed": OK, "Scan canceled": WARNING}


def states():
    """Value mappings of the state of a scan."""
    return _mappings({str(code): state for code, state in STATES.items()})


def flags(true, false):
    """Value mappings of 1 and 0."""
    return _mappings({"1": (true, OK), "0": (false, FAIL)})


def roles():
    """Value mappings of whether a replica is the leader."""
    return _mappings({"1": ("leader", INFO), "0": ("standby", FAINT)})


def severities():
    """Value mappings of a severity."""
    return _mappings({str(number): (name, SERIES[name]) for name, number in SEVERITIES.items()})


def levels():
    """Value mappings of the severity of a finding, as a label."""
    return _mappings({level: (level, SERIES[level]) for level in LEVELS})


def words(good, bad):
    """Value mappings of labels whose values are good or bad."""
    return _mappings({word: (word, OK) for word in good} | {word: (word, FAIL) for word in bad})


def names(*values):
    """Value mappings of a label, in whose cells the color is not shown."""
    return _mappings({value: (value, SERIES.get(value, NEUTRAL)) for value in values})


def missing(number, text):
    """Value mappings of a number that stands for a missing value."""
    return _mappings({str(number): (text, NEUTRAL)})


def _mappings(options):
    return [
        {
            "type": "value",
            "options": {
                value: {"text": text, "color": color, "index": index}
                for index, (value, (text, color)) in enumerate(options.items())
            },
        }
    ]
