"""What a colour means, on every board. Grafana's own names, which it adapts to the light and the dark theme."""

OK = "green"
WARNING = "orange"
FAIL = "red"
INFO = "blue"
NEUTRAL = "text"

# Thresholds of numbers: from where on, which colour. The first is that of no number at all. For a column of a table,
# Grafana takes None for 0.
GOOD_WHEN_ZERO = [(None, NEUTRAL), (0, OK), (1, FAIL)]
FINDINGS = [(None, NEUTRAL), (0, OK), (1, WARNING)]
INCREASE = [(-1e12, NEUTRAL), (-1e9, OK), (0, NEUTRAL), (1, FAIL)]

# A dashed line in this colour is a threshold, wherever it is.
THRESHOLD = "dark-red"

# State of a scan as a number, which a state timeline needs, how it is called, and its colour. The further down, the
# more it needs a person.
NEVER_SCANNED, SCANNED, SCANNING, CANCELED, UNKNOWN, NOT_READ = range(1, 7)
STATES = {
    NEVER_SCANNED: ("never scanned", "#8e8e8e"),
    SCANNED: ("scanned", OK),
    SCANNING: ("scanning", INFO),
    CANCELED: ("canceled", WARNING),
    UNKNOWN: ("unknown", "dark-yellow"),
    NOT_READ: ("not read", FAIL),
}
STATE_OF_STATUS = {
    "NOT_SCAN": NEVER_SCANNED,
    "SCANNED": SCANNED,
    "SCANNING": SCANNING,
    "CANCELED": CANCELED,
    "UNKNOWN": UNKNOWN,
}

# Colours of series, by the name in the legend.
SERIES = {
    # where images come from
    "local": "#2fa8a0",
    "registry": "#a56bd4",
    # severity of alerts
    "critical": FAIL,
    "warning": WARNING,
    "info": INFO,
    # outcomes
    "fine": OK,
    "failing": FAIL,
    "retries": WARNING,
    # shares of a distribution
    "median": INFO,
    "90 %": "purple",
    "99 %": WARNING,
    "longest": WARNING,
    "oldest": WARNING,
}

# The names that a label brings into the legend.
NAMES = {
    "{{source}}": ["local", "registry"],
    "{{severity}}": ["critical", "warning", "info"],
}

ANNOTATIONS = {"Scan finished": OK, "Scan canceled": WARNING}


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
