//! Families of the `prometheus` crate's registry, whose own encoder knows no OpenMetrics.

use std::fmt::Write as _;

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::writer::{Kind, Writer, float};

pub(super) fn write(writer: &mut Writer, family: &MetricFamily) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        _ => Kind::Gauge,
    };
    for metric in family.get_metric() {
        writer.head(family.name(), kind, family.help());
        let labels = labels(metric);
        match kind {
            Kind::Counter => {
                writer.sample(family.name(), &[&labels], metric.get_counter().get_value())
            }
            Kind::Gauge => writer.sample(family.name(), &[&labels], metric.get_gauge().get_value()),
            Kind::Histogram => histogram(writer, family.name(), &labels, metric),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
fn histogram(writer: &mut Writer, name: &str, labels: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    let bucket_name = format!("{name}_bucket");
    let finite = histogram
        .get_bucket()
        .iter()
        .filter(|bucket| bucket.upper_bound().is_finite());
    let buckets = finite.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
    for (bound, count) in buckets.chain([(f64::INFINITY, histogram.get_sample_count())]) {
        writer.sample(
            &bucket_name,
            &[labels, ",le=\"", &float(bound), "\""],
            count as f64,
        );
    }
    writer.sample(
        &format!("{name}_sum"),
        &[labels],
        histogram.get_sample_sum(),
    );
    writer.sample(
        &format!("{name}_count"),
        &[labels],
        histogram.get_sample_count() as f64,
    );
}

/// Their values are our own words: none needs escaping.
fn labels(metric: &Metric) -> String {
    let mut text = String::new();
    for label in metric.get_label() {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{}={:?}", label.name(), label.value());
    }
    text
}
