//! Families of the `prometheus` crate's registry, whose own encoder does not know OpenMetrics.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::{
    text::{Kind, float, label_set},
    writer::Writer,
};

pub(super) fn write(writer: &mut Writer, family: &MetricFamily) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        _ => Kind::Gauge,
    };
    let name = family.name();
    for metric in family.get_metric() {
        writer.head(name, kind, family.help());
        let labels = labels(metric);
        let value = match kind {
            Kind::Counter => metric.get_counter().get_value(),
            Kind::Gauge => metric.get_gauge().get_value(),
            Kind::Histogram => {
                write_histogram(writer, name, &labels, metric);
                continue;
            }
        };
        writer.samples(name, &labels, |samples| samples.add(value));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
fn write_histogram(writer: &mut Writer, name: &str, labels: &[u8], metric: &Metric) {
    let histogram = metric.get_histogram();
    writer.samples(&format!("{name}_bucket"), labels, |samples| {
        for bucket in histogram.get_bucket() {
            // The last bucket is written below, whether the registry has it or not.
            if bucket.upper_bound().is_finite() {
                let bound = float(bucket.upper_bound());
                samples.add_with(&[("le", &bound)], bucket.cumulative_count() as f64);
            }
        }
        samples.add_with(&[("le", "+Inf")], histogram.get_sample_count() as f64);
    });
    writer.samples(&format!("{name}_sum"), labels, |samples| {
        samples.add(histogram.get_sample_sum());
    });
    writer.samples(&format!("{name}_count"), labels, |samples| {
        samples.add(histogram.get_sample_count() as f64);
    });
}

fn labels(metric: &Metric) -> Vec<u8> {
    let mut labels = Vec::new();
    for label in metric.get_label() {
        labels.push((label.name(), label.value()));
    }
    label_set(&labels)
}
