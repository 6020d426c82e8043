//! Notices that the wall clock was set.
//!
//! With a wrong clock, the API rejects every signature, and accounts back off for up to ten
//! minutes. When the clock is set right, they are polled soon.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::sleep;

use super::wake;
use crate::{
    domain::{Clock, Moment},
    poller::Job,
};

const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// NTP corrects less than this without a jump; signatures are rejected from 5 minutes on.
const MIN_JUMP: Duration = Duration::from_secs(30);

/// Wakes the jobs that back off whenever the wall clock jumps.
pub(super) async fn watch_clock(clock: Clock, jobs: Arc<ArcSwap<Vec<Job>>>) {
    let mut last = clock.now();
    loop {
        sleep(CHECK_INTERVAL).await;
        let now = clock.now();
        if has_jumped(last, now) {
            tracing::info!("the wall clock was set, polling what backs off");
            let mut failing = Vec::new();
            for job in jobs.load().iter() {
                if job.fails_permanently() {
                    failing.push(job.clone());
                }
            }
            wake(failing).await;
        }
        last = now;
    }
}

/// Whether the wall clock moved by another amount than the monotonic one. After a suspension of the
/// machine, it has, too: credentials may have expired meanwhile.
fn has_jumped(last: Moment, now: Moment) -> bool {
    let elapsed = now.monotonic.saturating_duration_since(last.monotonic);
    let moved = now.wall.as_millisecond() - last.wall.as_millisecond();
    let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    Duration::from_millis(moved.abs_diff(elapsed)) >= MIN_JUMP
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn the_clock_jumps_when_it_moves_otherwise_than_time_passes() {
        let start = Instant::now();
        let at = |wall: i64, monotonic: u64| Moment {
            wall: Timestamp::from_second(1_764_000_000 + wall).unwrap(),
            monotonic: start + Duration::from_secs(monotonic),
        };
        assert!(!has_jumped(at(0, 0), at(5, 5)));
        assert!(!has_jumped(at(0, 0), at(20, 5)), "within what NTP corrects");
        assert!(has_jumped(at(0, 0), at(605, 5)), "set forward");
        assert!(has_jumped(at(0, 0), at(-600, 5)), "set back");
        assert!(
            !has_jumped(at(0, 0), at(3_600, 3_600)),
            "a long pause of the process"
        );
    }
}
