// Validates custom resources, a JSON array on standard input, against the schemas of their operators. Prints problems and fails.
// node resolves the packages from its working directory if this is given with --eval.
import { readFileSync } from "node:fs";
import * as gateway from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1";
import * as operator from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const kinds = { "monitoring.coreos.com/v1": operator, "gateway.networking.k8s.io/v1": gateway };
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
