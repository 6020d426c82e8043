//! The standard `process_*` metrics, from the kernel.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

use prometheus::{
    Counter, Gauge,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use rustix::{
    param::page_size,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use crate::domain::{Clock, unix_seconds};

/// Asks the kernel at each scrape. What a security policy denies is left out.
#[derive(Debug)]
pub(crate) struct ProcessCollector {
    /// Only for its name.
    cpu: Counter,
    gauges: [Gauge; 6],
    start_time: f64,
    /// `/proc/self/statm` and `/proc/self/fd`. Both stay open: opening them at each scrape takes
    /// longer than rendering the metrics of an account.
    statm: Option<File>,
    descriptors: Option<File>,
}

/// Lists the open descriptors of the process.
const DESCRIPTORS: &str = "/proc/self/fd";

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
            start_time: unix_seconds(Clock::system().now().wall),
            statm: File::open("/proc/self/statm").ok(),
            descriptors: File::open(DESCRIPTORS).ok(),
        })
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
        let mut families = Vec::with_capacity(GAUGES.len() + 1);
        // From a counter of its own, since two scrapes may collect at once.
        if let Ok(cpu) = cpu_counter() {
            cpu.inc_by(cpu_seconds());
            families.extend(cpu.collect());
        }
        let (virtual_memory, resident_memory) = self.statm.as_ref().and_then(memory).unzip();
        let values = [
            self.descriptors.as_ref().and_then(open_fds),
            Some(limit(Resource::Nofile)),
            virtual_memory,
            Some(limit(Resource::As)),
            resident_memory,
            Some(self.start_time),
        ];
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

#[expect(clippy::cast_precision_loss, reason = "nanoseconds are far below 2^53")]
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The descriptors listed in `directory`, which is [`DESCRIPTORS`].
fn open_fds(directory: &File) -> Option<f64> {
    // Since Linux 6.2, the size of the directory is their number. Counting them one by one takes
    // long where there are thousands.
    let size = directory.metadata().ok()?.len();
    if size > 0 {
        return Some(as_f64(size));
    }
    // The directory is opened once more while it is read.
    let n_entries = fs::read_dir(DESCRIPTORS).ok()?.count();
    Some(as_f64(n_entries.saturating_sub(1) as u64))
}

/// The virtual and the resident memory size, in bytes.
fn memory(statm: &File) -> Option<(f64, f64)> {
    // Seven numbers of at most 20 digits.
    let mut buffer = [0; 160];
    // From the start of the file, where the kernel writes the current numbers at each read.
    let n_read = statm.read_at(&mut buffer, 0).ok()?;
    let text = str::from_utf8(&buffer[..n_read]).ok()?;
    // In pages, the first two of its numbers.
    let mut numbers = text.split(' ');
    let size: u64 = numbers.next()?.parse().ok()?;
    let resident: u64 = numbers.next()?.parse().ok()?;
    let page = page_size() as u64;
    Some((as_f64(size * page), as_f64(resident * page)))
}

/// The soft limit.
fn limit(resource: Resource) -> f64 {
    // As client_golang does, so that dashboards for Go programs work.
    as_f64(getrlimit(resource).current.unwrap_or(u64::MAX))
}

#[expect(clippy::cast_precision_loss, reason = "a metric is an f64")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_counted() {
        const N_FILES: usize = 200;
        let directory = File::open(DESCRIPTORS).unwrap();
        let before = open_fds(&directory).unwrap();
        let mut files = Vec::new();
        for _ in 0..N_FILES {
            files.push(File::open("/proc/self/statm").unwrap());
        }
        // Other tests open and close some meanwhile.
        let opened = open_fds(&directory).unwrap() - before;
        assert!((100.0..300.0).contains(&opened), "{opened}");
    }

    #[test]
    fn the_process_uses_memory_and_cpu() {
        let statm = File::open("/proc/self/statm").unwrap();
        let (size, resident) = memory(&statm).unwrap();
        // Read again, from the start.
        assert!(memory(&statm).is_some());
        assert!(size >= resident && resident > 1e6, "{size} {resident}");
        assert!(cpu_seconds() > 0.0);
        assert!(limit(Resource::Nofile) >= 64.0);
    }
}
