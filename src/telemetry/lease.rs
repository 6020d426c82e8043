//! The metrics of leader election.

use prometheus::{
    Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::{NO_LABELS, register};
use crate::domain::{Moment, unix_seconds};

/// The metrics of one replica.
#[derive(Clone, Debug)]
pub struct LeaseMetrics {
    leader: IntGauge,
    last_renewal: GaugeVec,
    changes: IntCounter,
    failures: IntCounterVec,
}

impl LeaseMetrics {
    pub(super) fn register(
        registry: &Registry,
        lease: &str,
        reasons: &[&str],
    ) -> Result<LeaseMetrics, prometheus::Error> {
        let leader = register(
            registry,
            IntGaugeVec::new(
                Opts::new(
                    "tcss_exporter_leader",
                    "Whether this replica exposes the accounts, by the name of the Lease.",
                ),
                &["lease"],
            ),
        )?;
        let metrics = LeaseMetrics {
            leader: leader.with_label_values(&[lease]),
            last_renewal: register(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "tcss_exporter_lease_last_renewal_timestamp_seconds",
                        "Unix time at which this replica last renewed the Lease, or saw that its leader did.",
                    ),
                    NO_LABELS,
                ),
            )?,
            changes: register(
                registry,
                IntCounter::new(
                    "tcss_exporter_lease_changes_total",
                    "Total number of times that this replica saw the Lease pass from one replica to another.",
                ),
            )?,
            failures: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "tcss_exporter_lease_failures_total",
                        "Total number of failed requests for the Lease by reason.",
                    ),
                    &["reason"],
                ),
            )?,
        };
        for reason in reasons {
            metrics.failures.with_label_values(&[*reason]);
        }
        Ok(metrics)
    }

    pub fn set_leader(&self, is_leader: bool) {
        self.leader.set(is_leader.into());
    }

    pub fn set_last_renewal(&self, at: Moment) {
        let last_renewal: Gauge = self.last_renewal.with_label_values(NO_LABELS);
        last_renewal.set(unix_seconds(at.wall));
    }

    /// Counts up to `total`.
    pub fn set_changes(&self, total: u64) {
        self.changes
            .inc_by(total.saturating_sub(self.changes.get()));
    }

    pub fn failed(&self, reason: &str) {
        self.failures.with_label_values(&[reason]).inc();
    }
}
