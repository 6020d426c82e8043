"""Boards and rules in other languages: the English ones with their texts replaced, and nothing else.

A catalogue maps each English text to its translation. A text without a translation is an error, and so is a translation
that is not used, so a change of an English text cannot be forgotten in the other languages.
"""

import json
import re
from collections import Counter

import palette
from board import RUNBOOK, TAG

# Names that Grafana, Go templates and Prometheus replace.
PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\$\{.*?\}|\$\d")
PROBLEM = re.compile(r'(?<="problem", ")[^"]+(?=")')
COLUMN = re.compile(r"(?<=__data\.fields\.)\w+")
# Series with these legends are named by the values of a label, which get another name on the panel.
LABEL_VALUES = {legend: names for legend, names in palette.NAMES.items() if legend != "{{reason}}"}


class Language:
    """`code` is that of the directory and of the documentation; `suffix` makes uids and the tag of boards unique."""

    def __init__(self, code, suffix, texts):
        self.code = code
        self.suffix = suffix
        self.texts = texts
        self.used = set()
        self.problems = []

    def __call__(self, text, context=""):
        """The translation. Texts without letters, apart from placeholders, are the same in all languages.

        If the text means something else in a context, the catalogue has it with the context before it.
        """
        if not re.search("[A-Za-z]", PLACEHOLDER.sub("", text)):
            return text
        key = f"{context}: {text}"
        if key not in self.texts:
            key = text
        self.used.add(key)
        translated = self.texts.get(key)
        if translated is None:
            self._report(f"not translated: {text!r}")
            return text
        if _placeholders(translated) != _placeholders(text):
            self._report(f"other placeholders than the English text: {translated!r}")
        return translated

    def _report(self, problem):
        if problem not in self.problems:
            self.problems.append(problem)

    def all_problems(self):
        """What is wrong with the catalogue, once everything is translated."""
        return [*self.problems, *(f"not used: {text!r}" for text in self.texts if text not in self.used)]

    def runbook(self, url):
        return url.replace("/docs/", f"/docs/{self.code}/")

    def board(self, english):
        """A board of its own that links to the others in this language."""
        # A copy in which panels share nothing: a shared link would be replaced once for each panel.
        board = json.loads(json.dumps(english))
        board["uid"] += self.suffix
        board["tags"] = [TAG + self.suffix]
        for link in board["links"]:
            link["tags"] = [TAG + self.suffix]
        self._replace(board, "title", "description")
        for variable in board["templating"]["list"]:
            self._replace(variable, "label")
            if variable["name"] == "runbook":
                variable["query"] = self.runbook(RUNBOOK)
                variable["current"] |= {"text": variable["query"], "value": variable["query"]}
        for mark in board["annotations"]["list"]:
            self._replace(mark, "name", "titleFormat")
        for panel in board["panels"]:
            self._replace(panel, "title")
            if panel["type"] != "row":
                self._panel(panel)
        return board

    def _replace(self, parent, *keys, context=""):
        for key in keys:
            parent[key] = self(parent[key], context)

    def _panel(self, panel):
        self._replace(panel, "description")
        legends = [target["legendFormat"] for target in panel["targets"]]
        values = {name for legend in legends for name in LABEL_VALUES.get(legend, [])}
        reasons = palette.REASONS if "{{reason}}" in legends else ()
        for target in panel["targets"]:
            target["expr"] = PROBLEM.sub(lambda problem: self(problem[0]), target["expr"])
            if target["legendFormat"] != "__auto":
                self._replace(target, "legendFormat", context="series")
        defaults = panel["fieldConfig"]["defaults"]
        self._replace(defaults, "noValue")
        self._mappings(defaults["mappings"] if "mappings" in defaults else [])
        for override in panel["fieldConfig"]["overrides"]:
            self._override(override, values, reasons)
        for column in panel["options"].get("sortBy", []):
            self._replace(column, "displayName")
        for transformation in panel.get("transformations", []):
            columns = transformation["options"].get("renameByName", {})
            self._replace(columns, *columns)

    def _override(self, override, values, reasons):
        matcher = override["matcher"]
        if matcher["options"] in values:
            override["properties"].append({"id": "displayName", "value": self(matcher["options"])})
        elif matcher["id"] == "byName" and matcher["options"] not in reasons:
            self._replace(matcher, "options", context="series")
        for found in override["properties"]:
            if found["id"] == "noValue":
                self._replace(found, "value")
            elif found["id"] == "mappings":
                self._mappings(found["value"])
            elif found["id"] == "links":
                for link in found["value"]:
                    self._link(link)

    def _mappings(self, mappings):
        for mapping in mappings:
            if mapping["type"] == "value":
                results = mapping["options"].values()
            else:
                results = [mapping["options"]["result"]]
            for result in results:
                self._replace(result, "text")

    def _link(self, link):
        self._replace(link, "title")
        url = re.sub(r"^/d/[\w-]+", lambda path: path[0] + self.suffix, link["url"])
        link["url"] = COLUMN.sub(lambda column: self(column[0]), url)

    def alertmanager(self, english, receivers):
        """The routes and inhibition rules with other comments, and receivers that are usual where the language is spoken."""
        rest, _ = english.split("\nreceivers:\n")
        return self.rules(rest) + "\nreceivers:\n" + receivers

    def rules(self, english):
        """The rules with other summaries, comments and addresses of the runbook."""
        lines = []
        for block in re.split(r"((?:^ *#.*\n)+)", english, flags=re.MULTILINE):
            if re.match(" *#", block):
                lines.append(self._comment(block))
            else:
                lines.append("".join(self._rule_line(line) for line in block.splitlines(keepends=True)))
        return "".join(lines)

    def _comment(self, block):
        indent = re.match(" *", block)[0]
        text = "\n".join(line.strip().removeprefix("#").strip() for line in block.splitlines())
        return "".join(f"{indent}# {line}".rstrip() + "\n" for line in self(text).split("\n"))

    def _rule_line(self, line):
        if summary := re.fullmatch(r"( *summary: )'(.*)'\n", line):
            return f"{summary[1]}'{self(summary[2])}'\n"
        # A comment may be only the name of an alert.
        if comment := re.fullmatch(r"( *- record: \S+ # )(.* .*)\n", line):
            return f"{comment[1]}{self(comment[2])}\n"
        if re.match(" *runbook_url: ", line):
            return self.runbook(line)
        return line


def _placeholders(text):
    return Counter(PLACEHOLDER.findall(text))
