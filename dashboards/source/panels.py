"""Panels in the classic JSON model of Grafana dashboards."""

import palette

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# The name of threshold series.
THRESHOLD = "threshold"
# Queries of a panel are named A, B, C, …
REFS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# The unit of counts: with thousands separators.
COUNT = "locale"
# The name of the series that tells how many are left out.
MORE = "{{more}} more"


# Queries.


def now(expression, legend=""):
    """The current value. Series that no longer exist are not shown, regardless of the time range."""
    return _target(expression, legend, instant=True)


def trend(expression, legend=""):
    """The values over the time range."""
    return _target(expression, legend, instant=False)


def cells(expression):
    """The current value as a table column. Labels become columns too."""
    return _target(expression, "", instant=True) | {"format": "table"}


def _target(expression, legend, instant):
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expression,
        "format": "time_series",
        "instant": instant,
        "range": not instant,
        "legendFormat": legend or "__auto",
    }


# Panels. Each has a width in columns; the row sets its position.


def stat(width, title, description, targets, unit=COUNT, *, steps=None, mappings=(), no_value="–",
         decimals=None, text="auto", overrides=()):
    """Large numbers, one per series."""
    options = _reduce() | {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": text,
        "wideLayout": True,
    }
    defaults = _defaults(unit, no_value, decimals) | {
        "color": {"mode": "thresholds"},
        "mappings": list(mappings),
        "thresholds": thresholds(steps or [(None, palette.NEUTRAL)]),
    }
    return _panel("stat", width, title, description, targets, defaults, [*_colours(targets), *overrides], options)


def part_of(width, title, description, bad, whole, *, is_missing=True, no_value="–"):
    """"2 of 3" in one large text. The value of the series, which sets the color, is the number of bad ones."""
    part = f"{whole} - {bad}" if is_missing else bad
    text = f'count_values("part", {part}) * on () group_left (whole) count_values("whole", {whole})'
    query = f"({text}) * on () group_left () {bad}"
    return stat(width, title, description, [now(query, "{{part}} of {{whole}}")], steps=palette.GOOD_WHEN_ZERO, text="name",
                no_value=no_value)


def headline(width, title, description, expression, *, steps, no_value="–"):
    """The current value as a large number above its history.

    The number has a separate instant query, because the last point of a range may be hours old.
    """
    panel = stat(width, title, description, [now(expression), trend(expression)], steps=steps, no_value=no_value,
                 text="value")
    panel["options"] |= {"graphMode": "area", "orientation": "horizontal", "justifyMode": "center",
                         "text": {"valueSize": 40}}
    # Hide the number of the range query, which would be its last point.
    no_text = [{"type": "range", "options": {"from": None, "to": None, "result": {"text": " ", "index": 0}}}]
    panel["fieldConfig"]["overrides"] = [by_query("B", mappings=no_text, noValue=" ")]
    return panel


def bars(width, title, description, targets, unit, *, steps, maximum=None, no_value="unknown", decimals=None, overrides=()):
    """One horizontal bar per series."""
    options = _reduce() | {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "sizing": "manual",
        "minVizHeight": 20,
        "maxVizHeight": 32,
        # Beside the bars, Grafana cuts names: it makes room for one of the longest ones, by the number of characters.
        "namePlacement": "top",
        "valueMode": "color",
        "text": {"titleSize": 12, "valueSize": 15},
    }
    defaults = _defaults(unit, no_value, decimals) | {
        "color": {"mode": "thresholds"},
        # Without it, Grafana shows no name if there is only one bar.
        "displayName": "${__series.name}",
        "mappings": [],
        "min": 0,
        "thresholds": thresholds(steps),
    }
    if maximum is not None:
        defaults["max"] = maximum
    return _panel("bargauge", width, title, description, targets, defaults, list(overrides), options)


def graph(width, title, description, targets, unit, *, steps=False, stacked=False, bars=False,
          no_value="No data in this range", maximum=None, decimals=None):
    """Lines over time. Use `steps` for counts, which change in steps."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "stepAfter" if steps else "linear",
        "lineWidth": 0 if stacked else 2,
        "fillOpacity": 60 if stacked else 0,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisPlacement": "auto",
        "thresholdsStyle": {"mode": "off"},
    }
    defaults = _defaults(unit, no_value, decimals) | {
        # By order: colors by name may be the same for two accounts.
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "min": 0,
    }
    if maximum is not None:
        defaults["max"] = maximum
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    overrides = [*_colours(targets), *_left_out(targets)]
    return _panel("timeseries", width, title, description, targets, defaults, overrides, options)


def timeline(width, title, description, targets, mappings, *, rows=20, no_value="no data"):
    """One colored bar per series, showing its state over time. More than `rows` are divided into pages."""
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "perPage": rows,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    defaults = _defaults("none", no_value, None) | {
        # Colors from thresholds would replace the mappings if equal values are merged.
        # No color of a state: the legend also has it for missing data.
        "color": {"mode": "fixed", "fixedColor": "transparent"},
        "custom": {"fillOpacity": 85, "lineWidth": 0, "insertNulls": False, "spanNulls": False},
        "mappings": mappings,
    }
    return _panel("state-timeline", width, title, description, targets, defaults, [], options)


def table(width, title, description, columns, *, sort, no_value, rows=()):
    """One row per combination of labels. A column is a tuple of its title, a label name or a query for its values, and
    its field options. `rows` are queries that only add labels. `sort` contains pairs of a column title and whether to sort
    descending."""
    targets = [*rows, *(source for _, source, _ in columns if isinstance(source, dict))]
    value = "Value" if len(targets) == 1 else "Value #{}"
    values = iter([value.format(ref) for ref, _ in zip(REFS, targets)])
    hidden = ["Time", *(next(values) for _ in rows)]
    fields = [source if isinstance(source, str) else next(values) for _, source, _ in columns]
    organize = {
        "excludeByName": dict.fromkeys(hidden, True),
        "indexByName": {field: index for index, field in enumerate(fields)},
        "renameByName": {field: title for field, (title, _, _) in zip(fields, columns)},
    }
    defaults = _defaults(COUNT, no_value, None) | {
        "color": {"mode": "thresholds"},
        "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 60},
        "mappings": [],
        "thresholds": thresholds([(None, palette.NEUTRAL)]),
    }
    # Otherwise an empty cell would show the text of the empty panel.
    text = {"unit": "string"}
    overrides = [by_name(title, noValue="–", **(text if isinstance(source, str) else {}), **look)
                 for title, source, look in columns]
    options = {
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
        "showHeader": True,
        "sortBy": [{"displayName": column, "desc": descending} for column, descending in sort],
    }
    panel = _panel("table", width, title, description, targets, defaults, overrides, options)
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": organize},
    ]
    return panel


def _panel(kind, width, title, description, targets, defaults, overrides, options):
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width},
        "targets": [{"refId": ref} | target for ref, target in zip(REFS, targets)],
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
    }


def _defaults(unit, no_value, decimals):
    defaults = {"unit": unit, "noValue": no_value}
    return defaults if decimals is None else defaults | {"decimals": decimals}


def _reduce():
    return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _colours(targets):
    """Colors from the palette for the series, by their names in the legend."""
    legends = [target["legendFormat"] for target in targets]
    names = [name for legend in legends for name in palette.NAMES.get(legend, [legend])]
    overrides = [by_name(name, color=fixed(palette.SERIES[name])) for name in names if name in palette.SERIES]
    return overrides + [by_name(THRESHOLD, **_threshold_line()) for name in names if name == THRESHOLD]


def _left_out(targets):
    """The number of series that are left out is an entry in the legend, and not a line."""
    refs = [ref for ref, target in zip(REFS, targets) if target["legendFormat"] == MORE]
    hidden = {"viz": True, "legend": False, "tooltip": True}
    return [by_query(ref, color=fixed(palette.FAINT), custom_hideFrom=hidden) for ref in refs]


def _threshold_line():
    return {
        "color": fixed(palette.THRESHOLD),
        "custom_lineStyle": {"fill": "dash", "dash": [8, 6]},
        "custom_lineWidth": 2,
        "custom_fillOpacity": 0,
        "custom_stacking": {"mode": "none", "group": "B"},
    }


# Options of individual fields.


def by_name(name, **properties):
    return _override("byName", name, properties)


def by_query(ref, **properties):
    return _override("byFrameRefID", ref, properties)


def _override(matcher, options, properties):
    # Keyword arguments cannot contain a dot: custom_width stands for custom.width.
    ids = {name: name.replace("custom_", "custom.") for name in properties}
    return {
        "matcher": {"id": matcher, "options": options},
        "properties": [{"id": ids[name], "value": value} for name, value in properties.items()],
    }


def fixed(color):
    return {"mode": "fixed", "fixedColor": color}


def text_coloured(steps):
    """Text colored by thresholds."""
    return {"custom_cellOptions": {"type": "color-text"}, "thresholds": thresholds(steps)}


def bar_coloured(color):
    return {"thresholds": thresholds([(None, color)])}


def gauge():
    """A ratio, shown as a bar in a cell."""
    return {
        "unit": "percentunit",
        "decimals": 0,
        "min": 0,
        "max": 1,
        "thresholds": thresholds([(None, palette.INFO)]),
        "custom_cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"},
        "custom_width": 84,
    }


def duration(width):
    return {"unit": "s", "decimals": 1, "custom_width": width}


def label_coloured(mappings, width):
    """A label on the background color that it is mapped to."""
    return {
        "mappings": mappings,
        # An empty cell has no background.
        "thresholds": thresholds([(None, "transparent")]),
        "custom_cellOptions": {"type": "color-background", "mode": "basic"},
        "custom_align": "center",
        "custom_width": width,
    }
