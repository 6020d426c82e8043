//! The alert rules: what they say of themselves, what is written about them, and that they reach somebody.

mod delivery;
mod rules;
mod runbook;
