"""Risk: what the further collectors report: severity, exploits, malware, coverage, licences, and which images.

Grafana 11 cannot hide a row without data: a row that is repeated by an empty variable is shown once. So numbers of
a collector that is off are absent, its columns have dashes, and its graphs and tables say which collector they need.
selection.py makes the board without them.
"""

import re
from pathlib import Path

import palette
from board import board, row
from palette import FINDINGS, GOOD_WHEN_ZERO, LEVELS
from panels import COUNT, cells, duration, gauge, graph, label_coloured, now, stat, table, text_coloured, thresholds, trend
from parts import ACCOUNT, ONLY_ACCOUNT, RUNBOOK_LINK, SCAN, SEVERITY
from promql import each_account, each_collector, each_scan, firing, since

# Rows of a table that has one for each account, image or vulnerability.
MOST = 50
# An emergency vulnerability also belongs to one of these categories.
CATEGORIES = "~system|web"
DAY = 86400


def needs(*collectors):
    *others, last = collectors
    return f"Needs the collector {', '.join(others)} or {last}" if others else f"Needs the collector {last}"


# One series per account.


def level(severity):
    found = each_account("tcss_vul_summary_vulnerabilities", "category", category=CATEGORIES, severity=severity)
    return f"sum by (account) ({found})"


REMOTE = each_account("tcss_vul_summary_remote_exploit_vulnerabilities")
PUBLIC = each_account("tcss_vul_summary_public_exploit_vulnerabilities")
MALWARE_IMAGES = each_account("tcss_assets_images_with_findings", kind="malware")
MALWARE_CONTAINERS = each_account("tcss_virus_scan_risk_containers")
# An account may have one of the two collectors.
MALWARE = f"({MALWARE_IMAGES} + {MALWARE_CONTAINERS} or {MALWARE_IMAGES} or {MALWARE_CONTAINERS})"
UNSCANNED = f"({each_account('tcss_summary_unscanned_images')} or {each_account('tcss_assets_unscanned_images')})"
SCANNED = f"({each_account('tcss_summary_scanned_images')} or {each_account('tcss_assets_scanned_images')})"
NO_AGENT = each_account("tcss_assets_hosts_without_agent")
LICENCE_LEFT = f"({each_account('tcss_licence_expiry_timestamp_seconds')} - time())"
LIBRARY_AGE = since(each_account("tcss_vul_database_update_timestamp_seconds"))
NOT_RENEWED = each_account("tcss_licence_automatic_renewal")


def used(kind):
    """The used part of what was bought."""
    bought = each_account(f"tcss_licence_{kind}")
    return f"{each_account(f'tcss_licence_used_{kind}')} / ({bought} > 0)"


def failed_images(*by):
    return f"sum by ({', '.join(by)}) ({each_scan('tcss_vul_scan_image_list_failed_images', 'error')})"


# A single number has a name too: others may be missing because their collectors are off.
HEADLINES = [
    stat(
        7, "Vulnerabilities", "Vulnerabilities of the selected accounts by severity.",
        [now(f"sum({level(severity)})", severity) for severity in LEVELS], no_value=needs("vul_summary"), text="value_and_name",
    ),
    stat(
        5, "Exploits", "Vulnerabilities with a remote exploit, and with a public exploit or proof of concept.",
        [now(f"sum({REMOTE})", "remote"), now(f"sum({PUBLIC})", "public")], steps=GOOD_WHEN_ZERO, no_value=needs("vul_summary"), text="value_and_name",
    ),
    stat(
        5, "Malware", "Images and containers with malware.",
        [now(f"sum({MALWARE_IMAGES})", "images"), now(f"sum({MALWARE_CONTAINERS})", "containers")],
        steps=GOOD_WHEN_ZERO, no_value=needs("assets", "virus_scan"), text="value_and_name",
    ),
    stat(
        7, "Not covered",
        "Images that were not scanned, images whose last scan failed, hosts without agent, and scheduled scans that are off or did "
        "not succeed.",
        [
            now(f"sum({UNSCANNED})", "unscanned"), now(f"sum({failed_images('account', 'scan')})", "scan failed"),
            now(f"sum({NO_AGENT})", "no agent"),
            now(f"count({each_account('tcss_scan_settings_scheduled_scan_enabled', 'source')} == 0) or "
                f"0 * sum({each_account('tcss_scan_settings_scheduled_scan_enabled', 'source')})", "schedules off"),
        ],
        steps=FINDINGS, no_value=needs("summary", "assets", "risk_images", "scan_settings"), text="value_and_name",
    ),
]



def risk_alerts():
    """The names of the alerts in the group tcss-risk, as a regular expression."""
    rules = (Path(__file__).resolve().parent.parent / "rules/tcss.yml").read_text(encoding="utf-8")
    _, of_risk = rules.split("- name: tcss-risk\n")
    names = re.findall(r"^ +- alert: (\w+)$", of_risk.split("\n  - name: ")[0], re.MULTILINE)
    return "~" + "|".join(dict.fromkeys(names))


FIRING = {"alertstate": "firing", "alertname": risk_alerts()}
ALERT_SEVERITY = "max by (alertname, account) ({})".format(
    " or ".join(f"{number} * {firing(severity=name, **FIRING)}" for name, number in palette.SEVERITIES.items()))
WORST_ALERTS = f"topk({MOST}, {ALERT_SEVERITY})"
ALERT_AGE = (f"time() - min by (alertname, account) ({firing('ALERTS_FOR_STATE', alertname=FIRING['alertname'])} "
             f"and ignoring (alertstate) {firing(**FIRING)})")

ALERTS = table(
    24, "Firing alerts",
    f"At most {MOST} firing alerts on the further collectors, the most severe first. Click an alert to open the runbook.",
    [
        ("Severity", cells(WORST_ALERTS), SEVERITY),
        ("Alert", "alertname", {"links": RUNBOOK_LINK, "custom_minWidth": 160}),
        ONLY_ACCOUNT,
        ("For", cells(f"{ALERT_AGE} and on (alertname, account) {WORST_ALERTS}"), duration(80)),
    ],
    sort=[("Severity", True), ("For", True)], no_value="No alerts are firing",
)

LICENCE_STEPS = [(None, palette.NEUTRAL), (-1e9, palette.FAIL), (3 * DAY, palette.WARNING), (14 * DAY, palette.OK)]
USED_STEPS = [(None, palette.INFO), (0.9, palette.WARNING), (1, palette.FAIL)]
AGE_STEPS = [(None, palette.NEUTRAL), (7 * DAY, palette.WARNING)]
RED_COUNT = text_coloured([(0, "text"), (1, palette.FAIL)])
ORANGE_COUNT = text_coloured([(0, "text"), (1, palette.WARNING)])

ACCOUNTS = table(
    24, "All accounts",
    "One row per account, those with the most critical vulnerabilities first. Remote and public are vulnerabilities with such an "
    "exploit, malware is the number of images and containers that have some. Columns of collectors that are off have dashes.",
    [
        ONLY_ACCOUNT,
        ("Critical", cells(level("critical")), RED_COUNT | {"custom_width": 92}),
        ("High", cells(level("high")), ORANGE_COUNT | {"custom_width": 78}),
        ("Remote", cells(REMOTE), RED_COUNT | {"custom_width": 96}),
        ("Public", cells(PUBLIC), ORANGE_COUNT | {"custom_width": 80}),
        ("Malware", cells(MALWARE), RED_COUNT | {"custom_width": 84}),
        ("Unscanned", cells(UNSCANNED), ORANGE_COUNT | {"custom_width": 100}),
        ("No agent", cells(NO_AGENT), ORANGE_COUNT | {"custom_width": 86}),
        ("Licence left", cells(LICENCE_LEFT), duration(100) | text_coloured(LICENCE_STEPS)),
        ("Licences used", cells(used("image_licences")), gauge() | {"thresholds": thresholds(USED_STEPS), "custom_width": 120}),
        ("Library age", cells(LIBRARY_AGE), duration(100) | text_coloured(AGE_STEPS)),
    ],
    sort=[("Critical", True), ("Remote", True), ("High", True)], no_value="Needs further collectors",
)

COLLECTORS = table(
    24, "Collectors",
    "The collectors that are on, with the number of accounts and scans that they poll, those whose last poll failed, and the longest "
    "time since a successful poll.",
    [
        ("Collector", "collector", {"custom_minWidth": 140}),
        ("Polled", cells(f"count by (collector) ({each_collector('tcss_up')})"), {"custom_width": 90}),
        ("Failing", cells(f"count by (collector) ({each_collector('tcss_up')} == 0)"), RED_COUNT | {"custom_width": 90}),
        ("Oldest data", cells(f"max by (collector) ({since(each_collector('tcss_poll_last_success_timestamp_seconds'))})"),
         duration(110)),
    ],
    sort=[("Failing", True), ("Collector", False)],
    no_value="No collectors found. Check that Prometheus scrapes the exporter.",
)


# Which images.


def of_image(severity):
    return each_scan("tcss_vul_scan_image_vulnerabilities", "image", "image_id", severity=severity)


# An image with one more critical vulnerability is worse than any number of high ones.
WORST = f"topk({MOST}, 1e6 * {of_image('critical')} + {of_image('high')})"


def of_worst(severity):
    return cells(f"{of_image(severity)} and on (account, scan, image, image_id) {WORST}")


IMAGES = table(
    24, "Worst images",
    f"The {MOST} local images with the most critical, then the most high vulnerabilities, of the last completed scans.",
    [
        ACCOUNT,
        ("Image", "image", {"custom_minWidth": 260}),
        ("Critical", of_worst("critical"), RED_COUNT | {"custom_width": 92}),
        ("High", of_worst("high"), ORANGE_COUNT | {"custom_width": 84}),
        ("Medium", of_worst("medium"), {"custom_width": 84}),
        ("Low", of_worst("low"), {"custom_width": 84}),
        SCAN,
        ("Image ID", "image_id", {"custom_minWidth": 200}),
    ],
    sort=[("Critical", True), ("High", True)], no_value=needs("risk_images"),
)


def top(what):
    by = "category, severity, vulnerability, poc_id"
    each = each_account(f"tcss_top_vulnerabilities_affected_{what}", *by.split(", "), severity="~critical|high")
    return f"sum by ({by}) ({each})"


TOP_IMAGES, TOP_CONTAINERS = top("images"), top("containers")

VULNERABILITIES = table(
    24, "Top vulnerabilities",
    f"The {MOST} critical and high vulnerabilities that affect the most images, summed over the selected accounts.",
    [
        ("Vulnerability", "vulnerability", {"custom_minWidth": 260}),
        ("Rated", "severity", label_coloured(palette.levels(), 76)),
        ("Category", "category", {"mappings": palette.names("system", "web", "emergency"), "custom_width": 100}),
        ("Images", cells(f"topk({MOST}, {TOP_IMAGES})"), {"custom_width": 92}),
        ("Containers", cells(f"{TOP_CONTAINERS} and topk({MOST}, {TOP_IMAGES})"), {"custom_width": 116}),
        ("ID", "poc_id", {"custom_width": 130}),
    ],
    sort=[("Images", True), ("Containers", True)], no_value=needs("top_vulnerabilities"),
)


# Over time.


def by_severity(kind):
    found = each_account("tcss_image_risks", "severity", kind=kind)
    return [trend(f"sum by (severity) ({found})", "{{severity}}")]


FOUND = [
    graph(
        8, "Vulnerabilities", "Vulnerabilities by severity, summed over the selected accounts.",
        [trend(f"sum({level(severity)})", severity) for severity in reversed(LEVELS)],
        COUNT, steps=True, stacked=True, decimals=0, no_value=needs("vul_summary"),
    ),
    graph(
        8, "Exploits and emergencies",
        "Vulnerabilities with a remote or a public exploit, those that the service counts as an emergency, and those that it "
        "recommends to fix first.",
        [
            trend(f"sum({REMOTE})", "remote exploit"), trend(f"sum({PUBLIC})", "public exploit"),
            trend(f"sum({each_account('tcss_vul_summary_vulnerabilities', 'severity', category='emergency')})", "emergency"),
            trend(f"sum({each_account('tcss_vul_summary_focus_vulnerabilities', 'category')})", "fix first"),
        ],
        COUNT, steps=True, decimals=0, no_value=needs("vul_summary"),
    ),
    graph(
        8, "Images with serious vulnerabilities", "Images with critical or high vulnerabilities. Only the latest version of each counts.",
        [trend(f"sum by (source) ({each_account('tcss_vul_summary_serious_images', 'source')})", "{{source}}")],
        COUNT, steps=True, stacked=True, decimals=0, no_value=needs("vul_summary"),
    ),
]

IN_IMAGES = [
    graph(
        8, "Malware in images", "Malware found in local images, by severity.", by_severity("malware"),
        COUNT, steps=True, stacked=True, decimals=0, no_value=needs("image_risks"),
    ),
    graph(
        8, "Malware in containers", "Findings of the malware scan of containers, and the containers that have them.",
        [trend(f"sum({each_account('tcss_virus_scan_found_malware')})", "findings"), trend(f"sum({MALWARE_CONTAINERS})", "containers")],
        COUNT, steps=True, decimals=0, no_value=needs("virus_scan"),
    ),
    graph(
        8, "Sensitive data in images", "Sensitive data found in local images, such as keys and passwords, by severity.",
        by_severity("sensitive_data"), COUNT, steps=True, stacked=True, decimals=0, no_value=needs("image_risks"),
    ),
]

AT_RISK = [
    graph(
        8, "Images at risk", "Images at risk for any reason, by source.",
        [trend(f"sum by (source) ({each_account('tcss_summary_risk_images', 'source')})", "{{source}}")],
        COUNT, steps=True, stacked=True, decimals=0, no_value=needs("summary"),
    ),
    graph(
        8, "Containers and clusters at risk", "Containers and clusters at risk.",
        [
            trend(f"sum({each_account('tcss_summary_risk_containers')})", "containers"),
            trend(f"sum({each_account('tcss_summary_risk_clusters')})", "clusters"),
        ],
        COUNT, steps=True, decimals=0, no_value=needs("summary"),
    ),
    graph(
        8, "Runtime events", "Runtime events of high severity that have not been handled.",
        [trend(f"sum({each_account('tcss_summary_unhandled_runtime_events')})", "unhandled")],
        COUNT, steps=True, decimals=0, no_value=needs("summary"),
    ),
]


# Coverage and licences.

COVERAGE = [
    graph(
        8, "Images", "Images that were scanned, and those that were not.",
        [trend(f"sum({UNSCANNED})", "not scanned"), trend(f"sum({SCANNED})", "scanned")],
        COUNT, steps=True, stacked=True, decimals=0, no_value=needs("summary", "assets"),
    ),
    graph(
        8, "Hosts", "Hosts that are online, and hosts on which the agent is not installed.",
        [trend(f"sum({each_account('tcss_assets_online_hosts')})", "online"), trend(f"sum({NO_AGENT})", "no agent")],
        COUNT, steps=True, decimals=0, no_value=needs("assets"),
    ),
    graph(
        8, "Failed images", "Local images whose scan failed in the last completed scan, by error.",
        [trend(f"{failed_images('error')}", "{{error}}")],
        COUNT, steps=True, stacked=True, decimals=0, no_value=needs("risk_images"),
    ),
]

ENABLED = each_account("tcss_scan_settings_scheduled_scan_enabled", "source")
RESULT = f"{each_account('tcss_scan_settings_last_scan_result', 'source', 'result', result='!~UNKNOWN')} == 1"
NOT_FINE = (f"({ENABLED} == 0 or on (account, source) group by (account, source) "
            f"({each_account('tcss_scan_settings_last_scan_result', 'source', result='!~Success|UNKNOWN')} == 1))")
CHOSEN = f"topk({MOST}, {NOT_FINE})"
LAST_SCAN = since(each_account("tcss_scan_settings_last_scan_timestamp_seconds", "source"))

SCHEDULES = table(
    24, "Scheduled scans that are off or did not succeed",
    f"At most {MOST} accounts and sources of images, with the result of the last scheduled scan.",
    [
        ONLY_ACCOUNT,
        ("Source", "source", {"mappings": palette.names("local", "registry"), "custom_width": 84}),
        ("State", cells(f"{ENABLED} and on (account, source) {CHOSEN}"), label_coloured(palette.flags("on", "off"), 64)),
        ("Result", "result", label_coloured(palette.words(["Success"], ["InsufficientLicense", "ImageNeedIsEmpty", "InternalError"]), 160)),
        ("Last", cells(f"{LAST_SCAN} and on (account, source) {CHOSEN}"), duration(88)),
    ],
    rows=[cells(f"{RESULT} and on (account, source) {CHOSEN}")],
    sort=[("State", False), ("Account", False)], no_value="None, or the collector scan_settings is off",
)

SOON = f"bottomk({MOST}, {LICENCE_LEFT})"


def of_soon(expression):
    return cells(f"{expression} and on (account) {SOON}")


LICENCES = table(
    24, "Licences",
    f"The {MOST} accounts whose licences expire first: how much of the image licences and of the image scans that were bought is used, "
    "the images for which scanning is off, and the cores that are not protected.",
    [
        ONLY_ACCOUNT,
        ("State", "state", label_coloured(palette.words(["active", "trial"], ["expired", "purchase_required"]), 92)),
        ("Left", cells(SOON), duration(90) | text_coloured(LICENCE_STEPS)),
        ("Renewal", of_soon(NOT_RENEWED), {"mappings": palette.flags("automatic", "by hand"), "custom_width": 84}),
        ("Images", of_soon(used("image_licences")), gauge() | {"thresholds": thresholds(USED_STEPS)}),
        ("Off", of_soon(each_account("tcss_licence_images", scanning="disabled")), ORANGE_COUNT | {"custom_width": 64}),
        ("Scans", of_soon(used("image_scan_capacity")), gauge() | {"thresholds": thresholds(USED_STEPS)}),
        ("Scans left", of_soon(f"({each_account('tcss_licence_image_scan_expiry_timestamp_seconds')} - time())"),
         duration(90) | text_coloured(LICENCE_STEPS)),
        ("Cores off", of_soon(each_account("tcss_licence_cores", state="unprotected")), ORANGE_COUNT | {"custom_width": 76}),
    ],
    rows=[of_soon(f"{each_account('tcss_licence_state', 'state')} == 1")],
    sort=[("Left", False)], no_value=needs("licence"),
)


# Scans.


def of_scans(images, malware):
    def named(name, metric, status):
        running = f"{each_account(f'tcss_{name}_status', status=status)} == 1"
        return f'label_replace({each_account(metric)} and on (account) ({running}), "part", "{name}", "", "")'
    return f"{named('image_scan', images, 'SCANNING')} or {named('virus_scan', malware, 'SCAN_SCANNING')}"


STARTED = of_scans("tcss_image_scan_last_scan_timestamp_seconds", "tcss_virus_scan_start_timestamp_seconds")
LONGEST = f"topk({MOST}, {since(f'({STARTED})')})"


def running(images, malware):
    return cells(f"({of_scans(images, malware)}) and on (account, part) {LONGEST}")


RUNNING = table(
    24, "Running scans of images and of malware",
    f"The {MOST} scans that have been running for the longest time. The API estimates the time left.",
    [
        ONLY_ACCOUNT,
        ("Collector", "part", {"custom_width": 110}),
        ("Progress", running("tcss_image_scan_progress_ratio", "tcss_virus_scan_progress_ratio"), gauge()),
        ("Time left", running("tcss_image_scan_remaining_seconds", "tcss_virus_scan_remaining_seconds"), duration(90)),
        ("Running", cells(LONGEST), duration(96)),
        ("Done", running("tcss_image_scan_scanned_images", "tcss_virus_scan_scanned_containers"), {"custom_width": 84}),
        ("of", running("tcss_image_scan_images", "tcss_virus_scan_containers"), {"custom_width": 84}),
        ("At risk", running("tcss_image_scan_risk_images", "tcss_virus_scan_risk_containers"), ORANGE_COUNT | {"custom_width": 84}),
    ],
    sort=[("Running", True)], no_value="No scan is running, or the collectors image_scan and virus_scan are off",
)

BOARD = board(
    "tcss-risk", "TCSS / Risk",
    "What the further collectors report: severity and exploits, malware, coverage, licences, and which images to start with.",
    "now-7d",
    rows=[
        row("Now", (5, *HEADLINES), (8, ALERTS), (10, ACCOUNTS)),
        row("Which images", (11, IMAGES), (8, VULNERABILITIES)),
        row("Vulnerabilities by severity", (8, *FOUND)),
        row("Malware and sensitive data", (8, *IN_IMAGES)),
        row("At risk for any reason", (8, *AT_RISK)),
        row("Coverage", (8, *COVERAGE), (8, SCHEDULES)),
        row("Licences", (9, LICENCES)),
        row("Collectors", (7, RUNNING), (14, COLLECTORS)),
    ],
)
