//! What the exporter exposes, as its documentation promises it: the names that users query and alert on.

use std::collections::{BTreeMap, BTreeSet};

/// Name, type, unit, labels.
const TABLE: &str = "
tcss_vul_scan_status                                       gauge     -       account scan status
tcss_vul_scan_progress_ratio                               gauge     ratio   account scan
tcss_vul_scan_remaining_seconds                            gauge     seconds account scan
tcss_vul_scan_start_timestamp_seconds                      gauge     seconds account scan
tcss_vul_scan_end_timestamp_seconds                        gauge     seconds account scan
tcss_vul_scan_scanned_images                               gauge     -       account scan source
tcss_vul_scan_found_vulnerabilities                        gauge     -       account scan source
tcss_vul_scan_ignored_vulnerabilities                      gauge     -       account scan
tcss_vul_scan_risk_images                                  gauge     -       account scan
tcss_vul_scan_task_info                                    gauge     -       account scan source task_id
tcss_up                                                    gauge     -       account scan
tcss_poll_failing                                          gauge     -       account scan reason
tcss_poll_last_attempt_timestamp_seconds                   gauge     seconds account scan
tcss_poll_last_success_timestamp_seconds                   gauge     seconds account scan
tcss_poll_duration_seconds                                 gauge     seconds account scan
tcss_poll_interval_seconds                                 gauge     seconds account scan
tcss_polls_total                                           counter   -       account scan
tcss_poll_failures_total                                   counter   -       account scan
tcss_unexpected_values_total                               counter   -       account scan field
tcss_api_requests_total                                    counter   -       account action
tcss_api_request_failures_total                            counter   -       action reason
tcss_api_retries_total                                     counter   -       action
tcss_api_request_duration_seconds                          histogram seconds action
tcss_api_pacer_wait_seconds_total                          counter   seconds account
tcss_api_rate_limit_requests_per_second                    gauge     -       account
tcss_credentials_refresh_failures_total                    counter   -       account
tcss_exporter_config_last_reload_successful                gauge     -
tcss_exporter_config_last_reload_success_timestamp_seconds gauge     seconds
tcss_exporter_shard_index                                  gauge     -
tcss_exporter_shards                                       gauge     -
tcss_exporter_http_requests_total                          counter   -       code handler
tcss_exporter_log_lines_dropped_total                      counter   -
tcss_exporter_build_info                                   gauge     -       version revision rustversion
process_cpu_seconds_total                                  counter   seconds
process_open_fds                                           gauge     -
process_max_fds                                            gauge     -
process_virtual_memory_bytes                               gauge     bytes
process_virtual_memory_max_bytes                           gauge     bytes
process_resident_memory_bytes                              gauge     bytes
process_start_time_seconds                                 gauge     seconds
";

/// Missing above: keys from the environment do not expire.
pub(super) const ABSENT: &str = "tcss_credentials_expiry_timestamp_seconds";

/// A metric family.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) unit: &'static str,
    labels: BTreeSet<String>,
}

/// Every one.
pub(super) fn all() -> Vec<Family> {
    TABLE.trim().lines().map(Family::of).collect()
}

/// Names of series, and of the labels of each.
pub(super) fn series() -> BTreeMap<String, BTreeSet<String>> {
    all().iter().flat_map(Family::series).collect()
}

impl Family {
    fn of(line: &'static str) -> Family {
        let mut words = line.split_whitespace();
        let [name, kind, unit] = std::array::from_fn(|_| words.next().unwrap());
        Family {
            name,
            kind,
            unit: unit.trim_matches('-'),
            labels: words.map(str::to_owned).collect(),
        }
    }

    fn series(&self) -> Vec<(String, BTreeSet<String>)> {
        if self.kind != "histogram" {
            return vec![(self.name.into(), self.labels.clone())];
        }
        let with_le = self.labels.iter().cloned().chain(["le".into()]).collect();
        vec![
            (format!("{}_bucket", self.name), with_le),
            (format!("{}_sum", self.name), self.labels.clone()),
            (format!("{}_count", self.name), self.labels.clone()),
        ]
    }
}
