//! `accounts`: one row per account.

use super::{TableRow, format_table};
use crate::config::Account;

const HEAD: [&str; 6] = ["ACCOUNT", "UIN", "NAME", "SOURCE", "CREDENTIALS", "LABELS"];

/// Which accounts are polled, and how.
pub(in crate::app) fn table(accounts: &[Account]) -> String {
    let mut rows = Vec::new();
    for account in accounts {
        let info = &account.info;
        let uin = match info.uin {
            Some(uin) => uin.to_string(),
            None => "-".into(),
        };
        let mut labels = Vec::new();
        for (name, value) in &info.labels {
            labels.push(format!("{name}={value}"));
        }
        rows.push(TableRow {
            cells: [
                account.name.to_string(),
                uin,
                display_name(account).to_owned(),
                info.discovery
                    .as_deref()
                    .unwrap_or(info.origin.as_str())
                    .to_owned(),
                account.credentials.to_string(),
                labels.join(","),
            ],
            notes: Vec::new(),
        });
    }
    format_table(HEAD, &rows)
}

/// The name of the account for people.
pub(in crate::app) fn display_name(account: &Account) -> &str {
    if account.info.display_name.is_empty() {
        account.name.as_str()
    } else {
        &account.info.display_name
    }
}
