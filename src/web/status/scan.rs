//! What a fresh answer says about a scan.

use crate::collectors::ScanStatus;

pub(super) const fn status_word(status: ScanStatus) -> &'static str {
    match status {
        ScanStatus::NotScanned => "Never scanned",
        ScanStatus::Scanning => "Scanning",
        ScanStatus::Scanned => "Scanned",
        ScanStatus::Canceled => "Canceled",
        ScanStatus::Unknown => "Unknown",
    }
}
