//! One scan, and the scans of an identity one after the other: pure functions of the time since they began.

use std::time::Duration;

use super::Speed;

/// One scan as scripted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scan {
    /// From start to finish, if nothing comes in between; never zero.
    pub(super) takes: Duration,
    /// From its end to the start of the next one.
    pub(super) pause: Duration,
    /// Where it stands still.
    pub(super) stall: Option<Stall>,
    /// After so much of its work it is cancelled; less than `takes`.
    pub(super) canceled_after: Option<Duration>,
    /// What it finds.
    pub(super) counts: Counts,
}

/// A time without progress.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stall {
    /// After so much of the work; less than the whole.
    pub(super) after: Duration,
    /// None is for ever.
    pub(super) lasts: Option<Duration>,
}

/// What a scan finds by its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
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
    pub(super) status: Status,
    /// Of 1000; 1000 only when finished.
    pub(super) permille: u32,
    /// How long it would take from here without standing still or being cancelled.
    pub(super) remaining: Duration,
    /// From its start to its end, once it has ended.
    pub(super) ended_after: Option<Duration>,
    pub(super) counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Scanning,
    Scanned,
    Canceled,
}

impl Scan {
    /// How it stands `elapsed` after its start.
    pub(super) fn at(&self, elapsed: Duration) -> Progress {
        let ended_after = self.length().filter(|length| elapsed >= *length);
        let status = match (ended_after, self.canceled_after) {
            (None, _) => Status::Scanning,
            (Some(_), None) => Status::Scanned,
            (Some(_), Some(_)) => Status::Canceled,
        };
        let work = self.work_at(elapsed);
        let permille = permille(work, self.takes);
        let remaining = if ended_after.is_some() {
            Duration::ZERO
        } else {
            self.takes.saturating_sub(work)
        };
        Progress {
            status,
            permille,
            remaining,
            ended_after,
            counts: self.counts.so_far(permille),
        }
    }

    /// From start to end; none for a scan that never ends.
    pub(super) fn length(&self) -> Option<Duration> {
        match self.stall {
            Some(stall) if stall.after < self.work() => {
                stall.lasts.map(|lasts| self.work() + lasts)
            }
            _ => Some(self.work()),
        }
    }

    fn work(&self) -> Duration {
        self.canceled_after.unwrap_or(self.takes)
    }

    fn work_at(&self, elapsed: Duration) -> Duration {
        let moving = match self.stall {
            Some(Stall { after, lasts: None }) => elapsed.min(after),
            Some(Stall {
                after,
                lasts: Some(lasts),
            }) => elapsed.min(after.max(elapsed.saturating_sub(lasts))),
            None => elapsed,
        };
        moving.min(self.work())
    }

    fn at_speed(&self, speed: Speed) -> Scan {
        let takes = speed.scale(self.takes).max(Duration::from_nanos(1));
        let part = |work| {
            speed
                .scale(work)
                .min(takes.saturating_sub(Duration::from_nanos(1)))
        };
        Scan {
            takes,
            pause: speed.scale(self.pause),
            stall: self.stall.map(|Stall { after, lasts }| Stall {
                after: part(after),
                lasts: lasts.map(|d| speed.scale(d)),
            }),
            canceled_after: self.canceled_after.map(part),
            counts: self.counts,
        }
    }
}

impl Counts {
    /// The images are known from the start; what is found in them grows.
    fn so_far(self, permille: u32) -> Counts {
        let part = |whole: u32| {
            u32::try_from(u64::from(whole) * u64::from(permille) / 1000).unwrap_or(whole)
        };
        Counts {
            local_vulnerabilities: part(self.local_vulnerabilities),
            registry_vulnerabilities: part(self.registry_vulnerabilities),
            risk_images: part(self.risk_images),
            ..self
        }
    }
}

fn permille(part: Duration, whole: Duration) -> u32 {
    u32::try_from(part.as_nanos() * 1000 / whole.as_nanos()).unwrap_or(1000)
}

/// Scans one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Timeline {
    /// None: the account is never scanned.
    pub(super) scans: Vec<Scan>,
    /// Whether the first follows the last.
    pub(super) repeat: bool,
}

/// One scan of a timeline: the `number`th from 0 on, which started at `started`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run<'a> {
    pub(super) number: u64,
    pub(super) started: Duration,
    pub(super) scan: &'a Scan,
}

impl Timeline {
    /// The last scan that has started `elapsed` after the first one.
    pub(super) fn latest(&self, elapsed: Duration) -> Option<Run<'_>> {
        let rounds = self
            .round()
            .filter(|_| self.repeat)
            .map_or(0, |round| elapsed.as_nanos() / round.as_nanos());
        let first = u64::try_from(rounds).ok()? * self.scans.len() as u64;
        (first..)
            .map_while(|number| self.run(number))
            .take_while(|run| run.started <= elapsed)
            .take(self.scans.len())
            .last()
    }

    /// The `number`th scan, if there ever is one.
    pub(super) fn run(&self, number: u64) -> Option<Run<'_>> {
        let (rounds, index) = self.position(number)?;
        let earlier_rounds = if rounds == 0 {
            Duration::ZERO
        } else {
            times(self.round()?, rounds)?
        };
        let started = earlier_rounds.checked_add(total(&self.scans[..index])?)?;
        Some(Run {
            number,
            started,
            scan: &self.scans[index],
        })
    }

    pub(super) fn at_speed(&self, speed: Speed) -> Timeline {
        Timeline {
            scans: self.scans.iter().map(|scan| scan.at_speed(speed)).collect(),
            repeat: self.repeat,
        }
    }

    fn position(&self, number: u64) -> Option<(u64, usize)> {
        let n_scans = self.scans.len() as u64;
        let rounds = number.checked_div(n_scans)?;
        let index = usize::try_from(number % n_scans).ok()?;
        (rounds == 0 || self.repeat).then_some((rounds, index))
    }

    /// From the first scan's start to its next one; none if one of them never ends, or there are none.
    fn round(&self) -> Option<Duration> {
        total(&self.scans).filter(|round| !round.is_zero())
    }
}

fn total(scans: &[Scan]) -> Option<Duration> {
    scans
        .iter()
        .map(|scan| scan.length()?.checked_add(scan.pause))
        .sum()
}

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

    const COUNTS: Counts = Counts {
        local_images: 40,
        registry_images: 10,
        local_vulnerabilities: 200,
        registry_vulnerabilities: 30,
        ignored_vulnerabilities: 5,
        risk_images: 12,
    };

    const SCAN: Scan = Scan {
        takes: Duration::from_secs(100),
        pause: Duration::from_secs(20),
        stall: None,
        canceled_after: None,
        counts: COUNTS,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn repeating(scans: &[Scan]) -> Timeline {
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
            (Status::Scanning, 500, seconds(50))
        );
        assert_eq!(
            (half.counts.local_images, half.counts.local_vulnerabilities),
            (40, 100)
        );

        let end = SCAN.at(seconds(100));
        assert_eq!(
            (end.status, end.permille, end.remaining),
            (Status::Scanned, 1000, seconds(0))
        );
        assert_eq!((end.ended_after, end.counts), (Some(seconds(100)), COUNTS));
    }

    #[test]
    fn a_cancelled_scan_ends_midway() {
        let scan = Scan {
            canceled_after: Some(seconds(40)),
            ..SCAN
        };
        assert_eq!(scan.at(seconds(39)).status, Status::Scanning);
        let end = scan.at(seconds(1_000));
        assert_eq!(
            (end.status, end.permille, end.ended_after),
            (Status::Canceled, 400, Some(seconds(40)))
        );
    }

    #[test]
    fn a_scan_that_stands_still_goes_on_after_a_while() {
        let scan = Scan {
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
    fn a_scan_may_stand_still_for_ever() {
        let scan = Scan {
            stall: Some(Stall {
                after: seconds(30),
                lasts: None,
            }),
            ..SCAN
        };
        let late = scan.at(seconds(1_000_000));
        assert_eq!(
            (late.status, late.permille, late.remaining),
            (Status::Scanning, 300, seconds(70))
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
            Scan {
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
        let scan = Scan {
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
        ) -> Scan {
            Scan {
                takes: Duration::from_millis(takes),
                pause: Duration::from_millis(pause),
                stall: stall.map(|(after, lasts)| Stall {
                    after: Duration::from_millis(after % takes),
                    lasts: lasts.map(Duration::from_millis),
                }),
                canceled_after: canceled.map(|after| Duration::from_millis(after % takes)),
                counts: COUNTS,
            }
        }
    }

    proptest! {
        #[test]
        fn progress_and_counts_never_fall_and_are_whole_only_when_finished(
            scan in scans(), early in 0u64..20_000, more in 0u64..20_000,
        ) {
            let [before, after] = [early, early + more].map(|at| scan.at(Duration::from_millis(at)));
            prop_assert!(before.permille <= after.permille);
            prop_assert!(before.counts.risk_images <= after.counts.risk_images);
            prop_assert!(before.remaining >= after.remaining);
            prop_assert_eq!(after.permille == 1000, after.status == Status::Scanned);
            prop_assert_eq!(after.counts == COUNTS, after.status == Status::Scanned);
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
