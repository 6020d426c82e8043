//! The standard `process_*` metrics, from procfs.

use procfs::process::{LimitValue, Process, Stat};
use prometheus::{
    Counter, Gauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::domain::Clock;

/// Reads `/proc/self` at each scrape. What cannot be read is left out.
#[derive(Debug)]
pub(crate) struct ProcessCollector {
    /// Only for its name.
    cpu: Counter,
    gauges: [Gauge; 6],
    /// Noted, not read: hardened units hide `/proc/stat` and `/proc/uptime`.
    start_time: f64,
}

const GAUGES: [(&str, &str); 6] = [
    ("process_open_fds", "Number of open file descriptors."),
    (
        "process_max_fds",
        "Maximum number of open file descriptors.",
    ),
    (
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
    ),
    (
        "process_virtual_memory_max_bytes",
        "Maximum amount of virtual memory available in bytes.",
    ),
    (
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
    ),
    (
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
    ),
];

impl ProcessCollector {
    pub(crate) fn new() -> Result<ProcessCollector, prometheus::Error> {
        let gauges =
            GAUGES.map(|(name, help)| Gauge::new(name, help).expect("fixed names are valid"));
        Ok(ProcessCollector {
            cpu: cpu_counter()?,
            gauges,
            start_time: Clock::system().now().wall.as_duration().as_secs_f64(),
        })
    }

    /// From a counter of its own, since two scrapes may collect at once.
    fn cpu_family(stat: &Stat) -> Vec<MetricFamily> {
        let Ok(cpu) = cpu_counter() else {
            return Vec::new();
        };
        cpu.inc_by(as_f64(stat.utime + stat.stime) / as_f64(procfs::ticks_per_second()));
        cpu.collect()
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.cpu
            .desc()
            .into_iter()
            .chain(self.gauges.iter().flat_map(Collector::desc))
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(process) = Process::myself() else {
            return Vec::new();
        };
        let Ok(stat) = process.stat() else {
            return Vec::new();
        };
        let limits = process.limits().ok();
        let values = [
            process.fd_count().ok().map(|count| as_f64(count as u64)),
            limits
                .as_ref()
                .map(|limits| limit(limits.max_open_files.soft_limit)),
            Some(as_f64(stat.vsize)),
            limits
                .as_ref()
                .map(|limits| limit(limits.max_address_space.soft_limit)),
            Some(as_f64(stat.rss * procfs::page_size())),
            Some(self.start_time),
        ];
        let mut families = ProcessCollector::cpu_family(&stat);
        for (gauge, value) in self.gauges.iter().zip(values) {
            let Some(value) = value else { continue };
            gauge.set(value);
            families.extend(gauge.collect());
        }
        families
    }
}

fn cpu_counter() -> Result<Counter, prometheus::Error> {
    Counter::new(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
    )
}

fn limit(value: LimitValue) -> f64 {
    match value {
        LimitValue::Unlimited => as_f64(u64::MAX),
        LimitValue::Value(value) => as_f64(value),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
fn as_f64(value: u64) -> f64 {
    value as f64
}
