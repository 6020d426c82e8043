//! The alert rules: their unit tests, the runbook, and the way from a scan to a notification.

mod delivery;
mod fleet;
mod rules;
mod runbook;
mod versions;
