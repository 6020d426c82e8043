mod accounts;
mod fetch;
mod history;
mod http;

use super::ListedAccount;
use crate::domain::Uin;

/// Account number `n`, whose name is that of no other.
fn member(n: u64) -> ListedAccount {
    ListedAccount {
        name: format!("member-{n}"),
        ..ListedAccount::new(uin(n))
    }
}

fn uin(n: u64) -> Uin {
    Uin::new(100_000_000_000 + n).unwrap()
}
