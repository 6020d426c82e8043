//! What `check --live` and `scan` print.

use jiff::Timestamp;

use crate::{client::ApiError, poller::Job};

mod accounts;
mod scans;

pub(super) use accounts::table as accounts;
pub(super) use scans::{json, table as scans};

/// One line of a table, and what else there is to say of it.
struct Row<const N: usize> {
    cells: [String; N],
    /// Below it, indented, a line each.
    notes: Vec<String>,
}

/// Columns as wide as their widest cell.
fn grid<const N: usize>(head: [&str; N], rows: impl Iterator<Item = Row<N>>) -> String {
    let head = Row {
        cells: head.map(str::to_owned),
        notes: Vec::new(),
    };
    let rows: Vec<Row<N>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row.cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &Row<N>| {
        let cells = row
            .cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let notes = row.notes.iter().map(|note| format!("    {note}\n"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
            + "\n"
            + &notes.collect::<String>()
    };
    rows.iter().map(line).collect()
}

/// What went wrong, and what to do about it.
fn notes(error: &ApiError) -> Vec<String> {
    vec![
        format!("{}: {}", error.reason, text(error)),
        format!("to do: {}", error.advice()),
    ]
}

/// In the words of whoever reported it.
fn text(error: &ApiError) -> String {
    let request_id = error
        .request_id
        .as_ref()
        .map(|id| format!(" (RequestId {id})"))
        .unwrap_or_default();
    format!("{error}{request_id}")
}

/// Where an account's keys come from, and when they expire.
struct Keys {
    origin: String,
    expires: Option<Timestamp>,
}

impl Keys {
    /// The source that is configured, where it gave nothing.
    fn of(job: &Job) -> Keys {
        match job.provider.status().issued() {
            Some(issued) => Keys {
                origin: issued.origin.clone(),
                expires: issued.expires,
            },
            None => Keys {
                origin: job.account.credentials.to_string(),
                expires: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Reason;

    #[test]
    fn columns_are_aligned_and_notes_stand_below_their_row() {
        let row = |name: &str, notes: Vec<String>| Row {
            cells: [name.into(), "x".into()],
            notes,
        };
        let rows = [
            row("a", Vec::new()),
            row("中文名字", vec!["why".into(), "to do: that".into()]),
        ];
        let expected = "NAME  B\na     x\n中文名字  x\n    why\n    to do: that\n";
        assert_eq!(grid(["NAME", "B"], rows.into_iter()), expected);
    }

    #[test]
    fn notes_say_what_went_wrong_and_what_to_do() {
        let error = ApiError {
            code: Some("AuthFailure.SignatureExpire".into()),
            message: "The provided signature has expired.".into(),
            request_id: Some("id-1".into()),
            ..ApiError::of(Reason::Auth)
        };
        let [what, to_do] = &notes(&error)[..] else {
            panic!()
        };
        assert_eq!(
            what,
            "auth: AuthFailure.SignatureExpire: The provided signature has expired. (RequestId id-1)"
        );
        assert!(to_do.starts_with("to do: Set the clock"), "{to_do}");
    }
}
