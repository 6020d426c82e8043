//! The alert rules: what they say of themselves, what is written about them, and that they reach somebody.

mod alertmanager;
mod delivery;
mod receiver;
mod rules;
mod runbook;
