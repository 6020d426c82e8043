"""Common parts of all boards: layout, variables, annotations, links."""

import palette
from panels import DATASOURCE
from promql import MEMBERS, each_scan, having, is_status, of_account, of_instance

TAG = "tcss"
COLUMNS = 24
# Annotations on graphs: their names, and the status of the scans that they mark.
ENDS = {"Scan completed": "SCANNED", "Scan canceled": "CANCELED"}
# With more scans, annotations would hide the graphs.
MOST_ANNOTATED = 20
# Labels of tcss_account_info by which accounts can be selected; others can be typed in.
ACCOUNT_LABELS = ["team", "env", "unit"]
# Where links of alerts lead.
RUNBOOK = "https://github.com/tcss-exporter/tcss-exporter/blob/main/docs/runbook.md"

INFO = of_instance("tcss_account_info")


def row(title, *lines):
    """A titled row of lines. A line is a tuple of its height and its panels."""
    return title, lines


def board(uid, title, description, time, *, rows, marked=()):
    """`marked` contains the titles of the panels on which the ends of scans are annotated."""
    panels = _placed(rows)
    ids = [panel["id"] for panel in panels if panel["title"] in marked and panel["type"] == "timeseries"]
    marks = [_ended(name, status, ids) for name, status in ENDS.items()] if ids else []
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": time, "to": "now"},
        "timezone": "browser",
        "links": [_link_to_the_others()],
        "templating": {"list": _variables()},
        "annotations": {"list": marks},
        "panels": panels,
    }


def _placed(rows):
    panels, y = [], 0
    for title, lines in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        panels.append({"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place})
        y += 1
        for height, *line in lines:
            x = 0
            for panel in line:
                width = panel["gridPos"]["w"]
                panels.append(panel | {"gridPos": {"x": x, "y": y, "w": width, "h": height}})
                x += width
            y += height
    return [{"id": number} | panel for number, panel in enumerate(panels, start=1)]


def _link_to_the_others():
    return {
        "type": "dashboards",
        "title": "TCSS",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _variables():
    """Each variable depends on the ones before it."""
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,
            "regex": "",
        },
        _labels("job", "Job", "tcss_exporter_build_info"),
        _labels("instance", "Instance", 'tcss_exporter_build_info{job=~"$job"}'),
        {
            "name": "label",
            "label": "Account label",
            "type": "custom",
            "query": ",".join(ACCOUNT_LABELS),
            "current": {"selected": True, "text": ACCOUNT_LABELS[0], "value": ACCOUNT_LABELS[0]},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [{"selected": name == ACCOUNT_LABELS[0], "text": name, "value": name} for name in ACCOUNT_LABELS],
            "skipUrlSync": False,
        },
        _labels("value", "is", INFO, "$label") | {"allValue": ".*"},
        _members(),
        _labels("account", "Account", of_instance("tcss_up", account=f"~{MEMBERS}")),
        _labels("scan", "Scan", of_account("tcss_up", scan="~.+")),
        {"name": "runbook", "label": "Runbook", "type": "constant", "query": RUNBOOK, "hide": 2, "skipUrlSync": True,
         "current": {"selected": True, "text": RUNBOOK, "value": RUNBOOK}},
    ]


def _members():
    """The accounts with the selected label, as a regular expression: `.+` if none is excluded.

    Accounts have no labels before the exporter exposes tcss_account_info; all of them are then selected.
    """
    chosen, excluded = (f'{INFO.removesuffix("}")}, $label{operator}"$value"}}' for operator in ("=~", "!~"))
    is_restricted = f"group ({excluded})"
    everybody = 'label_replace(vector(1), "account", ".+", "", "")'
    query = f"group by (account) ({chosen}) and on () {is_restricted} or {everybody} unless on () {is_restricted}"
    return _labels("members", "Accounts", "", "") | _query("members", f"query_result({query})") | {
        "allValue": None,
        "hide": 2,
        "regex": '/account="([^"]+)"/',
    }


def _query(name, query):
    return {"query": {"query": query, "refId": f"variable-{name}"}, "definition": query}


def _labels(name, label, selector, of=None):
    """Values of the label `of`, by default the one of that name."""
    return _query(name, f"label_values({selector}, {of or name})") | {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        # Keeps the query short if All is selected, regardless of the number of accounts.
        "allValue": ".+",
        "includeAll": True,
        "multi": True,
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }


def _ended(name, status, ids):
    end = having(each_scan("tcss_vul_scan_end_timestamp_seconds"), is_status(status))
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "filter": {"exclude": False, "ids": ids},
        "iconColor": palette.ANNOTATIONS[name],
        # In milliseconds. The annotation is placed at the end of the scan rather than at the time of the scrape.
        "expr": f"1000 * ({end}) and on () (count({each_scan('tcss_up')}) <= {MOST_ANNOTATED})",
        "useValueForTime": True,
        "step": "60s",
        "titleFormat": name,
        "textFormat": "{{account}} {{scan}}",
        "tagKeys": "account,scan",
    }
