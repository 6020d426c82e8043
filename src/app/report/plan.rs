//! `plan`: one row per group of accounts that share a limit, and action.

use super::{TableRow, format_table};
use crate::config::{ActionLoad, Config, LimitGroup};

const HEAD: [&str; 6] = [
    "CREDENTIALS",
    "ACCOUNTS",
    "ACTION",
    "PER MINUTE",
    "WHILE SCANNING",
    "LIMIT",
];

/// Requests per minute.
pub(in crate::app) fn table(config: &Config) -> String {
    let mut rows = Vec::new();
    for group in config.limit_groups() {
        for load in group.loads() {
            rows.push(row(&group, &load));
        }
    }
    format_table(HEAD, &rows)
}

fn row(group: &LimitGroup<'_>, load: &ActionLoad) -> TableRow<6> {
    let per_minute = |per_second: f64| format!("{:.1}", per_second * 60.0);
    let mut notes = Vec::new();
    let arithmetic = load.arithmetic();
    if !arithmetic.is_empty() {
        notes.push(arithmetic);
    }
    if load.has_pages {
        notes.push("once per completed scan: 1 request per 100 images, at most 10".into());
    }
    TableRow {
        cells: [
            group.accounts[0].credentials.to_string(),
            group.accounts.len().to_string(),
            load.action.into(),
            per_minute(load.idle),
            per_minute(load.scanning),
            (group.rate().per_second() * 60).to_string(),
        ],
        notes,
    }
}
