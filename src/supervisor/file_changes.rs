//! Notices that the files of the configuration have changed.
//!
//! The contents are compared, not times or inodes: Kubernetes swaps symlinks, and editors replace
//! files.

use std::{path::Path, sync::LazyLock, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::LOAD_TIMEOUT;
use crate::{
    config::{ConfigDigest, Fingerprint},
    workers::{WorkerPool, wait_for_files},
};

/// A read that hangs keeps its thread.
static READERS: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new("config-watch", 1));

/// Between the look that sees a change and the one that confirms it.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// Tells when the files of the configuration have changed.
#[derive(Debug)]
pub struct FileChanges {
    changes: Option<watch::Receiver<()>>,
    _task: Option<AbortOnDropHandle<()>>,
}

impl FileChanges {
    /// Files that never change.
    pub fn none() -> FileChanges {
        FileChanges {
            changes: None,
            _task: None,
        }
    }

    /// Looks at `file` and the account files that it names in each `interval`; 0 for never. What
    /// they are now is no change.
    pub async fn watch(file: Option<&Path>, interval: Duration) -> FileChanges {
        let Some(file) = file else {
            return FileChanges::none();
        };
        if interval.is_zero() {
            return FileChanges::none();
        }
        let mut fingerprint = Fingerprint::new(file);
        let (first_look, has_looked) = oneshot::channel();
        let (sender, changes) = watch::channel(());
        let task = tokio::spawn(async move {
            let mut state = ChangeState::default();
            let mut pause = interval;
            let digest;
            (fingerprint, digest) = look(fingerprint).await;
            state.seen = Some(digest);
            // Fails if the caller has stopped waiting.
            let _ = first_look.send(());
            loop {
                sleep(pause).await;
                pause = interval;
                let digest;
                (fingerprint, digest) = look(fingerprint).await;
                match state.look(digest) {
                    Look::Same => {}
                    // Soon, not after a whole interval: a change should take about as long as the
                    // interval says.
                    Look::Unconfirmed => pause = CONFIRM_AFTER.min(interval),
                    Look::Changed => {
                        if sender.send(()).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        // Before the configuration is loaded: a change in between is noticed, and the worst is one
        // reload too many. Where the files cannot be read, loading them fails, too.
        let _ = timeout(LOAD_TIMEOUT, has_looked).await;
        FileChanges {
            changes: Some(changes),
            _task: Some(AbortOnDropHandle::new(task)),
        }
    }

    /// Completes when the files have changed since the last call. Never, where nothing is watched.
    pub async fn changed(&mut self) {
        match &mut self.changes {
            Some(changes) => {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// What the files are now.
async fn look(mut fingerprint: Fingerprint) -> (Fingerprint, ConfigDigest) {
    let reading = READERS.run(move || {
        let digest = fingerprint.digest();
        (fingerprint, digest)
    });
    wait_for_files("the files of the configuration", LOAD_TIMEOUT, reading).await
}

/// What the last looks have seen.
#[derive(Debug, Default)]
struct ChangeState {
    /// The last confirmed content.
    seen: Option<ConfigDigest>,
    unconfirmed: Option<ConfigDigest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Same,
    /// The files may be in the middle of being written.
    Unconfirmed,
    Changed,
}

impl ChangeState {
    fn look(&mut self, digest: ConfigDigest) -> Look {
        if self.seen == Some(digest) {
            self.unconfirmed = None;
            return Look::Same;
        }
        // Files that are still being written differ at the second look, too, and then wait for a
        // third one.
        if self.unconfirmed != Some(digest) {
            self.unconfirmed = Some(digest);
            return Look::Unconfirmed;
        }
        self.unconfirmed = None;
        self.seen = Some(digest);
        Look::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Look::{Changed, Same, Unconfirmed},
        *,
    };

    #[test]
    fn a_change_counts_when_two_looks_agree() {
        let digest = |n| ConfigDigest::of_bytes(&[n]);
        let mut state = ChangeState {
            seen: Some(digest(0)),
            unconfirmed: None,
        };
        let looks = [0, 1, 2, 2, 2, 0, 2, 3, 3].map(|n| state.look(digest(n)));
        let expected = [
            Same,
            Unconfirmed,
            Unconfirmed,
            Changed,
            Same,
            Unconfirmed,
            Same,
            Unconfirmed,
            Changed,
        ];
        assert_eq!(looks, expected);
    }
}
