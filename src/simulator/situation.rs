//! What an identity's account looks like at one moment, from which all answers are made, so that
//! they agree with each other.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    scan::{PlayStatus, Run, ScanCounts},
    scenario::SimulatedIdentity,
};

/// An identity at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) identity: &'a SimulatedIdentity,
    /// When the simulator started.
    pub(super) start: Timestamp,
    /// Since then, in simulated time.
    pub(super) elapsed: Duration,
}

/// An image and what the last completed scan found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SimulatedImage {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) findings: SeverityCounts,
    pub(super) is_failed: bool,
}

/// Critical, high, medium, low.
pub(super) type SeverityCounts = [u32; 4];

impl<'a> Situation<'a> {
    /// The date of what happens `since_first` after the start of the identity's first scan.
    pub(super) fn wall(&self, since_first: Duration) -> Timestamp {
        let since_start = signed(since_first + self.identity.starts_in);
        let since_start = since_start.saturating_sub(signed(self.identity.started_ago));
        self.start.checked_add(since_start).unwrap_or(self.start)
    }

    /// The latest scan, and how long ago it started.
    pub(super) fn latest(&self) -> Option<(Run<'a>, Duration)> {
        let since_first = self.identity.since_first(self.elapsed)?;
        let run = self.identity.latest(since_first)?;
        Some((run, since_first.saturating_sub(run.started)))
    }

    /// The last scan that is completed.
    pub(super) fn completed(&self) -> Option<Run<'a>> {
        let since_first = self.identity.since_first(self.elapsed)?;
        let latest = self.identity.latest(since_first)?;
        let n_scans = self.identity.timeline.scans.len() as u64;
        // One round back, every kind of scan has had its turn.
        for back in 0..=n_scans {
            let run = self
                .identity
                .timeline
                .run(latest.number.checked_sub(back)?)?;
            let progress = run.scan.at(since_first.saturating_sub(run.started));
            if progress.status == PlayStatus::Scanned {
                return Some(run);
            }
        }
        None
    }

    /// What the last completed scan found; nothing if there was none.
    pub(super) fn counts(&self) -> ScanCounts {
        match self.completed() {
            Some(run) => run.scan.counts,
            None => ScanCounts::default(),
        }
    }

    pub(super) fn has_licence(&self) -> bool {
        self.elapsed < self.identity.licence.expires_in
    }

    /// Images that need a licence.
    pub(super) fn n_images(&self) -> u32 {
        let counts = self.counts();
        counts.local_images + counts.registry_images + self.identity.assets.unscanned_images
    }

    /// What the last scheduled scan says of itself.
    pub(super) fn scheduled_result(&self) -> &'static str {
        if !self.has_licence() || self.n_images() > self.identity.licence.images {
            "InsufficientLicense"
        } else if self.latest().is_some() {
            "Success"
        } else {
            ""
        }
    }

    /// The local images of a scan, those at risk first.
    pub(super) fn local_images(&self, counts: ScanCounts) -> Vec<SimulatedImage> {
        let n_risk = counts.risk_images.min(counts.local_images);
        let name = &self.identity.name;
        let n_failed = self.identity.assets.failed_images;
        let mut images = images(
            name,
            counts.local_images,
            n_risk,
            counts.local_vulnerabilities,
        );
        for image in images.iter_mut().rev().take(n_failed as usize) {
            image.is_failed = image.findings == [0; 4];
        }
        images
    }

    /// The vulnerabilities in all images.
    pub(super) fn by_severity(&self) -> SeverityCounts {
        let counts = self.counts();
        let mut total = [0; 4];
        let in_registries = images(
            "",
            counts.registry_images,
            counts.registry_images,
            counts.registry_vulnerabilities,
        );
        for image in self.local_images(counts).iter().chain(&in_registries) {
            for (sum, count) in total.iter_mut().zip(image.findings) {
                *sum += count;
            }
        }
        total
    }

    /// How many of `counts.risk_images` are local.
    pub(super) fn risk_images(&self) -> (u32, u32) {
        let counts = self.counts();
        let local = counts.risk_images.min(counts.local_images);
        (local, counts.risk_images - local)
    }
}

/// `n` images; `n_risk` of them share `n_vulnerabilities`, the first ones most.
fn images(owner: &str, n: u32, n_risk: u32, n_vulnerabilities: u32) -> Vec<SimulatedImage> {
    const WORDS: [&str; 8] = [
        "api", "web", "worker", "gateway", "cache", "report", "batch", "login",
    ];
    // Vulnerabilities need an image, also where the scenario says that none is at risk.
    let n_risk = n_risk.clamp(n_vulnerabilities.min(1), n.max(1)).min(n);
    let mut images = Vec::with_capacity(n as usize);
    for (number, word) in (0..n).zip(WORDS.iter().cycle()) {
        let tag = number / 8;
        images.push(SimulatedImage {
            name: format!("registry.example/{owner}/{word}:1.{tag}"),
            id: format!("sha256:{:032x}{:032x}", hash(owner), u128::from(number) + 1),
            findings: severities(share(n_vulnerabilities, n_risk, number)),
            is_failed: false,
        });
    }
    images
}

/// The share of item `number` if `total` is divided among `n` items, each with more than the next.
fn share(total: u32, n: u32, number: u32) -> u32 {
    if number >= n {
        return 0;
    }
    let (total, n, number) = (u64::from(total), u64::from(n), u64::from(number));
    // Differences of a rounded running total, so that the shares add up to `total`.
    let up_to = |number: u64| total * number * (2 * n - number) / (n * n);
    u32::try_from(up_to(number + 1) - up_to(number)).unwrap_or(0)
}

fn severities(n: u32) -> SeverityCounts {
    let (critical, high) = (n / 12, n / 4);
    let medium = n * 2 / 5;
    [critical, high, medium, n - critical - high - medium]
}

/// Different for each owner; the same each time.
fn hash(text: &str) -> u128 {
    // FNV-1a. The hash of the standard library may change with its version.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in text.bytes() {
        hash ^= u128::from(byte);
        hash = hash.wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    hash
}

pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_images_add_up_and_the_worst_come_first(n in 1u32..500, n_risk in 0u32..600, total in 0u32..100_000) {
            let images = images("a", n, n_risk.min(n), total);
            prop_assert_eq!(images.len(), n as usize);
            let sums: Vec<u32> = images.iter().map(|image| image.findings.iter().sum()).collect();
            prop_assert_eq!(sums.iter().sum::<u32>(), total);
            prop_assert!(sums.windows(2).all(|pair| pair[0] + 1 >= pair[1]));
        }
    }
}
