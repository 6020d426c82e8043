//! The metric families that the exporter exposes: the names that users query and alert on.

use std::collections::{BTreeMap, BTreeSet};

/// Name, type, labels.
const TABLE: &str = "
tcss_vul_scan_status                                       gauge     account scan status
tcss_vul_scan_progress_ratio                               gauge     account scan
tcss_vul_scan_remaining_seconds                            gauge     account scan
tcss_vul_scan_progress_changed_timestamp_seconds           gauge     account scan
tcss_vul_scan_start_timestamp_seconds                      gauge     account scan
tcss_vul_scan_end_timestamp_seconds                        gauge     account scan
tcss_vul_scan_scanned_images                               gauge     account scan source
tcss_vul_scan_found_vulnerabilities                        gauge     account scan source
tcss_vul_scan_ignored_vulnerabilities                      gauge     account scan
tcss_vul_scan_risk_images                                  gauge     account scan
tcss_vul_scan_task_info                                    gauge     account local_task_id registry_task_id scan
tcss_vul_scan_completed_risk_images                        gauge     account scan
tcss_vul_scan_completed_found_vulnerabilities              gauge     account scan source
tcss_vul_scan_completed_ignored_vulnerabilities            gauge     account scan
tcss_vul_scan_completed_scanned_images                     gauge     account scan source
tcss_vul_scan_completed_start_timestamp_seconds            gauge     account scan
tcss_vul_scan_completed_end_timestamp_seconds              gauge     account scan
tcss_up                                                    gauge     account collector scan
tcss_poll_failing                                          gauge     account collector scan reason
tcss_poll_last_attempt_timestamp_seconds                   gauge     account collector scan
tcss_poll_last_success_timestamp_seconds                   gauge     account collector scan
tcss_poll_duration_seconds                                 gauge     account collector scan
tcss_poll_interval_seconds                                 gauge     account collector scan
tcss_polls_total                                           counter   account collector scan
tcss_poll_failures_total                                   counter   account collector scan
tcss_unexpected_values_total                               counter   account collector scan
tcss_api_requests_total                                    counter   account action
tcss_api_request_failures_total                            counter   action reason
tcss_api_retries_total                                     counter   action
tcss_api_request_duration_seconds                          histogram action
tcss_api_rate_limiter_wait_seconds_total                   counter   account
tcss_api_rate_limit_requests_per_second                    gauge     account
tcss_exporter_config_last_reload_successful                gauge
tcss_exporter_config_last_reload_success_timestamp_seconds gauge
tcss_exporter_shard_index                                  gauge
tcss_exporter_shards                                       gauge
tcss_account_info                                          gauge     account name source
tcss_exporter_accounts                                     gauge     source state
tcss_exporter_http_requests_total                          counter   code handler
tcss_exporter_log_lines_dropped_total                      counter
tcss_exporter_build_info                                   gauge     version revision rustversion
process_cpu_seconds_total                                  counter
process_open_fds                                           gauge
process_max_fds                                            gauge
process_virtual_memory_bytes                               gauge
process_virtual_memory_max_bytes                           gauge
process_resident_memory_bytes                              gauge
process_start_time_seconds                                 gauge
";

/// Families that are absent: keys from the environment do not expire and are not refreshed, every field can be read, and no
/// account is discovered.
pub(super) const ABSENT: [&str; 11] = [
    "tcss_account_missing",
    "tcss_discovery_accounts",
    "tcss_discovery_accounts_added_total",
    "tcss_discovery_accounts_removed_total",
    "tcss_discovery_last_refresh_success_timestamp_seconds",
    "tcss_discovery_last_refresh_successful",
    "tcss_discovery_refresh_duration_seconds",
    "tcss_discovery_refresh_failures_total",
    "tcss_credentials_expiry_timestamp_seconds",
    "tcss_credentials_refresh_failures_total",
    "tcss_unexpected_field",
];

/// A metric family.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    labels: BTreeSet<String>,
}

/// All of them.
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
        let [name, kind] = std::array::from_fn(|_| words.next().unwrap());
        Family {
            name,
            kind,
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
