//! Finds accounts while the exporter runs: members of an organization, or those that an HTTP
//! server lists.
//!
//! ```text
//! task → organization → pages ┐
//!      → http ────────────────┴→ history → accounts → supervisor
//! ```
//!
//! `fetch` reads a whole list or fails. [`History`] decides what a list changes, and [`accounts()`]
//! makes the accounts; both are pure. The supervisor puts them in force like a reload.

mod accounts;
mod fetch;
mod history;
mod http;
mod member;
mod organization;
mod pages;
#[cfg(test)]
mod tests;

pub use accounts::{DiscoveredAccounts, accounts};
pub use fetch::{FetchContext, FetchError, FetchOutcome, FetchTask, fetch};
pub use history::{History, KnownMember, ListChanges, ListRules, RefusedList};
pub use member::{ListedAccount, MemberList};
pub use organization::ACTIONS;
