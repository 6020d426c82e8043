//! The alert rules: their annotations, their documentation, and their delivery.

mod delivery;
mod rules;
mod runbook;
