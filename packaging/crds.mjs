// Validates custom resources, a JSON array on standard input, against the schemas of their operators. Prints problems and fails.
//
//   node crds.mjs FOLDER-OF-node_modules
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.argv[2] + "/x.js");
const load = (path) => import(pathToFileURL(require.resolve(path)).href);
const kinds = {
  "monitoring.coreos.com/v1": await load("@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"),
  "gateway.networking.k8s.io/v1": await load("@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1"),
};
let failed = false;
for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const kind = kinds[resource.apiVersion]?.[resource.kind];
  try {
    if (!kind) throw new Error("unknown kind");
    new kind(resource).validate();
  } catch (error) {
    failed = true;
    console.log(`${resource.apiVersion} ${resource.kind}: ${error.message}`);
  }
}
process.exitCode = failed ? 1 : 0;
