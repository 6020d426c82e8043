//! The values that every other module shares. Depends on nothing else in the crate.

mod account;
mod backoff;
mod duration;
mod endpoint;
mod language;
mod name;
mod placeholder;
mod rate;
mod reason;
mod refresh;
mod scan;
mod shard;
mod time;

pub use account::{AccountInfo, AccountOrigin, LabelName, MAX_LABELS, Uin};
pub use backoff::Backoff;
pub use duration::{format_duration, parse_duration};
pub use endpoint::{Endpoint, Region, is_loopback};
pub use language::{Language, Text};
pub use name::{AccountName, ScanName};
pub use placeholder::placeholder_fault;
pub use rate::Rate;
pub use reason::Reason;
pub use refresh::RefreshFailure;
pub use scan::Scan;
pub use shard::{Shard, ShardChoice};
pub use time::{Clock, Moment, unix_seconds};
