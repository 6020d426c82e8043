"""Writes a scenario for the simulator and the configuration of an exporter that polls it: fleet.py COUNT API DIRECTORY

COUNT accounts, which are in every state that a board shows: most of them are scanned again and again, a few of them
need operator action. The same COUNT gives the same files.
"""

import random
import sys
from pathlib import Path

# The problems of a fleet, and after how many accounts each of them occurs again.
PROBLEMS = {
    "rejected": 11,  # one dead key, used by several accounts
    "locked-out": 31,
    "unlucky": 17,
    "canceled": 37,
    "stalled": 41,
    "late": 29,
    "never": 43,
    "role": 12,
    "brief": 53,
}
TEAMS = ["payments", "search", "web", "data", "platform"]
# One account in so many has all collectors.
ALL_COLLECTORS = 10
COLLECTORS = [
    "vul_scan", "summary", "vul_summary", "image_risks", "assets", "licence", "scan_settings", "image_scan", "virus_scan",
    "vul_database", "risk_images", "top_vulnerabilities",
]
APPLICATIONS = ["shop", "cart", "ledger", "crawler", "index", "portal", "etl", "reports", "gateway", "auth"]


def main(count, api, directory):
    chance = random.Random(count)
    kinds = [kind(number, count) for number in range(count)]
    identities, accounts = [], []
    for number, what in enumerate(kinds):
        name = f"{APPLICATIONS[number % len(APPLICATIONS)]}-{number:03}"
        if what in ("role", "brief"):
            identities.append(role(name, what, chance))
            accounts.append(account_with_role(name, number, api))
        else:
            identities.append(identity(name, what, number, chance))
            accounts.append(account(name, number, "wrong" if what == "rejected" else f"key-of-{name}"))
    identities.append("{name: base, secret_id: AKIDbase, secret_key: key-of-base}")
    write(directory / "scenario.yml", "seed: 1\nidentities:\n", identities)
    write(directory / "exporter.yml", "accounts:\n", accounts)


def write(path, start, entries):
    path.write_text(start + "".join(f"  - {entry}\n" for entry in entries))


def kind(number, count):
    """The first account is never one with a problem."""
    if number == 0:
        return "fine"
    if count <= 2 * len(PROBLEMS):
        return [*["fine"] * max(1, count - len(PROBLEMS)), *PROBLEMS][number]
    for problem, every in PROBLEMS.items():
        if number % every == every - 1:
            return problem
    return "fine"


def identity(name, what, number, chance):
    keys = f"name: {name}, secret_id: AKID{name}, secret_key: key-of-{name}"
    if what == "never":
        return f"{{{keys}}}"
    failures = {
        "locked-out": ", failures: [{code: UnauthorizedOperation}]",
        "unlucky": ", failures: [{code: InternalError, fraction: 0.4}, {code: RequestLimitExceeded, fraction: 0.3}]",
    }
    return f"{{{keys}, {scans(what, chance)}{failures.get(what, '')}{beside(number)}}}"


def beside(number):
    """What the further collectors find; without chance, so that it does not change the rest."""
    if number % ALL_COLLECTORS:
        return ""
    number //= ALL_COLLECTORS
    days, images = 2 + number * 7 % 90, 150 + number * 131 % 900
    return (f", licence: {{expires_in: {days}d, images: {images}}}, vul_library_age: {number % 11}d, "
            f"scheduled_scans: {'false' if number % 5 == 4 else 'true'}, assets: {{malware: {max(0, number % 8 - 5)}, "
            f"unscanned_images: {number % 6}, failed_images: {number % 4}, hosts_without_agent: {number % 7 // 5}}}")


def role(name, what, chance):
    # Most attempts succeed, so that the credentials rarely expire.
    brief = "token_lifetime: 20s, failures: [{code: InternalError.GetRoleError, fraction: 0.3}]"
    lifetime = brief if what == "brief" else "token_lifetime: 2h"
    return f"{{name: {name}, role: {{arn: '{arn(name)}', assumed_by: [base], {lifetime}}}, {scans(what, chance)}}}"


def scans(what, chance):
    images = chance.randrange(10, 400)
    risk = chance.choice([0, 0, 0, 1, 2, chance.randrange(3, 9), chance.randrange(9, images)])
    if what == "late":
        return f"started_ago: 10d, repeat: false, scans: [{scan(300, 0, images, risk)}]"
    if what == "canceled":
        canceled = scan(150, 120, images, risk, "cancel_at: 60")
        return f"started_ago: 4m, repeat: false, scans: [{scan(30, 60, images, risk)}, {canceled}]"
    if what == "stalled":
        stalled = scan(600, 120, images, risk, "stall: {at: 35}")
        return f"started_ago: 4m, repeat: false, scans: [{scan(30, 60, images, risk)}, {stalled}]"
    changes = chance.choice([[0]] * 10 + [[0, chance.randrange(1, 9)], [0, -min(risk, 3)]])
    takes, pause = chance.randrange(60, 180), chance.randrange(400, 900)
    ago = chance.randrange(takes, takes + pause)
    plan = ", ".join(scan(takes, pause, images, max(0, risk + change)) for change in changes)
    return f"started_ago: {ago}s, scans: [{plan}]"


def scan(takes, pause, images, risk, more=""):
    return (f"{{takes: {takes}s, pause: {pause}s, local_images: {images}, registry_images: {images // 3}, "
            f"local_vulnerabilities: {risk * 31}, registry_vulnerabilities: {risk * 7}, "
            f"ignored_vulnerabilities: {risk // 2}, risk_images: {risk}{', ' + more if more else ''}}}")


def account(name, number, key):
    collectors = "" if number % ALL_COLLECTORS else f", collectors: {{{', '.join(map(often, COLLECTORS))}}}"
    keys = f"static: {{secret_id: AKID{name}, secret_key: {key}}}"
    return f"{{name: {name}, {labels(number)}credentials: {{{keys}}}{collectors}}}"


def labels(number):
    """Some accounts have none."""
    return "" if number % 6 == 5 else f"labels: {{team: {TEAMS[number % len(TEAMS)]}}}, "


def often(collector):
    # An hour would be too long for a test.
    options = {"vul_scan": "", "risk_images": "interval: 15s, limit: 5"}.get(collector, "interval: 15s")
    return f"{collector}: {{{options}}}"


def account_with_role(name, number, api):
    base = "static: {secret_id: AKIDbase, secret_key: key-of-base}"
    role_of = f"assume_role: {{role_arn: '{arn(name)}', endpoint: '{api}', source: {{{base}}}}}"
    return f"{{name: {name}, {labels(number)}credentials: {{{role_of}}}}}"


def arn(name):
    return f"qcs::cam::uin/100000000001:roleName/{name}"


main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
