//! One scan, and the scans of an identity one after the other: pure functions of the time since they started.

use std::time::Duration;

use super::Speed;

const SHORTEST: Duration = Duration::from_nanos(1);

/// One scan as scripted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScanPlay {
    /// From start to finish without a stall or a cancellation; never zero.
    pub(super) takes: Duration,
    /// From its end to the start of the next one.
    pub(super) pause: Duration,
    pub(super) stall: Option<Stall>,
    /// After this much of its work it is canceled; less than `takes`.
    pub(super) canceled_after: Option<Duration>,
    pub(super) counts: ScanCounts,
    /// How the image scan ends that comes with it.
    pub(super) image_scan_result: &'static str,
}

/// A time without progress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stall {
    /// After this much of the work; less than the whole.
    pub(super) after: Duration,
    /// `None` is without end.
    pub(super) lasts: Option<Duration>,
}

/// What a scan finds by its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScanCounts {
    pub(super) local_images: u32,
    pub(super) registry_images: u32,
    pub(super) local_vulnerabilities: u32,
    pub(super) registry_vulnerabilities: u32,
    pub(super) ignored_vulnerabilities: u32,
    pub(super) risk_images: u32,
}

/// A scan at some time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progress {
    pub(super) status: PlayStatus,
    /// Of 1000; 1000 only when finished.
    pub(super) permille: u32,
    /// The time to the end without a stall or a cancellation.
    pub(super) remaining: Duration,
    /// From its start to its end, once it has ended.
    pub(super) ended_after: Option<Duration>,
    pub(super) counts: ScanCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlayStatus {
    Scanning,
    Scanned,
    Canceled,
}

impl ScanPlay {
    /// Its progress `elapsed` after its start.
    pub(super) fn at(&self, elapsed: Duration) -> Progress {
        let work = self.work_at(elapsed);
        let permille = permille(work, self.takes);
        let mut progress = Progress {
            status: PlayStatus::Scanning,
            permille,
            remaining: self.takes.saturating_sub(work),
            ended_after: None,
            counts: self.counts.so_far(permille),
        };
        if let Some(length) = self.length()
            && elapsed >= length
        {
            progress.remaining = Duration::ZERO;
            progress.ended_after = Some(length);
            progress.status = match self.canceled_after {
                None => PlayStatus::Scanned,
                Some(_) => PlayStatus::Canceled,
            };
        }
        progress
    }

    /// From start to end; `None` for a scan that never ends.
    pub(super) fn length(&self) -> Option<Duration> {
        match self.stall {
            // A scan that is canceled before it stalls does not stall.
            Some(stall) if stall.after < self.work() => Some(self.work() + stall.lasts?),
            _ => Some(self.work()),
        }
    }

    fn work(&self) -> Duration {
        self.canceled_after.unwrap_or(self.takes)
    }

    /// How much of its work is done `elapsed` after its start.
    fn work_at(&self, elapsed: Duration) -> Duration {
        // A scan works from its start on, and pauses once for the length of its stall.
        let mut work = elapsed;
        if let Some(Stall { after, lasts }) = self.stall
            && elapsed > after
        {
            work = match lasts {
                Some(lasts) => after.max(elapsed.saturating_sub(lasts)),
                None => after,
            };
        }
        work.min(self.work())
    }

    fn at_speed(&self, speed: Speed) -> ScanPlay {
        // The time is a divisor.
        let takes = speed.scale(self.takes).max(SHORTEST);
        // Rounding must not turn a part of the work into the whole.
        let most = takes.saturating_sub(SHORTEST);
        let mut play = ScanPlay {
            takes,
            pause: speed.scale(self.pause),
            ..self.clone()
        };
        if let Some(stall) = &mut play.stall {
            stall.after = speed.scale(stall.after).min(most);
            if let Some(lasts) = &mut stall.lasts {
                *lasts = speed.scale(*lasts);
            }
        }
        if let Some(after) = &mut play.canceled_after {
            *after = speed.scale(*after).min(most);
        }
        play
    }
}

impl ScanCounts {
    /// The images are known from the start; what is found in them grows.
    fn so_far(self, permille: u32) -> ScanCounts {
        ScanCounts {
            local_vulnerabilities: part(self.local_vulnerabilities, permille),
            registry_vulnerabilities: part(self.registry_vulnerabilities, permille),
            risk_images: part(self.risk_images, permille),
            ..self
        }
    }
}

fn part(whole: u32, permille: u32) -> u32 {
    let part = u64::from(whole) * u64::from(permille) / 1000;
    u32::try_from(part).unwrap_or(whole)
}

fn permille(part: Duration, whole: Duration) -> u32 {
    u32::try_from(part.as_nanos() * 1000 / whole.as_nanos()).unwrap_or(1000)
}

/// Scans one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Timeline {
    /// Without any, the account is never scanned.
    pub(super) scans: Vec<ScanPlay>,
    /// Whether the first one follows the last one.
    pub(super) repeat: bool,
}

/// One scan of a timeline: the `number`th, counted from 0, which started at `started`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run<'a> {
    pub(super) number: u64,
    pub(super) started: Duration,
    pub(super) scan: &'a ScanPlay,
}

impl Timeline {
    /// The last scan that has started `elapsed` after the start of the first one.
    pub(super) fn latest(&self, elapsed: Duration) -> Option<Run<'_>> {
        let n_scans = self.scans.len() as u64;
        // Complete rounds are skipped: after a year at high speed there are too many to walk through.
        let mut first = 0;
        if self.repeat
            && let Some(round) = self.round()
        {
            let rounds = elapsed.as_nanos() / round.as_nanos();
            first = u64::try_from(rounds).ok()?.saturating_mul(n_scans);
        }
        let mut latest = None;
        for number in first..first.saturating_add(n_scans) {
            match self.run(number) {
                Some(run) if run.started <= elapsed => latest = Some(run),
                _ => break,
            }
        }
        latest
    }

    /// The `number`th scan, if there ever is one.
    pub(super) fn run(&self, number: u64) -> Option<Run<'_>> {
        let n_scans = self.scans.len() as u64;
        let rounds = number.checked_div(n_scans)?;
        if rounds > 0 && !self.repeat {
            return None;
        }
        let index = usize::try_from(number % n_scans).ok()?;
        let mut started = total(&self.scans[..index])?;
        if rounds > 0 {
            started = started.checked_add(times(self.round()?, rounds)?)?;
        }
        Some(Run {
            number,
            started,
            scan: &self.scans[index],
        })
    }

    pub(super) fn at_speed(&self, speed: Speed) -> Timeline {
        let mut timeline = self.clone();
        for scan in &mut timeline.scans {
            *scan = scan.at_speed(speed);
        }
        timeline
    }

    /// From the first scan's start to its next one; `None` if a scan never ends, or there are none.
    fn round(&self) -> Option<Duration> {
        let round = total(&self.scans)?;
        if round.is_zero() {
            return None;
        }
        Some(round)
    }
}

fn total(scans: &[ScanPlay]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for scan in scans {
        total = total.checked_add(scan.length()?)?.checked_add(scan.pause)?;
    }
    Some(total)
}

/// `Duration` multiplies only by `u32`.
fn times(duration: Duration, count: u64) -> Option<Duration> {
    let nanos = duration.as_nanos().checked_mul(u128::from(count))?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COUNTS: ScanCounts = ScanCounts {
        local_images: 40,
        registry_images: 10,
        local_vulnerabilities: 200,
        registry_vulnerabilities: 30,
        ignored_vulnerabilities: 5,
        risk_images: 12,
    };

    const SCAN: ScanPlay = ScanPlay {
        takes: Duration::from_secs(100),
        pause: Duration::from_secs(20),
        stall: None,
        canceled_after: None,
        counts: COUNTS,
        image_scan_result: "Success",
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn repeating(scans: &[ScanPlay]) -> Timeline {
        Timeline {
            scans: scans.to_vec(),
            repeat: true,
        }
    }

    #[test]
    fn a_scan_progresses_and_finishes() {
        let half = SCAN.at(seconds(50));
        assert_eq!(
            (half.status, half.permille, half.remaining),
            (PlayStatus::Scanning, 500, seconds(50))
        );
        assert_eq!(
            (half.counts.local_images, half.counts.local_vulnerabilities),
            (40, 100)
        );

        let end = SCAN.at(seconds(100));
        assert_eq!(
            (end.status, end.permille, end.remaining),
            (PlayStatus::Scanned, 1000, seconds(0))
        );
        assert_eq!((end.ended_after, end.counts), (Some(seconds(100)), COUNTS));
    }

    #[test]
    fn a_canceled_scan_ends_midway() {
        let scan = ScanPlay {
            canceled_after: Some(seconds(40)),
            ..SCAN
        };
        assert_eq!(scan.at(seconds(39)).status, PlayStatus::Scanning);
        let end = scan.at(seconds(1_000));
        assert_eq!(
            (end.status, end.permille, end.ended_after),
            (PlayStatus::Canceled, 400, Some(seconds(40)))
        );
    }

    #[test]
    fn a_stalled_scan_continues_after_a_while() {
        let scan = ScanPlay {
            stall: Some(Stall {
                after: seconds(30),
                lasts: Some(seconds(60)),
            }),
            ..SCAN
        };
        let permille = [29, 30, 60, 90, 91, 160].map(|at| scan.at(seconds(at)).permille);
        assert_eq!(permille, [290, 300, 300, 300, 310, 1000]);
    }

    #[test]
    fn a_scan_may_stall_without_end() {
        let scan = ScanPlay {
            stall: Some(Stall {
                after: seconds(30),
                lasts: None,
            }),
            ..SCAN
        };
        let late = scan.at(seconds(1_000_000));
        assert_eq!(
            (late.status, late.permille, late.remaining),
            (PlayStatus::Scanning, 300, seconds(70))
        );
        assert_eq!(
            repeating(&[scan])
                .latest(seconds(1_000_000))
                .unwrap()
                .number,
            0
        );
    }

    #[test]
    fn scans_repeat_after_their_pause() {
        let timeline = repeating(&[
            SCAN,
            ScanPlay {
                takes: seconds(10),
                ..SCAN
            },
        ]);
        let latest = |at| {
            timeline
                .latest(seconds(at))
                .map(|run| (run.number, run.started.as_secs()))
        };
        assert_eq!(
            [0, 119, 120, 149, 150].map(latest),
            [(0, 0), (0, 0), (1, 120), (1, 120), (2, 150)].map(Some)
        );
        assert_eq!(latest(150_000 + 125), Some((2_001, 150_120)));
    }

    #[test]
    fn scans_that_do_not_repeat_end_with_the_last() {
        let timeline = Timeline {
            scans: vec![SCAN, SCAN],
            repeat: false,
        };
        assert_eq!(timeline.latest(seconds(10_000)).unwrap().number, 1);
        assert_eq!(timeline.run(2), None);
        assert_eq!(Timeline::default().latest(seconds(1)), None);
    }

    #[test]
    fn speed_keeps_the_shape_of_a_scan() {
        let scan = ScanPlay {
            stall: Some(Stall {
                after: seconds(30),
                lasts: Some(seconds(60)),
            }),
            ..SCAN
        };
        let fast = scan.at_speed("10".parse().unwrap());
        assert_eq!(fast.at(seconds(4)).permille, scan.at(seconds(40)).permille);
        assert_eq!(fast.length(), Some(seconds(16)));
    }

    prop_compose! {
        fn scans()(
            takes in 1u64..5_000, pause in 0u64..5_000,
            stall in prop::option::of((0u64..5_000, prop::option::of(0u64..5_000))), canceled in prop::option::of(0u64..5_000),
        ) -> ScanPlay {
            ScanPlay {
                takes: Duration::from_millis(takes),
                pause: Duration::from_millis(pause),
                stall: stall.map(|(after, lasts)| Stall {
                    after: Duration::from_millis(after % takes),
                    lasts: lasts.map(Duration::from_millis),
                }),
                canceled_after: canceled.map(|after| Duration::from_millis(after % takes)),
                counts: COUNTS,
                image_scan_result: "Success",
            }
        }
    }

    proptest! {
        #[test]
        fn progress_and_counts_never_fall_and_are_complete_only_when_finished(
            scan in scans(), early in 0u64..20_000, more in 0u64..20_000,
        ) {
            let [before, after] = [early, early + more].map(|at| scan.at(Duration::from_millis(at)));
            prop_assert!(before.permille <= after.permille);
            prop_assert!(before.counts.risk_images <= after.counts.risk_images);
            prop_assert!(before.remaining >= after.remaining);
            prop_assert_eq!(after.permille == 1000, after.status == PlayStatus::Scanned);
            prop_assert_eq!(after.counts == COUNTS, after.status == PlayStatus::Scanned);
        }

        #[test]
        fn the_latest_scan_has_started_and_the_next_has_not(
            scans in prop::collection::vec(scans(), 1..4), repeat: bool, at in 0u64..1_000_000,
        ) {
            let (timeline, at) = (Timeline { scans, repeat }, Duration::from_millis(at));
            let latest = timeline.latest(at).unwrap();
            prop_assert!(latest.started <= at);
            prop_assert!(timeline.run(latest.number + 1).is_none_or(|next| next.started > at));
        }
    }
}
