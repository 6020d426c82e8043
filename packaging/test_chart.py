"""Tests of the Helm chart: `test_chart.py CHART HELM NPM-FOLDER BINARY`. Every function test_… is one test."""

import json
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).parent.parent
CHART, HELM, NPM, BINARY = sys.argv[1:]
# Each language, with its rules and the folder of its boards.
LANGUAGES = {
    "en": (ROOT / "dashboards/rules/tcss.yml", ROOT / "dashboards"),
    "zh-CN": (ROOT / "dashboards/rules/tcss.zh-CN.yml", ROOT / "dashboards/zh-CN"),
}
SETS = sorted((ROOT / "packaging/helm/tcss-exporter/ci").glob("*-values.yaml"))
OLDEST, NEWEST = "1.25.0", kubernetes_validate.latest_version()
CUSTOM = ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1", "autoscaling.k8s.io/v1")


def helm(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([HELM, *arguments], capture_output=True, text=True)


def template(*arguments: str, version: str = NEWEST) -> list[dict]:
    result = helm("template", "tcss", CHART, "--namespace", "ns", "--kube-version", version, *arguments)
    assert result.returncode == 0, result.stderr
    return [document for document in yaml.safe_load_all(result.stdout) if document]


@cache
def render(values: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values)
        file.flush()
        return json.dumps(template("-f", file.name))


def resources(**values) -> list[dict]:
    return json.loads(render(yaml.safe_dump(values)))


def only(kind: str, **values) -> dict:
    found = [resource for resource in resources(**values) if resource["kind"] == kind]
    assert len(found) == 1, f"{len(found)} {kind}"
    return found[0]


def workload(**values) -> dict:
    found = [resource for resource in resources(**values) if resource["kind"] in ("Deployment", "StatefulSet")]
    assert len(found) == 1
    return found[0]


def pod(**values) -> dict:
    return workload(**values)["spec"]["template"]["spec"]


def container(**values) -> dict:
    return pod(**values)["containers"][0]


def refusal(values) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values if isinstance(values, str) else yaml.safe_dump(values))
        file.flush()
        result = helm("template", "tcss", CHART, "-f", file.name)
    assert result.returncode != 0, f"{values} is accepted"
    return result.stderr


def test_every_set_of_values_is_valid_on_the_oldest_and_newest_kubernetes():
    assert len(SETS) >= 20, len(SETS)
    custom = []
    for file in SETS:
        for version in (OLDEST, NEWEST):
            for resource in template("-f", str(file), version=version):
                if resource["apiVersion"] in CUSTOM:
                    custom.append(resource)
                    continue
                # The schema of 1.25 does not know what its API server ignores.
                if version == OLDEST:
                    resource.get("spec", {}).pop("unhealthyPodEvictionPolicy", None)
                try:
                    kubernetes_validate.validate(resource, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    raise AssertionError(f"{file.name} {version} {resource['kind']}: {error}") from error
    operators = [resource for resource in custom if resource["apiVersion"] != "autoscaling.k8s.io/v1"]
    assert len(operators) >= 8
    check_custom(operators)


def test_the_plain_manifests_are_valid_and_complete():
    files = sorted((ROOT / "packaging/kubernetes").glob("*.yaml"))
    files = [file for file in files if not file.name.endswith(".values.yaml")]
    assert len(files) >= 3
    for file in files:
        manifests = [document for document in yaml.safe_load_all(file.read_text()) if document]
        for version in (OLDEST, NEWEST):
            for manifest in manifests:
                if manifest["apiVersion"] not in CUSTOM:
                    kubernetes_validate.validate(manifest, version, strict=True)
        check_custom([manifest for manifest in manifests if manifest["apiVersion"] in CUSTOM])
        assert {"ServiceAccount", "Service"} <= {manifest["kind"] for manifest in manifests}, file.name


def check_custom(custom: list[dict]):
    script = (ROOT / "packaging/crds.mjs").read_text()
    command = ["node", "--input-type=module", "--eval", script]
    result = subprocess.run(command, input=json.dumps(custom), capture_output=True, text=True, cwd=NPM)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_validators_find_planted_faults():
    monitor = only("ServiceMonitor", serviceMonitor={"enabled": True})
    monitor["spec"]["endpoints"][0]["interval"] = "15 s"
    rule = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "a"}}
    rule["spec"] = {"groups": [{"name": "a", "rules": [{"alert": "A"}]}]}
    for planted in (monitor, rule):
        try:
            check_custom([planted])
        except AssertionError:
            continue
        raise AssertionError(f"not found: {planted}")
    deployment = workload()
    deployment["spec"]["replica"] = 1
    try:
        kubernetes_validate.validate(deployment, NEWEST, strict=True)
    except kubernetes_validate.ValidationError:
        return
    raise AssertionError("an unknown field is not found")


def test_every_value_is_used_by_a_set():
    def leaves(values: dict, path: tuple = ()):
        for key, value in values.items():
            if isinstance(value, dict) and value:
                yield from leaves(value, (*path, key))
            else:
                yield (*path, key)

    used: set = set()
    for file in SETS:
        used |= set(leaves(yaml.safe_load(file.read_text()) or {}))
    used |= {path[:length] for path in used for length in range(1, len(path))}
    values = yaml.safe_load((Path(CHART) / "values.yaml").read_text())
    unused = [".".join(path) for path in leaves(values) if path not in used]
    assert not unused, unused


def test_lint_is_strict_for_every_set():
    for file in SETS:
        result = helm("lint", "--strict", CHART, "-f", str(file))
        assert result.returncode == 0, f"{file.name}: {result.stdout}{result.stderr}"


def test_names_labels_and_selectors_fit_together():
    for file in SETS:
        rendered = template("-f", str(file))
        workloads = [resource for resource in rendered if resource["kind"] in ("Deployment", "StatefulSet")]
        found = workloads[0]
        labels = found["spec"]["template"]["metadata"]["labels"]
        selector = found["spec"]["selector"]["matchLabels"]
        assert selector.items() <= labels.items(), file.name
        expected = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
        assert set(selector) == (expected if len(workloads) == 1 else expected | {"app.kubernetes.io/component"})
        services = [resource for resource in rendered if resource["kind"] == "Service"]
        for service in services:
            assert service["spec"]["selector"].items() <= labels.items()
        for resource in rendered:
            name = resource["metadata"]["name"]
            assert len(name) <= 63, name
            if resource["kind"] == "ServiceMonitor":
                matching = [
                    service for service in services
                    if resource["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
                ]
                assert len(matching) == 1, file.name
                assert matching[0]["metadata"]["namespace"] in resource["spec"]["namespaceSelector"]["matchNames"]
        names = [(resource["kind"], resource["metadata"]["name"]) for resource in rendered]
        assert len(names) == len(set(names)), file.name
        mounts = found["spec"]["template"]["spec"]["containers"][0].get("volumeMounts", [])
        volumes = {volume["name"] for volume in found["spec"]["template"]["spec"].get("volumes", [])}
        assert {mount["name"] for mount in mounts} <= volumes, file.name


def test_every_pod_meets_the_pod_security_standard_restricted():
    for file in SETS:
        if file.name.startswith(("extras", "scheduling")):
            continue  # foreign containers, the network of the node
        found = [r for r in template("-f", str(file)) if r["kind"] in ("Deployment", "StatefulSet")][0]
        spec = found["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        assert not spec.get("hostNetwork") and not spec.get("hostPID") and not spec.get("hostIPC")
        for one in spec["containers"]:
            context = one["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
        allowed = {"configMap", "downwardAPI", "emptyDir", "projected", "secret", "persistentVolumeClaim", "csi", "ephemeral"}
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= allowed
        assert spec["automountServiceAccountToken"] is False


def test_files_of_volumes_are_readable_for_the_group():
    for file in SETS:
        found = [r for r in template("-f", str(file)) if r["kind"] in ("Deployment", "StatefulSet")][0]
        for volume in found["spec"]["template"]["spec"].get("volumes", []):
            for source in volume.values():
                if isinstance(source, dict) and "defaultMode" in source:
                    assert source["defaultMode"] & 0o040, volume


def test_one_shard_is_a_deployment_and_more_are_a_stateful_set():
    one = workload()
    assert (one["kind"], one["spec"]["replicas"], one["spec"]["strategy"]) == ("Deployment", 1, {"type": "Recreate"})
    assert not any("--shard" in argument for argument in container()["args"])
    three = workload(shards=3)
    assert (three["kind"], three["spec"]["replicas"]) == ("StatefulSet", 3)
    assert "--shard=auto/3" in container(shards=3)["args"]
    headless = [r for r in resources(shards=3) if r["kind"] == "Service" and r["spec"].get("clusterIP") == "None"]
    assert [service["metadata"]["name"] for service in headless] == [three["spec"]["serviceName"]]
    two = workload(leaderElection={"enabled": True})
    assert (two["kind"], two["spec"]["replicas"], two["spec"]["strategy"]["type"]) == ("Deployment", 2, "RollingUpdate")


def test_every_shard_has_as_many_replicas_as_a_leader_election_needs():
    values = {"shards": 3, "leaderElection": {"enabled": True}}
    workloads = [r for r in resources(**values) if r["kind"] in ("Deployment", "StatefulSet")]
    assert [(r["kind"], r["metadata"]["name"], r["spec"]["replicas"]) for r in workloads] == [
        ("Deployment", f"tcss-tcss-exporter-{shard}", 2) for shard in range(3)
    ]
    selectors = [r["spec"]["selector"]["matchLabels"] for r in workloads]
    for shard, (one, selector) in enumerate(zip(workloads, selectors)):
        template = one["spec"]["template"]
        arguments = template["spec"]["containers"][0]["args"]
        assert f"--shard={shard}/3" in arguments and "--ha.kubernetes-lease=tcss-tcss-exporter" in arguments
        # A workload that selects the pods of another one would delete them.
        assert [other.items() <= template["metadata"]["labels"].items() for other in selectors] == [n == shard for n in range(3)]
        [spread] = template["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == selector
        [service] = [r for r in resources(**values) if r["kind"] == "Service"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    [leases] = [rule["resourceNames"] for rule in only("Role", **values)["rules"] if "resourceNames" in rule]
    assert leases == [f"tcss-tcss-exporter-{shard}-of-3" for shard in range(3)]


def test_autoscalers_name_workloads_that_exist():
    for values in ({}, {"shards": 2}, {"shards": 2, "leaderElection": {"enabled": True}}):
        rendered = resources(verticalPodAutoscaler={"enabled": True}, **values)
        targets = [r["spec"]["targetRef"] for r in rendered if r["kind"] == "VerticalPodAutoscaler"]
        workloads = [r for r in rendered if r["kind"] in ("Deployment", "StatefulSet")]
        assert targets == [{"apiVersion": "apps/v1", "kind": r["kind"], "name": r["metadata"]["name"]} for r in workloads]


def test_upgrades_never_change_an_immutable_field():
    immutable: dict = {}
    for file in SETS:
        for resource in template("-f", str(file)):
            kind, spec = resource["kind"], resource.get("spec", {})
            if file.name.startswith("names"):
                continue  # other names are other resources
            if kind == "Deployment":
                fields = spec["selector"]
            elif kind == "StatefulSet":
                fields = {key: spec.get(key) for key in ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates")}
            elif kind == "RoleBinding":
                fields = resource["roleRef"]
            elif kind == "Service" and spec.get("clusterIP") is not None:
                fields = spec["clusterIP"]
            elif kind == "Secret":
                fields = resource["type"]
            else:
                continue
            before = immutable.setdefault((kind, resource["metadata"]["name"]), fields)
            assert before == fields, f"{file.name}: {kind} {before} -> {fields}"
    assert len(immutable) >= 5, immutable


def test_the_web_configuration_switches_the_scheme_everywhere():
    tls = {"tlsSecret": "tls", "config": {"tls_server_config": {"cert_file": "a", "key_file": "b"}}}
    for web, scheme in (({}, "http"), (tls, "https"), ({"existingSecret": "a"}, "http"), ({"existingSecret": "a", "tls": True}, "https")):
        values = {"web": web, "serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}
        for probe in ("livenessProbe", "readinessProbe"):
            assert container(**values)[probe]["httpGet"]["scheme"] == scheme.upper()
        assert only("ServiceMonitor", **values)["spec"]["endpoints"][0]["scheme"] == scheme
        assert only("PodMonitor", **values)["spec"]["podMetricsEndpoints"][0]["scheme"] == scheme
    endpoint = only("ServiceMonitor", web=tls, serviceMonitor={"enabled": True})["spec"]["endpoints"][0]
    assert endpoint["tlsConfig"]["serverName"] == "tcss-tcss-exporter.ns.svc"
    demanding = {"config": {"tls_server_config": {"client_auth_type": "RequireAnyClientCert"}}}
    for probe in ("livenessProbe", "readinessProbe"):
        assert container(web=demanding)[probe]["exec"]["command"][:2] == ["/tcss-exporter", "health"]


def test_the_rules_are_those_of_the_project():
    for language, (file, _) in LANGUAGES.items():
        values = {"enabled": True, "language": language}
        assert only("PrometheusRule", prometheusRule=values)["spec"] == yaml.safe_load(file.read_text())
    rules = yaml.safe_load((ROOT / "dashboards/rules/tcss.yml").read_text())
    assert only("PrometheusRule", prometheusRule={"enabled": True})["spec"] == rules
    alerts = [r["alert"] for g in rules["groups"] for r in g["rules"] if "alert" in r]
    changed = only("PrometheusRule", prometheusRule={
        "enabled": True,
        "thresholds": {"risk_images": 200, "throttled_ratio": 0.2},
        "accountThresholds": [{"account": "prod", "risk_images": 500}],
        "disabled": [alerts[0]],
        "alertLabels": {"shift": "security"},
        "additionalGroups": [{"name": "own", "rules": []}],
    })["spec"]["groups"]
    assert changed.pop()["name"] == "own"
    assert alerts[0] not in {r.get("alert") for g in changed for r in g["rules"]}
    of_alerts = [r["labels"] for g in changed for r in g["rules"] if "alert" in r]
    assert all(labels["shift"] == "security" and "severity" in labels for labels in of_alerts)
    before = {json.dumps(r, sort_keys=True) for g in rules["groups"] for r in g["rules"] if "record" in r}
    after = {json.dumps(r, sort_keys=True) for g in changed for r in g["rules"] if "record" in r}
    # Two are changed, and one is new.
    assert len(before - after) == 2 and len(after - before) == 3, after - before


def test_every_threshold_can_be_set():
    rules = yaml.safe_load((ROOT / "dashboards/rules/tcss.yml").read_text())
    records = [r["record"] for g in rules["groups"] for r in g["rules"] if "threshold:" in r.get("record", "")]
    assert len(records) >= 10
    for record in records:
        values = {"enabled": True, "thresholds": {record.split(":")[-1]: 691200123}}
        groups = only("PrometheusRule", prometheusRule=values)["spec"]["groups"]
        [expression] = [r["expr"] for g in groups for r in g["rules"] if r.get("record") == record]
        assert "691200123" in expression, expression


def promtool(*arguments: str, **files: dict) -> str:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, f"{name}.yml").write_text(yaml.safe_dump(content))
        result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_thresholds_apply_to_the_scans_that_they_name():
    spec = only("PrometheusRule", prometheusRule={
        "enabled": True,
        "thresholds": {"risk_images": 2000000, "credentials_remaining_seconds": "-Inf"},
        "accountThresholds": [
            {"account": "prod", "risk_images": 500, "coverage_drop_ratio": 0.5, "unscanned_images": 7},
            {"account": "prod", "scan": "nightly", "risk_images": "Inf"},
        ],
    })["spec"]

    def is_threshold(name: str, **scans: str) -> dict:
        samples = []
        for scan, value in scans.items():
            account, _, scan = scan.partition("_")
            samples.append({"labels": f'tcss:scan_threshold:{name}{{account="{account}", scan="{scan}"}}', "value": value})
        return {"expr": f"tcss:scan_threshold:{name}", "eval_time": "5m", "exp_samples": samples}

    of_accounts = [{"labels": f'tcss:account_threshold:unscanned_images{{account="{account}"}}', "value": value}
                   for account, value in (("prod", 7), ("dev", 0))]
    series = [{"series": f'tcss_up{{account="{account}", scan="{scan}"}}', "values": "1x10"}
              for account, scan in (("prod", "latest"), ("prod", "nightly"), ("dev", "latest"))]
    promtool("test", "rules", "test.yml", rules=spec, test={
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [
            {"expr": "tcss:account_threshold:unscanned_images", "eval_time": "5m", "exp_samples": of_accounts},
            is_threshold("risk_images", prod_latest=500, prod_nightly=float("inf"), dev_latest=2000000),
            is_threshold("coverage_drop_ratio", prod_latest=0.5, prod_nightly=0.5, dev_latest=0.1),
            is_threshold("credentials_remaining_seconds", **dict.fromkeys(("prod_latest", "prod_nightly", "dev_latest"), float("-inf"))),
        ]}],
    })


def test_examples_in_the_readme_are_accepted():
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "packaging/helm/tcss-exporter/README.md").read_text(), re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        assert render(example)


def test_links_of_alerts_are_set():
    links = {"runbook": "https://wiki.example.org/runbook", "dashboards": "https://grafana.example.org/"}
    for language, (_, folder) in LANGUAGES.items():
        values = {"enabled": True, "language": language, "links": links}
        groups = only("PrometheusRule", prometheusRule=values)["spec"]["groups"]
        alerts = [r for g in groups for r in g["rules"] if "alert" in r]
        boards = {json.loads(file.read_text())["uid"] for file in folder.glob("*.json")}
        for alert in alerts:
            annotations = alert["annotations"]
            assert annotations["runbook_url"] == f"https://wiki.example.org/runbook#{alert['alert'].lower()}"
            link = re.fullmatch(
                r"https://grafana\.example\.org/d/tcss-{{ if \$labels\.account }}(.+)\?var-account={{ \$labels\.account \| urlquery }}"
                r"{{ else }}(.+){{ end }}", annotations["dashboard_url"])
            assert {f"tcss-{name}" for name in link.groups()} <= boards, annotations
        promtool("check", "rules", "rules.yml", rules={"groups": groups})


def test_the_dashboards_are_those_of_the_project():
    def trimmed(boards: dict) -> dict:
        # A block in YAML ends with one line break.
        return {name: text.rstrip("\n") for name, text in boards.items()}

    for values in ({}, *({"language": language} for language in LANGUAGES)):
        _, folder = LANGUAGES[values.get("language", "en")]
        files = {f"tcss-{file.name}": file.read_text() for file in folder.glob("*.json")}
        assert len(files) == 4
        maps = [r for r in resources(dashboards={"enabled": True, **values}) if r["kind"] == "ConfigMap"]
        rendered: dict = {}
        for one in maps:
            assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
            assert one["metadata"]["annotations"] == {"grafana_folder": "TCSS"}
            rendered |= one["data"]
        assert trimmed(rendered) == trimmed(files)


def boards_of(**values) -> dict:
    """The text of each board."""
    maps = [r for r in resources(dashboards={"enabled": True, **values}) if r["kind"] == "ConfigMap"]
    return {name.removeprefix("tcss-"): text for one in maps for name, text in one["data"].items()}


def source(*arguments: str) -> str:
    """What `dashboards/source` refuses them for; empty if it accepts them."""
    command = [sys.executable, str(ROOT / "dashboards/source"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode == 0) == (result.stderr == ""), result
    return result.stderr


def further_collectors() -> list[str]:
    schema = json.loads((Path(CHART) / "values.schema.json").read_text())
    names = schema["properties"]["dashboards"]["properties"]["collectors"]["items"]["enum"]
    assert len(names) == 12
    return [name for name in names if name != "vul_scan"]


def test_an_empty_list_of_collectors_leaves_every_board_as_it_is():
    for language, (_, folder) in LANGUAGES.items():
        boards = boards_of(language=language, collectors=[])
        assert boards["risk.json"].rstrip("\n") == (folder / "risk.json").read_text().rstrip("\n")


def test_only_the_risk_board_depends_on_the_collectors():
    before, after = boards_of(), boards_of(collectors=["licence"])
    assert {name for name in before if before[name] != after[name]} == {"risk.json"}


def test_the_risk_board_of_the_chart_is_the_one_of_its_source():
    names = further_collectors()
    selections = [[name] for name in (*names, "vul_scan")] + [["assets", "image_risks"], ["summary", "virus_scan", "risk_images"]]
    for selection in selections:
        assert risk_board(collectors=selection) == risk_board_of_source(selection)["en"], selection
    selection = ["vul_scan", "vul_summary", "licence"]
    assert risk_board(collectors=selection, language="zh-CN") == risk_board_of_source(selection)["zh-CN"]
    assert risk_board(collectors=names) == risk_board() == risk_board_of_source(names)["en"]


def risk_board(**values) -> dict:
    return json.loads(boards_of(**values)["risk.json"])


def risk_board_of_source(collectors: list[str]) -> dict:
    """By language."""
    with tempfile.TemporaryDirectory() as folder:
        refused = source("--collectors", ",".join(collectors), "--output", folder)
        assert not refused, refused
        files = {language: Path(folder, "" if language == "en" else language, "risk.json") for language in LANGUAGES}
        return {language: json.loads(file.read_text()) for language, file in files.items()}


def test_a_collector_brings_the_panels_that_name_it_and_no_others():
    risk = json.loads((ROOT / "dashboards/risk.json").read_text())
    # The table of all accounts has columns of these.
    with_columns = {"assets", "licence", "summary", "virus_scan", "vul_database", "vul_summary"}
    for name in further_collectors():
        board = risk_board(collectors=[name])
        naming = {panel["title"] for panel in risk["panels"] if panel["type"] != "row"
                  and name in re.findall(r"\w+", panel["fieldConfig"]["defaults"]["noValue"])}
        assert naming or name == "vul_database", name
        expected = naming | {"Firing alerts", "Collectors"} | ({"All accounts"} if name in with_columns else set())
        assert {panel["title"] for panel in board["panels"] if panel["type"] != "row"} == expected, name
        check_layout(board["panels"])
        # Only the place of a panel, and the columns of a table, change.
        before = {(panel["title"], panel["type"]): panel for panel in risk["panels"]}
        for panel in board["panels"]:
            if panel["type"] != "row":
                changed = {key for key, value in panel.items() if value != before[panel["title"], panel["type"]][key]}
                assert changed <= {"id", "gridPos", "transformations", "options"}, (name, panel["title"], changed)


def check_layout(panels: list[dict]):
    """Ids of their own, no row without a panel and no panel before the first row, 24 columns without holes."""
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    rows = [panel["type"] == "row" for panel in panels]
    assert rows[0] and not rows[-1] and (True, True) not in zip(rows, rows[1:])
    cells = [(x, y) for panel in panels for at in [panel["gridPos"]]
             for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(len(cells) // 24)]
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels]
    assert places == sorted(places)


def test_columns_of_collectors_that_are_off_are_hidden():
    [table] = [panel for panel in risk_board(collectors=["vul_database"])["panels"] if panel["title"] == "All accounts"]
    organize = table["transformations"][1]["options"]
    shown = {title for field, title in organize["renameByName"].items() if not organize["excludeByName"].get(field)}
    assert shown == {"Account", "Library age"}
    assert table["options"]["sortBy"] == []
    [table] = [panel for panel in risk_board(collectors=["vul_summary"])["panels"] if panel["title"] == "All accounts"]
    assert [column["displayName"] for column in table["options"]["sortBy"]] == ["Critical", "Remote", "High"]


def test_the_source_of_the_boards_says_what_it_expects():
    with tempfile.TemporaryDirectory() as folder:
        for arguments, message in (
            (["--collectors", "license", "--output", folder], "'license' is not a collector, did you mean 'licence'?"),
            (["--collectors", "license", "--output", folder], f"expected: {', '.join(sorted([*further_collectors(), 'vul_scan']))}"),
            (["--collectors", ",", "--output", folder], "no collector is given"),
            (["--collectors", "licence"], "--collectors needs --output DIR"),
            (["--output", folder], "--output needs --collectors"),
            (["--collectors", "licence", "--output", str(ROOT / "dashboards")], "expected another directory"),
            (["--check", "--collectors", "licence"], "--check"),
            (["--collectors", "licence", "--output", f"{CHART}/values.yaml"], "cannot write"),
        ):
            assert message in source(*arguments), arguments
        assert not list(Path(folder).iterdir())
    assert not source("--help")


def test_a_release_fits_into_a_secret():
    chart = sum(len(file.read_bytes()) for file in Path(CHART).rglob("*") if file.is_file())
    rendered = len(render(yaml.safe_dump({"dashboards": {"enabled": True}, "prometheusRule": {"enabled": True}})))
    # Helm compresses both and encodes them with base64. JSON and YAML shrink to less than a fifth.
    assert (chart + rendered) / 5 * 4 / 3 < 1_000_000 * 0.9, (chart, rendered)


def test_the_configuration_reaches_the_file_as_it_is():
    config = {"accounts": [{"name": "a", "credentials": {"assume_role": {"duration": 100000000007}}, "scans": [{"name": "nightly", "local_task_id": 123456789}]}]}
    data = only("ConfigMap", config=config)["data"]
    assert yaml.safe_load(data["tcss-exporter.yml"]) == config, data
    assert "100000000007" in data["tcss-exporter.yml"] and "123456789" in data["tcss-exporter.yml"], data
    text = "# {{ not a template }}\naccounts:\n  - name: a\n"
    assert only("ConfigMap", config=text)["data"]["tcss-exporter.yml"] == text


def test_the_exporter_accepts_the_configurations():
    readme = (ROOT / "packaging/helm/tcss-exporter/README.md").read_text()
    values = [file.read_text() for file in (*SETS, *(ROOT / "packaging/kubernetes").glob("*.values.yaml"))]
    values += re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    configurations = [config for text in values if (config := (yaml.safe_load(text) or {}).get("config"))]
    assert len(configurations) >= 4
    for config in configurations:
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(config if isinstance(config, str) else yaml.safe_dump(config))
            file.flush()
            result = subprocess.run([BINARY, "check", "--config.file", file.name], capture_output=True, text=True)
        assert result.returncode == 0, f"{config}: {result.stderr}"


def test_pods_restart_when_the_configuration_changes():
    def checksum(**values):
        return workload(**values)["spec"]["template"]["metadata"].get("annotations", {}).get("checksum/config")

    one, two = ({"restartOnConfigChange": True, "config": {"accounts": [{"name": name}]}} for name in ("a", "b"))
    assert checksum(**one) and checksum(**one) != checksum(**two)
    assert checksum(**(one | {"restartOnConfigChange": False})) is None
    assert checksum(restartOnConfigChange=True) is None


def test_the_configuration_is_reloaded_without_a_restart():
    config = {"accounts": [{"name": "a"}]}
    assert "--config.auto-reload-interval=30s" in container(config=config)["args"]
    assert "--config.auto-reload-interval=30s" in container(existingConfigMap="a")["args"]
    assert "annotations" not in workload(config=config)["spec"]["template"]["metadata"]
    for values in ({"config": config, "autoReloadInterval": "0s"}, {}, {"demo": True}):
        assert not any("auto-reload" in argument for argument in container(**values)["args"]), values


def test_replicas_of_a_leader_election_are_on_different_nodes_if_possible():
    elected = {"leaderElection": {"enabled": True}}
    spread = pod(**elected)["topologySpreadConstraints"]
    assert [(one["topologyKey"], one["whenUnsatisfiable"]) for one in spread] == [("kubernetes.io/hostname", "ScheduleAnyway")]
    assert spread[0]["labelSelector"] == workload(**elected)["spec"]["selector"]
    own = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    assert pod(**elected, topologySpreadConstraints=[own])["topologySpreadConstraints"] == [own]
    assert "topologySpreadConstraints" not in pod()


def test_flags_exist():
    def flags(*command: str) -> set[str]:
        result = subprocess.run([BINARY, *command, "--help"], capture_output=True, text=True, check=True)
        return set(re.findall(r"--[a-z][a-z.-]*", result.stdout))

    known = {command: flags(command) for command in ("serve", "demo", "health")}
    assert "--web.listen-address" in known["serve"], known
    for file in SETS:
        found = [r for r in template("-f", str(file)) if r["kind"] in ("Deployment", "StatefulSet")][0]
        command, *arguments = found["spec"]["template"]["spec"]["containers"][0]["args"]
        for argument in arguments:
            assert argument.split("=")[0] in known[command], f"{file.name}: {argument}"


def test_the_notes_say_the_next_step():
    def notes(*arguments):
        result = helm("install", "tcss", CHART, "--dry-run=client", "--namespace", "ns", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.split("\nNOTES:\n")[1]

    plain = notes()
    assert "NEXT STEP: no credentials" in plain and "kubectl create secret generic tcss-keys" in plain
    assert "Prometheus does not scrape" in plain
    ready = notes("--set", "existingSecret.name=k,serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true")
    assert "NEXT STEP" not in ready and "does not scrape" not in ready and "no links to dashboards" in ready
    assert "simulated data" in notes("--set", "demo=true")
    assert "rollout status deployment/tcss-tcss-exporter " in plain
    assert "rollout status statefulset/tcss-tcss-exporter " in notes("--set", "shards=2")
    elected = notes("--set", "shards=2,leaderElection.enabled=true")
    assert "rollout status deployment --selector=app.kubernetes.io/instance=tcss " in elected


WRONG = """
serviceMonitr: {enabled: true}
shard: 3
shards: 0
shards: "3"
shards: 1.5
image: {tags: v1}
image: {tag: "a b"}
image: {digest: 0123}
image: {pullPolicy: Sometimes}
imagePullSecrets: [name]
global: {imageregistry: a}
config: [a]
accountFiles: [team-a]
accountFiles: [{configMap: a, secret: b}]
existingSecret: tcss-keys
existingSecret: {secretName: a}
existingSecret: {name: Tcss_Keys}
secretMounts: [{name: a}]
tke: {roleArn: tcss-exporter}
tke: {tokenExpiration: 60}
leaderElection: {enabled: "yes"}
leaderElection: {standby: warm}
leaderElection: {replicas: 1}
leaderElection: {leaseDuration: 15}
leaderElection: {leaseDuration: 1d}
autoReloadInterval: 30
autoReloadInterval: often
log: {level: verbose}
log: {format: text}
web: {port: 80}
web: {telemetryPath: metrics}
web: {maxRequests: 0}
web: {config: web.yml}
proxy: {httpsProxy: "proxy:3128"}
proxy: {https: "http://proxy:3128"}
extraCA: ca.crt
serviceAccount: {annotations: {a: 1}}
service: {type: ExternalName}
service: {nodePort: 10058, type: NodePort}
service: {port: 0}
ingress: {hosts: [{host: a, paths: []}]}
serviceMonitor: {interval: 15}
serviceMonitor: {interval: 15 s}
serviceMonitor: {scheme: HTTPS}
serviceMonitor: {label: {a: b}}
podMonitor: {sampleLimit: many}
prometheusRule: {thresholds: {risk_images: high}}
prometheusRule: {thresholds: [{risk_images: 1}]}
prometheusRule: {threshold: {risk_images: 1}}
prometheusRule: {accountThresholds: [{risk_images: 1}]}
prometheusRule: {links: {runbooks: "https://example.com"}}
prometheusRule: {links: {runbook: example.com}}
prometheusRule: {language: zh}
prometheusRule: {language: fr}
dashboards: {language: zh}
dashboards: {labelValue: 1}
dashboards: {collectors: [license]}
dashboards: {collectors: licence}
networkPolicy: {egress: none}
podDisruptionBudget: {minAvailable: half}
resources: {limit: {memory: 64Mi}}
extraArgs: [api.region=a]
extraEnv: [{value: a}]
podLabels: {a: 1}
livenessProbe: {enabled: 1}
livenessProbe: {httpGet: {}}
hostUsers: "false"
dnsPolicy: Cluster
commonLabels: [a]
nameOverride: A_B
"""
# Refused by the templates, since a schema cannot say it.
IMPOSSIBLE = """
{config: {a: 1}, existingConfigMap: b}
{existingConfigMap: a, existingConfigSecret: b}
{web: {config: {a: b}, existingSecret: c}}
{extraCA: {configMap: a, secret: b}}
{demo: true, config: {a: 1}}
{demo: true, shards: 2}
{accountFiles: [{configMap: a}]}
{podDisruptionBudget: {enabled: true, minAvailable: 1, maxUnavailable: 1}}
{prometheusRule: {enabled: true, thresholds: {risk_imagez: 1}}}
{prometheusRule: {enabled: true, disabled: [TcssNope]}}
{prometheusRule: {enabled: true, accountThresholds: [{account: a, risk_imagez: 1}]}}
{prometheusRule: {enabled: true, accountThresholds: [{account: a, failed_requests: 1}]}}
{prometheusRule: {enabled: true, accountThresholds: [{account: a, scan: b, unscanned_images: 1}]}}
"""


def test_wrong_values_are_refused_by_the_schema():
    wrong = [line for line in WRONG.splitlines() if line]
    assert len(wrong) >= 30
    for line in wrong:
        message = refusal(line)
        assert "values don't meet the specifications of the schema" in message, f"{line}: {message}"


def test_values_that_contradict_each_other_are_refused():
    for line in filter(None, IMPOSSIBLE.splitlines()):
        message = refusal(line)
        assert "execution error" in message, f"{line}: {message}"


def test_every_misspelt_key_is_refused():
    def misspelt(values: dict, path: tuple):
        for key, value in values.items():
            here = (*path, key)
            yield (*path, key + "x")
            if isinstance(value, dict) and value and here[0] not in ("podSecurityContext", "securityContext"):
                yield from misspelt(value, here)

    schema = json.loads((Path(CHART) / "values.schema.json").read_text())
    values = yaml.safe_load((Path(CHART) / "values.yaml").read_text())
    for path in misspelt(values, ()):
        node = schema
        for key in path[:-1]:
            node = node["properties"][key]
        assert node.get("additionalProperties") is False, path
        assert path[-1] not in node["properties"], path
    assert set(schema["properties"]) - {"enabled"} == set(values)


def main():
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    failed = 0
    for name, test in tests.items():
        try:
            test()
        except AssertionError as error:
            failed += 1
            print(f"FAILED {name}: {error}")
    print(f"chart: {len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
