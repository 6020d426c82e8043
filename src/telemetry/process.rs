//! The standard `process_*` metrics, from procfs.

use procfs::process::{LimitValue, Process, Stat};
use prometheus::{
    Counter, Gauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::unix_seconds;
use crate::domain::Clock;

/// Reads `/proc/self` at each scrape. What cannot be read is left out.
#[derive(Debug)]
pub(crate) struct ProcessCollector {
    /// Only for its name.
    cpu: Counter,
    gauges: [Gauge; 6],
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
            // The collector is made when the process starts. The kernel only knows the time since
            // boot, and containers may hide or virtualize /proc/stat, which has the boot time.
            start_time: unix_seconds(Clock::system().now()),
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
        let mut descs = self.cpu.desc();
        for gauge in &self.gauges {
            descs.extend(gauge.desc());
        }
        descs
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(process) = Process::myself() else {
            return Vec::new();
        };
        let Ok(stat) = process.stat() else {
            return Vec::new();
        };
        // These are files of their own, which a security policy may deny.
        let mut open_fds = None;
        if let Ok(count) = process.fd_count() {
            open_fds = Some(as_f64(count as u64));
        }
        let mut max_fds = None;
        let mut max_virtual_memory = None;
        if let Ok(limits) = process.limits() {
            max_fds = Some(limit(limits.max_open_files.soft_limit));
            max_virtual_memory = Some(limit(limits.max_address_space.soft_limit));
        }
        let values = [
            open_fds,
            max_fds,
            Some(as_f64(stat.vsize)),
            max_virtual_memory,
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
        // As client_golang does, so that dashboards for Go programs work.
        LimitValue::Unlimited => as_f64(u64::MAX),
        LimitValue::Value(value) => as_f64(value),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
fn as_f64(value: u64) -> f64 {
    value as f64
}
