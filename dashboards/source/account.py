"""Account: details of one account; linked from the tables on the overview."""

from board import board, row
from palette import FINDINGS
from panels import COUNT, THRESHOLD, cells, duration, gauge, graph, headline, now, stat, table, trend
from parts import NAME, all_scans, failing_by_reason, largest_trends, problem_list, state_timeline
from overview import changes
from promql import as_completed, each_collector, each_scan, having, is_status, lowest_threshold, since

VULNERABILITIES = as_completed("found_vulnerabilities", "source")
IMAGES = as_completed("scanned_images", "source")
END = each_scan("tcss_vul_scan_end_timestamp_seconds")
START = each_scan("tcss_vul_scan_start_timestamp_seconds")
LAST_SUCCESS = each_scan("tcss_poll_last_success_timestamp_seconds")
SCANNING = is_status("SCANNING")
# The board is for one account; with more of them, graphs show as many scans, and narrow ones fewer.
LINES, FEW, ROWS = 7, 4, 10


def lines(expression, n=LINES):
    return largest_trends(expression, n)


def scan(metric):
    """A function of `at`, for graphs of the largest ones."""
    return lambda at: each_scan(metric, at=at)


def completed(what):
    return lambda at: as_completed(what, at=at)


def duration_of_completed(at):
    return f"{as_completed('end_timestamp_seconds', at=at)} - {as_completed('start_timestamp_seconds', at=at)}"


def data_age(at):
    return f"time() - {each_scan('tcss_poll_last_success_timestamp_seconds', at=at)}"


FOUND = [
    headline(
        5, "Risk images",
        "Images at risk found by the last completed scan, summed over the selected scans. The line shows the time range.",
        f"sum({as_completed('risk_images')})", steps=FINDINGS,
    ),
    changes(
        5, "Change, 24 h",
        "By how much images at risk exceed the lowest number of the last day, and are below the highest one.", "risk_images",
    ),
    stat(
        5, "Vulnerabilities", "Vulnerabilities found by the last completed scan, in local and in registry images.",
        [now(f"sum by (source) ({VULNERABILITIES})", "{{source}}")],
    ),
    stat(4, "Ignored", "Number of ignored vulnerabilities.", [now(f"sum({as_completed('ignored_vulnerabilities')})")]),
    stat(
        5, "Images scanned", "Local and registry images covered by the last completed scan.",
        [now(f"sum by (source) ({IMAGES})", "{{source}}")],
    ),
]

SCANS = all_scans(
    "Latest scans",
    "The latest scan of each selected account. A running scan has no end time. A canceled scan stays below 100 %.",
    [
        ("Progress", cells(each_scan("tcss_vul_scan_progress_ratio")), gauge()),
        ("Time left", cells(having(each_scan("tcss_vul_scan_remaining_seconds"), SCANNING)), duration(76)),
        ("Started", cells(f"round({since(START)})"), duration(76)),
        ("Took", cells(f"{END} - {START}"), duration(70)),
        ("Ended", cells(f"round({since(END)})"), duration(76)),
        ("Data age", cells(f"round({since(LAST_SUCCESS)})"), duration(82)),
    ],
)

FOUND_OVER_TIME = [
    graph(
        12, "Risk images",
        "Images at risk found by completed scans. The dashed line is the threshold; for several scans, the lowest one.",
        [*lines(completed("risk_images")), trend(lowest_threshold("risk_images"), THRESHOLD)],
        COUNT, steps=True, decimals=0,
    ),
    graph(
        12, "Vulnerabilities", "Vulnerabilities found by completed scans, in local and in registry images.",
        [trend(f"sum by (source) ({VULNERABILITIES})", "{{source}}")], COUNT, steps=True, stacked=True, decimals=0,
    ),
]

COVERED_OVER_TIME = [
    graph(
        12, "Images scanned", "Images covered by completed scans. A drop means that some images are no longer scanned.",
        [trend(f"sum by (source) ({IMAGES})", "{{source}}")], COUNT, steps=True, stacked=True, decimals=0,
    ),
    graph(
        12, "Ignored vulnerabilities", "Number of ignored vulnerabilities.",
        lines(completed("ignored_vulnerabilities")), COUNT, steps=True, decimals=0,
    ),
]

PROGRESS_OVER_TIME = [
    graph(
        12, "Progress", "Progress of the scan. A flat line below 100 % is a stalled or canceled scan.",
        lines(scan("tcss_vul_scan_progress_ratio")), "percentunit", maximum=1,
    ),
    graph(
        12, "Scan duration", "Duration of the last completed scan. The dashed line is the threshold for a running scan.",
        [*lines(duration_of_completed), trend(lowest_threshold("scan_duration_seconds"), THRESHOLD)], "s", steps=True,
    ),
]

TASKS_AND_FAILURES = [
    table(
        10, "Tasks", "Task IDs of the scans, as shown in the console. A new ID is a new scan.",
        [
            ("Account", "account", {}), ("Scan", "scan", {"custom_width": 64}),
            ("Local images", "local_task_id", {"custom_width": 106}), ("Registry images", "registry_task_id", {"custom_width": 122}),
        ],
        rows=[cells(each_scan("tcss_vul_scan_task_info", "local_task_id", "registry_task_id"))],
        sort=[("Account", False), ("Scan", False)], no_value="No task",
    ),
    failing_by_reason(7),
    graph(
        7, "Unexpected fields",
        "Collectors and scans for which a field of the latest response was missing or could not be read, by field.",
        [trend(f"sum by (field) ({each_collector('tcss_unexpected_field', 'field')})", "{{field}}")],
        COUNT, steps=True, stacked=True, decimals=0, no_value="Every field could be read",
    ),
]

POLLS = [
    graph(
        8, "Poll interval", "Current poll interval: shorter while a scan runs, longer while operator action is required.",
        lines(scan("tcss_poll_interval_seconds"), FEW), "s", steps=True,
    ),
    graph(
        8, "Poll duration", "Includes retries and the time spent waiting for the rate limiter.",
        lines(scan("tcss_poll_duration_seconds"), FEW), "s",
    ),
    graph(
        8, "Data age", "Time since the last successful poll. The dashed line is the threshold.",
        [*lines(data_age, FEW), trend(lowest_threshold("data_age_seconds"), THRESHOLD)], "s",
    ),
]

BOARD = board(
    "tcss-account", "TCSS / Account",
    "One account of Tencent Cloud Container Security: its problems and scans, their findings, and the state of its polls.",
    "now-7d",
    marked=["Risk images", "Vulnerabilities", "Images scanned", "Ignored vulnerabilities", "Progress"],
    rows=[
        row("Now", (5, *FOUND), (6, problem_list(24)), (5, SCANS)),
        row("Over time", (7, state_timeline(24, ROWS)), (8, *FOUND_OVER_TIME), (8, *COVERED_OVER_TIME), (8, *PROGRESS_OVER_TIME)),
        row("Tasks and polls", (8, *TASKS_AND_FAILURES), (8, *POLLS)),
    ],
)
