"""Colors and their meaning on all boards, using the names that Grafana adapts to the light and dark theme."""

OK = "green"
WARNING = "orange"
FAIL = "red"
INFO = "blue"
NEUTRAL = "text"

# Thresholds of numbers: pairs of a lower bound and a color. The first entry applies to missing values. In table columns,
# Grafana treats None as 0.
GOOD_WHEN_ZERO = [(None, NEUTRAL), (0, OK), (1, FAIL)]
FINDINGS = [(None, NEUTRAL), (0, OK), (1, WARNING)]
INCREASE = [(-1e12, NEUTRAL), (-1e9, OK), (0, NEUTRAL), (1, FAIL)]

# Dashed lines in this color are thresholds.
THRESHOLD = "dark-red"

# The state of a scan as a number, as required by state timelines, with its name and color. Ordered by increasing need for
# operator action.
NEVER_SCANNED, SCANNED, SCANNING, CANCELED, UNKNOWN, UNAVAILABLE = range(1, 7)
STATES = {
    NEVER_SCANNED: ("never scanned", "#8e8e8e"),
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

# Colors of series, by their name in the legend.
SERIES = {
    # source of images
    "local": "#2fa8a0",
    "registry": "#a56bd4",
    # severity of alerts
    "critical": FAIL,
    "warning": WARNING,
    "info": INFO,
    # outcomes of polls
    "succeeded": OK,
    "failed": FAIL,
    "retries": WARNING,
    # quantiles
    "median": INFO,
    "90 %": "purple",
    "99 %": WARNING,
    "longest": WARNING,
    "oldest": WARNING,
}

# Names in the legend that come from a label.
NAMES = {
    "{{source}}": ["local", "registry"],
    "{{severity}}": ["critical", "warning", "info"],
}

ANNOTATIONS = {"Scan completed": OK, "Scan canceled": WARNING}


def states():
    """Value mappings of the state of a scan."""
    return _mappings({str(code): state for code, state in STATES.items()})


def flags(true, false):
    """Value mappings of 1 and 0."""
    return _mappings({"1": (true, OK), "0": (false, FAIL)})


def severities():
    """Value mappings of the severity of an alert."""
    return _mappings({name: (name, SERIES[name]) for name in NAMES["{{severity}}"]})


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
