//! Which of the two text formats a scraper wants.

/// A format of the exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics text format 1.0.
    OpenMetrics,
}

impl Format {
    /// The format for a scraper that sent `accept`: OpenMetrics if it prefers that at least as much as text.
    pub fn negotiate(accept: Option<&str>) -> Format {
        // Without the header anything is acceptable, and every scraper reads text.
        let Some(accept) = accept else {
            return Format::Text;
        };
        let mut open_metrics: f64 = 0.0;
        let mut text: f64 = 0.0;
        for range in accept.split(',') {
            let Some(range) = MediaRange::parse(range) else {
                continue;
            };
            // Prometheus lists versions that we do not write, with a higher quality. A range with
            // another version must not count for ours.
            match (range.media.as_str(), range.version) {
                ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => {
                    open_metrics = open_metrics.max(range.quality);
                }
                ("text/plain", None | Some("0.0.4")) => text = text.max(range.quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }

    /// For the header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// One of the media types that a scraper accepts.
struct MediaRange<'a> {
    media: String,
    version: Option<&'a str>,
    /// 0 to 1.
    quality: f64,
}

impl<'a> MediaRange<'a> {
    /// `None` if its quality is not a number. Of repeated parameters, the first counts.
    fn parse(range: &'a str) -> Option<MediaRange<'a>> {
        let mut parts = range.split(';');
        let media = parts.next()?.trim().to_ascii_lowercase();
        let mut version = None;
        let mut quality = None;
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" if version.is_none() => version = Some(value),
                "q" if quality.is_none() => quality = Some(value.parse().ok()?),
                _ => {}
            }
        }
        Some(MediaRange {
            media,
            version,
            quality: quality.unwrap_or(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scraper_gets_the_format_it_prefers() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
            q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let text_first =
            "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5";
        let cases = [
            (Some(prometheus_2), Format::OpenMetrics),
            (Some(prometheus_3), Format::OpenMetrics),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (
                Some("application/openmetrics-text; version=\"1.0.0\"; charset=utf-8"),
                Format::OpenMetrics,
            ),
            (Some(text_first), Format::Text),
            (
                Some("application/openmetrics-text;version=2.0.0"),
                Format::Text,
            ),
            (Some("application/openmetrics-text;q=0"), Format::Text),
            (Some("application/openmetrics-text;q=x"), Format::Text),
            (Some("text/html,*/*;q=0.8"), Format::Text),
            (Some("*/*"), Format::Text),
            (Some(";;,=,"), Format::Text),
            (None, Format::Text),
        ];
        for (accept, expected) in cases {
            assert_eq!(Format::negotiate(accept), expected, "{accept:?}");
        }
    }
}
