"""Exporter: whether what the other boards show is true, and why not."""

import palette
from board import board, row
from palette import GOOD_WHEN_ZERO, OK, WARNING
from panels import THRESHOLD, bar_coloured, bars, by_query, cells, duration, graph, now, stat, table, timeline, trend
from promql import (
    RATE_INTERVAL, each_account, each_scan, of_account, of_exporter, of_instance, of_scan, recorded, since, threshold,
)

LAST_SUCCESS = each_scan("tcss_poll_last_success_timestamp_seconds")
LAST_ATTEMPT = each_scan("tcss_poll_last_attempt_timestamp_seconds")
RELOADED = "tcss_exporter_config_last_reload_success_timestamp_seconds"
WEB_RELOADED = "tcss_exporter_web_config_last_reload_success_timestamp_seconds"
RELOAD_OK = "tcss_exporter_config_last_reload_successful"
WEB_RELOAD_OK = "tcss_exporter_web_config_last_reload_successful"
EXPIRY = f"{each_account('tcss_credentials_expiry_timestamp_seconds')} - time()"
SOON = f"max by (account) ({recorded('scan_threshold:credentials_remaining_seconds')})"
EXPIRING = f"{EXPIRY} < on (account) {SOON}"


def rate(selector):
    return f"rate({selector}{RATE_INTERVAL})"


def increase(selector):
    return f"increase({selector}{RATE_INTERVAL})"


def each_process(metric):
    return f"max by (instance) ({of_exporter(metric)})"


def each_instance(metric, function="max"):
    return f"{function} by (instance) ({of_instance(metric)})"


NOW = [
    stat(
        4, "Down", "Instances that Prometheus cannot scrape, and that answered within the last day.",
        [now(f"sum(1 - ({of_exporter('up')}))")], steps=GOOD_WHEN_ZERO,
    ),
    stat(
        4, "Failing", "Scans whose last poll failed, or that were not polled yet.",
        [now(f"sum(1 - {each_scan('tcss_up')})")], steps=GOOD_WHEN_ZERO,
    ),
    stat(
        4, "Oldest data", "Time since the last poll that succeeded, of the scan for which that is longest.",
        [now(f"max({since(LAST_SUCCESS)})")], "s", decimals=0, no_value="unknown",
    ),
    stat(
        4, "Config", "Whether the last attempt to load the configuration succeeded, on every instance.",
        [now(f"min({of_instance(RELOAD_OK)})")], mappings=palette.flags("loaded", "refused"),
    ),
    stat(
        4, "Web config", "Whether the last attempt to load the web configuration succeeded, on every instance.",
        [now(f"min({of_instance(WEB_RELOAD_OK)})")], mappings=palette.flags("loaded", "refused"), no_value="none",
    ),
    stat(
        4, "Credentials", "When the first temporary credentials expire. They are renewed before.",
        [now(f"min({EXPIRY})")], "s", decimals=0, no_value="never",
    ),
]

INSTANCES = table(
    24, "Instances", "One row for each exporter. A shard is its share of the accounts, if there are several.",
    [
        ("Instance", "instance", {"custom_minWidth": 160}),
        ("Version", "version", {}),
        ("Revision", "revision", {}),
        ("Shard", cells(each_instance("tcss_exporter_shard_index")), {"custom_width": 70}),
        ("of", cells(each_instance("tcss_exporter_shards")), {"custom_width": 60}),
        ("Up for", cells(since(each_process("process_start_time_seconds"))), duration(90)),
        ("Config loaded", cells(since(each_instance(RELOADED))), duration(120)),
        ("Web config loaded", cells(since(each_instance(WEB_RELOADED))), duration(140)),
    ],
    rows=[cells(f"max by (instance, version, revision) ({of_instance('tcss_exporter_build_info')})")],
    sort=("Instance", False), no_value="No exporter is scraped",
)

POLLS = [
    graph(
        8, "Polls per minute", "Polls that succeeded and polls that failed, of all chosen scans.",
        [
            trend(f"60 * (sum(max by (account, scan) ({rate(of_scan('tcss_polls_total'))})) - "
                  f"sum(max by (account, scan) ({rate(of_scan('tcss_poll_failures_total'))})))", "fine"),
            trend(f"60 * sum(max by (account, scan) ({rate(of_scan('tcss_poll_failures_total'))}))", "failing"),
        ],
        "none", stacked=True,
    ),
    graph(
        8, "Failing by reason", "Scans whose last poll failed. The README says what to do about each reason.",
        [trend(f"count by (reason) ({each_scan('tcss_poll_failing', 'reason')})", "{{reason}}")],
        "none", steps=True, stacked=True, decimals=0, no_value="No poll failed",
    ),
    graph(
        8, "Age of data", "Time since the last success: the longest and the median; and the longest since an attempt. Dashed: the threshold.",
        [
            trend(f"max({since(LAST_SUCCESS)})", "oldest"),
            trend(f"quantile(0.5, {since(LAST_SUCCESS)})", "median"),
            trend(f"max({since(LAST_ATTEMPT)})", "attempt"),
            trend(threshold("data_age_seconds"), THRESHOLD),
        ],
        "s",
    ),
    graph(
        8, "How long polls take", "Waits for the rate limit and retries included: the longest and the median.",
        [
            trend(f"max({each_scan('tcss_poll_duration_seconds')})", "longest"),
            trend(f"quantile(0.5, {each_scan('tcss_poll_duration_seconds')})", "median"),
        ],
        "s",
    ),
    graph(
        8, "Time between polls", "The interval in force: the longest and the median. Longer where a person is needed.",
        [
            trend(f"max({each_scan('tcss_poll_interval_seconds')})", "longest"),
            trend(f"quantile(0.5, {each_scan('tcss_poll_interval_seconds')})", "median"),
        ],
        "s", steps=True,
    ),
    graph(
        8, "Values that could not be read", "Fields of answers that were missing or made no sense, and were left out; by field.",
        [trend(f"sum by (field) (max by (account, scan, field) "
               f"({increase(of_scan('tcss_unexpected_values_total'))})) > 0", "{{field}}")],
        "none", bars=True, stacked=True, no_value="Every value could be read",
    ),
]

API = [
    graph(
        8, "API requests", "Requests per second of each instance, retries included: what the rate limit counts.",
        [trend(f"sum by (instance) ({rate(of_account('tcss_api_requests_total'))})", "{{instance}}")], "reqps",
    ),
    graph(
        8, "API failures", "Requests per second that brought no good answer, by reason; and those that were repeated.",
        [
            trend(f"sum by (reason) ({rate(of_instance('tcss_api_request_failures_total'))}) > 0", "{{reason}}"),
            trend(f"sum({rate(of_instance('tcss_api_retries_total'))})", "retries"),
        ],
        "reqps",
    ),
    graph(
        8, "API latency", "From sending a request to the end of its answer: half, 90 % and 99 % are faster.",
        [
            # Without a request there is no quantile: the comparison drops NaN.
            trend(f"histogram_quantile({q}, sum by (le) "
                  f"({rate(of_instance('tcss_api_request_duration_seconds_bucket'))})) >= 0", name)
            for q, name in [("0.5", "median"), ("0.9", "90 %"), ("0.99", "99 %")]
        ],
        "s",
    ),
    graph(
        8, "Pace in force",
        "Requests per second that may be sent, of the slowest account and of the median. Lower after throttling.",
        [
            trend(f"min({each_account('tcss_api_rate_limit_requests_per_second')})", "slowest"),
            trend(f"quantile(0.5, {each_account('tcss_api_rate_limit_requests_per_second')})", "median"),
        ],
        "reqps", steps=True,
    ),
    graph(
        8, "Wait for the rate limit", "How long a request waits for its turn, on average.",
        [trend(f"sum({rate(of_account('tcss_api_pacer_wait_seconds_total'))}) / "
               f"(sum({rate(of_account('tcss_api_requests_total'))}) > 0)", "wait")],
        "s",
    ),
    graph(
        8, "Throttled requests", "Part of the requests that the API throttled. The dashed line is the threshold.",
        [
            trend(f"sum({rate(of_instance('tcss_api_request_failures_total', reason='throttled'))}) / "
                  f"(sum({rate(of_account('tcss_api_requests_total'))}) > 0)", "throttled"),
            trend("max(tcss:threshold:throttled_ratio)", THRESHOLD),
        ],
        "percentunit",
    ),
]

CREDENTIALS = [
    bars(
        8, "Credentials expire in",
        "Of the 12 accounts whose temporary credentials expire first. Orange: they should have been renewed by now.",
        [now(f"bottomk(12, {EXPIRING})", "{{account}}"),
         now(f"bottomk(12, {EXPIRY} unless on (account) ({EXPIRING}))", "{{account}}")],
        "s", steps=[(None, OK)], decimals=0, no_value="No credentials expire",
        overrides=[by_query("A", **bar_coloured(WARNING))],
    ),
    graph(
        8, "Renewals that failed", "Attempts to renew temporary credentials that failed, by account. The old ones are used until they expire.",
        [trend(f"max by (account) ({increase(of_account('tcss_credentials_refresh_failures_total'))}) > 0", "{{account}}")],
        "none", bars=True, stacked=True, no_value="No renewal failed",
    ),
    timeline(
        8, "Reloads", "Whether the last attempt to load each file succeeded. A file that is refused changes nothing.",
        [
            trend(each_instance(RELOAD_OK, "min"), "{{instance}}"),
            trend(each_instance(WEB_RELOAD_OK, "min"), "web {{instance}}"),
        ],
        palette.flags("loaded", "refused"),
    ),
]

PROCESS = [
    graph(
        5, "CPU", "Cores used, by instance.",
        [trend(f"max by (instance) ({of_exporter('process_cpu_seconds_total', rate)})", "{{instance}}")], "percentunit",
    ),
    graph(
        5, "Memory", "Resident memory, by instance.",
        [trend(each_process("process_resident_memory_bytes"), "{{instance}}")], "bytes",
    ),
    graph(
        5, "File descriptors", "Share of the file descriptors that the process may open, by instance.",
        [trend(f"{each_process('process_open_fds')} / {each_process('process_max_fds')}", "{{instance}}")],
        "percentunit",
    ),
    graph(
        5, "HTTP requests", "Requests per second to the exporter, by what was asked and the status of the answer.",
        [trend(f"sum by (handler, code) ({rate(of_instance('tcss_exporter_http_requests_total'))})", "{{handler}} {{code}}")],
        "reqps",
    ),
    graph(
        4, "Lost log lines", "Lines that were dropped, since nobody read the log or it could not be written; by instance.",
        [trend(f"max by (instance) ({increase(of_instance('tcss_exporter_log_lines_dropped_total'))})", "{{instance}}")],
        "none", steps=True, decimals=0,
    ),
]

BOARD = board(
    "tcss-exporter", "TCSS / Exporter",
    "The exporter itself: whether polls succeed, how the API answers, credentials, reloads and the process.",
    "now-24h",
    rows=[
        row("Now", (4, *NOW), (5, INSTANCES)),
        row("Polls", (8, *POLLS[0:3]), (8, *POLLS[3:6])),
        row("API", (8, *API[0:3]), (7, *API[3:6])),
        row("Credentials and reloads", (7, *CREDENTIALS)),
        row("Process", (7, *PROCESS)),
    ],
)
