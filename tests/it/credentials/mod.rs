//! Credentials of every kind against the simulator, which issues the temporary ones.

mod files;
mod hidden;
mod kinds;
mod polls;

use crate::support::process::{CANARY, SCANNED, SECRET_ID};

/// The role that the simulator issues credentials for.
const ROLE_ARN: &str = "qcs::cam::uin/100000000001:roleName/tcss-exporter";

/// A scenario with long-term keys, and a role that they, a pod and this machine may assume. `role` contains further
/// settings of the role.
fn scenario(role: &str) -> String {
    let web_identity = format!("web_identity: {{provider: cls-abcd1234, token: {CANARY}-web}}");
    format!(
        "identities:
  - {{name: base, secret_id: {SECRET_ID}, secret_key: {CANARY}-key, {SCANNED}}}
  - {{name: next, secret_id: AKIDnext, secret_key: {CANARY}-next, {SCANNED}}}
  - {{name: reader, {SCANNED}, role: {{arn: '{ROLE_ARN}', assumed_by: [base], metadata: true, {web_identity}, {role}}}}}
"
    )
}
