//! Which scan of an account is polled.

use std::num::NonZeroU64;

use super::ScanName;

/// One scan of an account: the latest, or the one of the given tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The label `scan`.
    pub name: ScanName,
    pub local_task_id: Option<NonZeroU64>,
    pub registry_task_id: Option<NonZeroU64>,
}
