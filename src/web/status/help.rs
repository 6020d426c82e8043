//! The legend at the end of the page.

use maud::{Markup, html};

use super::{listing::RowState, parts};

pub(super) fn help() -> Markup {
    html! {
        footer #help {
            h2 { "How to read this page" }
            dl {
                div {
                    dt { (parts::shape(RowState::Failing.class())) "Failing" }
                    dd {
                        "The last poll failed. The values of the last successful poll are shown "
                        "until they are stale."
                    }
                }
                div {
                    dt { (parts::shape(RowState::Stale.class())) "Stale" }
                    dd {
                        "The last successful poll is older than " code { "poll.stale_after" }
                        ". Its values are withheld, here and in the metrics."
                    }
                }
                div {
                    dt { (parts::shape(RowState::Stalled.class())) "Stalled" }
                    dd {
                        "The last poll succeeded, and a scan is running that has made no progress "
                        "for more than 30 minutes. The alert " code { "TcssScanStuck" } " explains "
                        "what to do."
                    }
                }
                div {
                    dt { (parts::shape(RowState::Waiting.class())) "Waiting" }
                    dd {
                        "Waiting for the first poll. First polls are spread over one minute, or "
                        "over " code { "poll.interval" } " if that is shorter."
                    }
                }
                div {
                    dt { (parts::shape(RowState::Scanning.class())) "Scanning" }
                    dd { "The last poll succeeded, and a scan is running." }
                }
                div {
                    dt { (parts::shape(RowState::Ok.class())) "OK" }
                    dd {
                        "The last poll succeeded, and no scan is running: "
                        (parts::shape("ok")) "scanned, "
                        (parts::shape("canceled")) "canceled, "
                        (parts::shape("never")) "never scanned, or "
                        (parts::shape("unknown")) "unknown, if the API returned an undocumented status."
                    }
                }
                div {
                    dt { "– and n/a" }
                    dd {
                        "–: no value, because no poll has succeeded yet or its values are stale. "
                        "n/a: the API response had no readable value."
                    }
                }
                div {
                    dt { "Last success" }
                    dd {
                        "When the last successful poll was sent. Hover over a time to see it "
                        "exactly, in UTC."
                    }
                }
            }
            p {
                "The exporter polls the API on its own schedule. Loading this page makes no API "
                "calls. Failure reasons, metrics, flags and configuration files are documented in "
                code { "README.md" } ", " code { "docs/metrics.md" } ", "
                code { "docs/configuration.md" } " and " code { "docs/operation.md" } "."
            }
        }
    }
}
