"""What a binary consists of: `dependencies.py sbom|licenses TARGET` prints an SBOM (CycloneDX 1.5) or the texts of all licences.

Reads `cargo metadata`, and the licence files in the sources of the crates. The output is the same for the same Cargo.lock,
revision and SOURCE_DATE_EPOCH. Crates that only run at build time (build dependencies, procedural macros) are left out.
"""

import datetime
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Standard texts, for crates whose sources contain none.
STANDARD = {"MIT": "LICENSE-MIT", "Apache-2.0": "LICENSE-APACHE"}


def metadata(target: str) -> dict:
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={target}"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def is_macro(package: dict) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def resolve(data: dict) -> tuple[dict, dict[str, dict], dict[str, list[str]]]:
    """The package itself, all packages that are linked by id, and what each of them depends on."""
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root = data["resolve"]["root"]
    linked: dict[str, dict] = {}
    edges: dict[str, list[str]] = {}
    todo = [root]
    while todo:
        current = todo.pop()
        if current in linked:
            continue
        linked[current] = packages[current]
        edges[current] = []
        for dependency in nodes[current]["deps"]:
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_normal and not is_macro(packages[dependency["pkg"]]):
                edges[current].append(dependency["pkg"])
                todo.append(dependency["pkg"])
    return packages[root], linked, edges


def checksums() -> dict[tuple[str, str], str]:
    lock = (ROOT / "Cargo.lock").read_text()
    found = re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"', lock)
    return {(name, version): checksum for name, version, checksum in found}


def expression(package: dict) -> str:
    # Before SPDX expressions, a slash stood for OR.
    return (package["license"] or "NOASSERTION").replace("/", " OR ").replace("  ", " ")


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def sbom(target: str) -> str:
    root, linked, edges = resolve(metadata(target))
    sums = checksums()
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    components = []
    for package in sorted(linked.values(), key=purl):
        if package is root:
            continue
        component = {
            "type": "library",
            "bom-ref": purl(package),
            "name": package["name"],
            "version": package["version"],
            "scope": "required",
            "licenses": [{"expression": expression(package)}],
            "purl": purl(package),
        }
        checksum = sums.get((package["name"], package["version"]))
        if checksum:
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if package["description"]:
            component["description"] = " ".join(package["description"].split())
        if package["repository"]:
            component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        components.append(component)
    revision = os.environ["TCSS_EXPORTER_REVISION"]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{root['repository']}@{revision}#{target}").urn,
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": purl(root),
                "name": root["name"],
                "version": root["version"],
                "description": root["description"],
                "licenses": [{"expression": expression(root)}],
                "purl": purl(root),
                "externalReferences": [{"type": "vcs", "url": root["repository"]}],
                "properties": [{"name": "revision", "value": revision}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": purl(linked[id]), "dependsOn": sorted({purl(linked[to]) for to in edges[id]})}
            for id in sorted(linked, key=lambda id: purl(linked[id]))
        ],
    }
    return json.dumps(bom, indent=1, ensure_ascii=False) + "\n"


def texts(package: dict) -> list[str]:
    folder = Path(package["manifest_path"]).parent
    names = re.compile(r"(?i)(licen[sc]e|copying|copyright|notice|unlicense)")
    files = [path for path in folder.iterdir() if path.is_file() and names.match(path.name)]
    if (folder / "LICENSES").is_dir():
        files += (folder / "LICENSES").iterdir()
    found = [path.read_text(errors="replace").strip() for path in sorted(files) if path.suffix not in (".rs", ".toml")]
    if not found:
        standard = [file for name, file in STANDARD.items() if name in expression(package)]
        if not standard:
            sys.exit(f"{purl(package)} has no licence file and no standard text: {expression(package)}")
        found = [(ROOT / standard[-1]).read_text().strip()]
        if standard[-1] == "LICENSE-MIT":
            authors = ", ".join(package["authors"]) or f"the authors of {package['name']}"
            found = [re.sub(r"Copyright .*", f"Copyright (c) {authors}", found[0])]
    return found


def licenses(target: str) -> str:
    root, linked, _ = resolve(metadata(target))
    users: dict[str, list[str]] = {}
    for package in sorted(linked.values(), key=purl):
        if package is root:
            continue
        for text in texts(package):
            name = f"{package['name']} {package['version']} ({expression(package)})"
            users.setdefault(text, []).append(name)
    parts = [f"{root['name']} contains the following software. The Rust standard library is licensed under MIT OR Apache-2.0."]
    for text, names in users.items():
        parts.append("\n".join(["=" * 80, *dict.fromkeys(names), "", text]))
    return "\n\n".join(parts) + "\n"


what, target = sys.argv[1:]
print({"sbom": sbom, "licenses": licenses}[what](target), end="")
