//! What `check --live`, `scan`, `images` and `plan` print.

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use crate::{
    cli::output::printable, client::ApiError, collectors::time_zone_warning, poller::Job,
    store::Snapshot,
};

mod accounts;
mod images;
mod list;
mod plan;
mod scans;

pub(super) use accounts::table as accounts;
pub(super) use images::{json as images_json, table as images};
pub(super) use list::{display_name, table as account_list};
pub(super) use plan::table as plan;
pub(super) use scans::{json, table as scans};

/// One row of a table.
struct TableRow<const N: usize> {
    cells: [String; N],
    /// Lines below the row, indented.
    notes: Vec<String>,
}

/// Columns are as wide as their widest cell, and separated by two spaces.
fn format_table<const N: usize>(head: [&str; N], rows: &[TableRow<N>]) -> String {
    // Columns of the terminal, not characters: a Chinese character takes two.
    let mut widths = head.map(UnicodeWidthStr::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(printable(cell).width());
        }
    }
    let mut text = format_line(&head, widths);
    for row in rows {
        let cells = row.cells.each_ref().map(|cell| printable(cell));
        text.push_str(&format_line(&cells, widths));
        for note in &row.notes {
            text.push_str("    ");
            text.push_str(&printable(note));
            text.push('\n');
        }
    }
    text
}

/// `format!("{cell:width$}")` pads by characters, so the padding is added here.
fn format_line<const N: usize>(cells: &[impl AsRef<str>; N], widths: [usize; N]) -> String {
    let mut line = String::new();
    let mut missing = 0;
    for (cell, width) in cells.iter().zip(widths) {
        let cell = cell.as_ref();
        line.push_str(&" ".repeat(missing));
        line.push_str(cell);
        missing = width - cell.width() + 2;
    }
    // An empty last cell would leave spaces at the end, which copying and diffing would show.
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// What went wrong, and what to do about it.
fn notes(snapshot: &Snapshot) -> Vec<String> {
    if let Some(error) = snapshot.failure() {
        return failure_notes(error);
    }
    match snapshot.latest() {
        Some(data) => data
            .starts_ahead
            .map(time_zone_warning)
            .into_iter()
            .collect(),
        None => Vec::new(),
    }
}

fn failure_notes(error: &ApiError) -> Vec<String> {
    vec![
        format!("{}: {}", error.reason, message(error)),
        format!("to do: {}", error.advice().en),
    ]
}

/// The error with its `RequestId`, which Tencent Cloud's support asks for.
fn message(error: &ApiError) -> String {
    match &error.request_id {
        Some(id) => format!("{error} (RequestId {id})"),
        None => error.to_string(),
    }
}

/// Where the credentials of an account come from, and when they expire.
struct CredentialsOrigin {
    origin: String,
    expires: Option<Timestamp>,
}

impl CredentialsOrigin {
    fn new(job: &Job) -> CredentialsOrigin {
        match job.provider.status().issued() {
            Some(issued) => CredentialsOrigin {
                origin: issued.origin.clone(),
                expires: issued.expires,
            },
            // There are no credentials. The configured source shows where to look.
            None => CredentialsOrigin {
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

    fn row(cells: [&str; 3], notes: &[&str]) -> TableRow<3> {
        TableRow {
            cells: cells.map(str::to_owned),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        }
    }

    #[test]
    fn columns_are_aligned_and_notes_follow_their_row() {
        let rows = [
            row(["a", "x", "yes"], &[]),
            row(["longer", "x", ""], &["why", "to do: that"]),
        ];
        let expected = "\
NAME    B  UP
a       x  yes
longer  x
    why
    to do: that
";
        assert_eq!(format_table(["NAME", "B", "UP"], &rows), expected);
    }

    #[test]
    fn chinese_names_take_two_columns_per_character() {
        let rows = [
            row(["生产环境账户", "夜间", "yes"], &[]),
            row(["prod", "latest", "no"], &[]),
            row(["Größe", "é", "no"], &[]),
        ];
        let expected = "\
ACCOUNT       SCAN    UP
生产环境账户  夜间    yes
prod          latest  no
Größe         é       no
";
        assert_eq!(format_table(["ACCOUNT", "SCAN", "UP"], &rows), expected);
    }

    #[test]
    fn notes_say_what_went_wrong_and_what_to_do() {
        let error = ApiError {
            code: Some("AuthFailure.SignatureExpire".into()),
            message: "The provided signature has expired.".into(),
            request_id: Some("id-1".into()),
            ..ApiError::of(Reason::Auth)
        };
        let [problem, advice] = &failure_notes(&error)[..] else {
            panic!()
        };
        assert_eq!(
            problem,
            "auth: AuthFailure.SignatureExpire: The provided signature has expired. (RequestId id-1)"
        );
        assert!(advice.starts_with("to do: Set the clock"), "{advice}");
    }
}
