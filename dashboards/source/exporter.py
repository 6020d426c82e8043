"""Exporter: health of the exporter, its polls, the API and credentials."""

import palette
from board import board, row
from palette import GOOD_WHEN_ZERO, OK, WARNING
from panels import (
    COUNT, MORE, THRESHOLD, bar_coloured, bars, by_query, cells, duration, graph, label_coloured, now, part_of, stat, table,
    timeline, trend,
)
from parts import failing_by_reason
from promql import (
    RATE_INTERVAL, common, each_account, each_collector, each_scan, effective, lowest_threshold, of_account, of_collector, of_exporter, of_instance, of_scan,
    since,
)

LAST_SUCCESS = each_scan("tcss_poll_last_success_timestamp_seconds")
LAST_ATTEMPT = each_scan("tcss_poll_last_attempt_timestamp_seconds")
RELOADED = "tcss_exporter_config_last_reload_success_timestamp_seconds"
WEB_RELOADED = "tcss_exporter_web_config_last_reload_success_timestamp_seconds"
RELOAD_OK = "tcss_exporter_config_last_reload_successful"
WEB_RELOAD_OK = "tcss_exporter_web_config_last_reload_successful"
EXPIRY = f"{each_account('tcss_credentials_expiry_timestamp_seconds')} - time()"
SOON = f"max by (account) ({effective('credentials_remaining_seconds')})"
EXPIRING = f"{EXPIRY} < on (account) {SOON}"
BARS = 5
REFRESH_FAILURES = of_account("tcss_credentials_refresh_failures_total")
# Instances that are up, and those that are down and were up within the last day.
UP = f"({of_exporter('up')})"
SHARDS = f"max({of_instance('tcss_exporter_shards')})"
LEASES = f"max by (lease) ({of_instance('tcss_exporter_leader')})"
PRESENT_SHARDS = f'count(count_values("shard", {of_instance("tcss_exporter_shard_index")}))'


def rate(selector):
    return f"rate({selector}{RATE_INTERVAL})"


def increase(selector, range=RATE_INTERVAL):
    return f"increase({selector}{range})"


def each_process(metric):
    return f"max by (instance) ({of_exporter(metric)})"


def each_instance(metric, function="max"):
    return f"{function} by (instance) ({of_instance(metric)})"


WATCHED = [
    part_of(
        4, "Up", "Instances that Prometheus scrapes, out of those that were up within the last day.",
        f"sum(1 - {UP})", f"count({UP})",
    ),
    part_of(
        4, "Shards", "Shards that an instance polls. The accounts of a missing shard are not monitored.",
        f"({SHARDS} - {PRESENT_SHARDS})", SHARDS,
    ),
    part_of(
        4, "Leaders", "Leases with a leader, out of those of the replicas. Without a leader, the accounts are not monitored. Exporters without "
        "high availability have no lease.",
        f"(count({LEASES} == 0) or vector(0))", f"(count({LEASES}) or vector(0))",
    ),
    part_of(
        6, "Scans failing", "Scans whose last poll failed, or whose first poll is pending, out of the selected ones.",
        f"sum(1 - {each_scan('tcss_up')})", f"count({each_scan('tcss_up')})", is_missing=False,
    ),
    stat(
        6, "Oldest data", "Longest time since the last successful poll of a scan.",
        [now(f"max({since(LAST_SUCCESS)})")], "s", decimals=0, no_value="unknown",
    ),
]

ACCOUNTS_AND_RELOADS = [
    stat(
        12, "Accounts by source", "Accounts that the exporters poll, by source: the configuration, or a discovery of an organization or over HTTP.",
        [now(f"count by (source) ({each_account('tcss_account_info', 'source')})", "from {{source}}")], text="value_and_name",
    ),
    stat(
        4, "Config", "Whether the last configuration reload was successful on every instance.",
        [now(f"min({of_instance(RELOAD_OK)})")], mappings=palette.flags("loaded", "rejected"),
    ),
    stat(
        4, "Web config", "Whether the last web configuration reload was successful on every instance.",
        [now(f"min({of_instance(WEB_RELOAD_OK)})")], mappings=palette.flags("loaded", "rejected"), no_value="none",
    ),
    stat(
        4, "Credentials", "Time until the first temporary credentials expire. They are refreshed before that.",
        [now(f"min({EXPIRY})")], "s", decimals=0, no_value="never",
    ),
]

INSTANCES = table(
    24, "Instances",
    "One row per exporter, those that are down first. A shard is the part of the accounts that an exporter polls, counted from 0.",
    [
        ("State", cells(f"max by (instance) {UP}"), label_coloured(palette.flags("up", "down"), 70)),
        ("Instance", "instance", {"custom_minWidth": 140}),
        ("Version", "version", {"custom_width": 75}),
        ("Revision", "revision", {"custom_width": 85}),
        ("Shard", cells(each_instance("tcss_exporter_shard_index")), {"custom_width": 65}),
        ("Role", cells(each_instance("tcss_exporter_leader")), label_coloured(palette.roles(), 75)),
        ("Scans", cells(f"count by (instance) (max by (instance, account, scan) ({of_scan('tcss_up', collector='vul_scan')}))"), {"custom_width": 70}),
        ("Failing", cells(f"count by (instance) (max by (instance, account, scan) ({of_scan('tcss_up', collector='vul_scan')}) == 0)"),
         {"custom_width": 75}),
        ("Up for", cells(since(each_process("process_start_time_seconds"))), duration(90)),
        ("Config loaded", cells(since(each_instance(RELOADED))), duration(108)),
        ("Web loaded", cells(since(each_instance(WEB_RELOADED))), duration(95)),
    ],
    rows=[cells(f"max by (instance, version, revision) (label_replace({of_instance('tcss_exporter_build_info')}, "
                '"revision", "$1", "revision", "(.{8}).*"))')],
    sort=[("State", False), ("Instance", False)], no_value="No exporters found",
)

POLLS = [
    graph(
        8, "Polls per minute", "Successful and failed polls of the selected scans.",
        [
            trend(f"60 * (sum(max by (account, collector, scan) ({rate(of_collector('tcss_polls_total'))})) - "
                  f"sum(max by (account, collector, scan) ({rate(of_collector('tcss_poll_failures_total'))})))", "succeeded"),
            trend(f"60 * sum(max by (account, collector, scan) ({rate(of_collector('tcss_poll_failures_total'))}))", "failed"),
        ],
        COUNT, stacked=True,
    ),
    failing_by_reason(8),
    graph(
        8, "Data age",
        "Longest and median time since the last successful poll, and longest time since the last attempt. The dashed line is the "
        "threshold.",
        [
            trend(f"max({since(LAST_SUCCESS)})", "oldest"),
            trend(f"quantile(0.5, {since(LAST_SUCCESS)})", "median"),
            trend(f"max({since(LAST_ATTEMPT)})", "attempt"),
            trend(lowest_threshold("data_age_seconds"), THRESHOLD),
        ],
        "s",
    ),
    graph(
        8, "Poll duration", "Longest and median duration, including retries and the time spent waiting for the rate limiter.",
        [
            trend(f"max({each_scan('tcss_poll_duration_seconds')})", "longest"),
            trend(f"quantile(0.5, {each_scan('tcss_poll_duration_seconds')})", "median"),
        ],
        "s",
    ),
    graph(
        8, "Poll interval", "Longest and median current poll interval. It is longer while operator action is required.",
        [
            trend(f"max({each_scan('tcss_poll_interval_seconds')})", "longest"),
            trend(f"quantile(0.5, {each_scan('tcss_poll_interval_seconds')})", "median"),
        ],
        "s", steps=True,
    ),
    graph(
        8, "Unexpected values", "Values in API responses that were missing or could not be read, by collector.",
        [trend(f"sum by (collector) (max by (account, collector, scan) "
               f"({increase(of_collector('tcss_unexpected_values_total'))})) > 0", "{{collector}}")],
        COUNT, bars=True, stacked=True, no_value="Every value could be read",
    ),
]

API = [
    graph(
        8, "API requests", "Requests per second by instance, including retries.",
        [trend(f"sum by (instance) ({rate(of_account('tcss_api_requests_total'))})", "{{instance}}")], "reqps",
    ),
    graph(
        8, "API failures", "Failed requests per second by reason, and retries per second.",
        [
            trend(f"sum by (reason) ({rate(of_instance('tcss_api_request_failures_total'))}) > 0", "{{reason}}"),
            trend(f"sum({rate(of_instance('tcss_api_retries_total'))})", "retries"),
        ],
        "reqps",
    ),
    graph(
        8, "API latency", "Time from sending a request to the end of the response: median, 90th and 99th percentile.",
        [
            # Without requests the quantile is NaN; the comparison drops it.
            trend(f"histogram_quantile({q}, sum by (le) "
                  f"({rate(of_instance('tcss_api_request_duration_seconds_bucket'))})) >= 0", name)
            for q, name in [("0.5", "median"), ("0.9", "90 %"), ("0.99", "99 %")]
        ],
        "s",
    ),
    graph(
        8, "Rate limit",
        "Current rate limit of the slowest and of the median account. It is lower after throttling.",
        [
            trend(f"min({each_account('tcss_api_rate_limit_requests_per_second')})", "slowest"),
            trend(f"quantile(0.5, {each_account('tcss_api_rate_limit_requests_per_second')})", "median"),
        ],
        "reqps", steps=True,
    ),
    graph(
        8, "Rate limiter wait", "Average time that a request waits for the rate limiter.",
        [trend(f"sum({rate(of_account('tcss_api_rate_limiter_wait_seconds_total'))}) / "
               f"(sum({rate(of_account('tcss_api_requests_total'))}) > 0)", "wait")],
        "s",
    ),
    graph(
        8, "Throttled requests", "Ratio of requests that the API throttled. The dashed line is the threshold.",
        [
            trend(f"sum({rate(of_instance('tcss_api_request_failures_total', reason='throttled'))}) / "
                  f"(sum({rate(of_account('tcss_api_requests_total'))}) > 0)", "throttled"),
            trend(f"{common('throttled_ratio')} < Inf", THRESHOLD),
        ],
        "percentunit",
    ),
]

CREDENTIALS = [
    bars(
        10, "Credentials expire in",
        f"The {BARS} accounts whose temporary credentials expire first. Orange credentials should have been refreshed by now. The "
        "last bar is the first of all others.",
        [now(f"bottomk({BARS}, {EXPIRY}) and on (account) ({EXPIRING})", "{{account}}"),
         now(f"bottomk({BARS}, {EXPIRY}) unless on (account) ({EXPIRING})", "{{account}}"),
         now(f'count_values("more", count({EXPIRY}) - {BARS} > 0) * on () group_left () '
             f"min({EXPIRY} unless on (account) bottomk({BARS}, {EXPIRY}))", MORE)],
        "s", steps=[(None, OK)], decimals=0, no_value="No temporary credentials",
        overrides=[by_query("A", **bar_coloured(WARNING))],
    ),
    graph(
        7, "Failed refreshes",
        f"Failed attempts to refresh temporary credentials, for the {BARS} accounts with the most. Current credentials are used "
        "until they expire.",
        [
            trend(f"max by (account) ({increase(REFRESH_FAILURES)}) > 0 and on (account) "
                  f"topk({BARS}, max by (account) ({increase(REFRESH_FAILURES, '[$__range] @ end()')}))", "{{account}}"),
            trend(f'count_values("more", count(max by (account) ({increase(REFRESH_FAILURES, "[$__range] @ end()")}) > 0) '
                  f"- {BARS} > 0)", MORE),
        ],
        COUNT, bars=True, stacked=True, no_value="No refresh failed",
    ),
    timeline(
        7, "Reloads", "Whether the last reload of each file was successful. A rejected file changes nothing.",
        [
            trend(each_instance(RELOAD_OK, "min"), "{{instance}}"),
            trend(each_instance(WEB_RELOAD_OK, "min"), "web {{instance}}"),
        ],
        palette.flags("loaded", "rejected"),
    ),
]

PROCESS = [
    graph(
        5, "CPU", "CPU cores used, by instance.",
        [trend(f"max by (instance) ({of_exporter('process_cpu_seconds_total', rate)})", "{{instance}}")], "percentunit",
    ),
    graph(
        5, "Memory", "Resident memory, by instance.",
        [trend(each_process("process_resident_memory_bytes"), "{{instance}}")], "bytes",
    ),
    graph(
        5, "File descriptors", "Open file descriptors as a ratio of the limit, by instance.",
        [trend(f"{each_process('process_open_fds')} / {each_process('process_max_fds')}", "{{instance}}")],
        "percentunit",
    ),
    graph(
        5, "HTTP requests", "HTTP requests per second to the exporter, by handler and status code.",
        [trend(f"sum by (handler, code) ({rate(of_instance('tcss_exporter_http_requests_total'))})", "{{handler}} {{code}}")],
        "reqps",
    ),
    graph(
        4, "Dropped logs", "Log lines dropped because stderr was blocked or not writable, by instance.",
        [trend(f"max by (instance) ({increase(of_instance('tcss_exporter_log_lines_dropped_total'))})", "{{instance}}")],
        COUNT, steps=True, decimals=0,
    ),
]

BOARD = board(
    "tcss-exporter", "TCSS / Exporter",
    "The exporter itself: polls, API requests, credentials, reloads and the process.",
    "now-24h",
    rows=[
        row("Now", (4, *WATCHED), (4, *ACCOUNTS_AND_RELOADS), (6, INSTANCES)),
        row("Polls", (8, *POLLS[0:3]), (8, *POLLS[3:6])),
        row("API", (8, *API[0:3]), (7, *API[3:6])),
        row("Credentials and reloads", (8, *CREDENTIALS)),
        row("Process", (7, *PROCESS)),
    ],
)
