//! The web configuration: read at the start, and again whenever one of its files changes.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{lines, reload::PATIENCE};
use crate::{
    config::web::{self, WebConfig, WebConfigReading},
    domain::Clock,
    telemetry::Telemetry,
    web::Access,
};

/// Between two looks at the files.
const INTERVAL: Duration = Duration::from_secs(3);
/// A changed file is taken when it stands still for this long: half of it may be written.
const SETTLED: Duration = Duration::from_millis(100);

/// A web configuration, as it was at the start.
pub(super) struct First {
    file: PathBuf,
    fingerprint: [u8; 32],
    config: WebConfig,
}

impl First {
    /// What is configured.
    pub(super) fn config(&self) -> &WebConfig {
        &self.config
    }
}

/// Reads the file, if there is one. The problems are for people, a line each.
pub(super) async fn load(file: Option<&Path>) -> Result<Option<First>, Vec<String>> {
    let Some(file) = file else { return Ok(None) };
    let Ok(reading) = timeout(PATIENCE, read(file.to_owned())).await else {
        return Err(too_slow());
    };
    let WebConfigReading {
        fingerprint,
        outcome,
        ..
    } = reading;
    let config = outcome.map_err(|problems| lines(problems.iter()))?;
    Ok(Some(First {
        file: file.to_owned(),
        fingerprint,
        config,
    }))
}

/// A file, and what it has in force.
pub(super) struct WebConfigFile {
    file: PathBuf,
    access: Arc<ArcSwap<Access>>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    last: Mutex<Last>,
}

/// What was read last, good or not.
struct Last {
    fingerprint: [u8; 32],
    outcome: Result<(), Vec<String>>,
}

impl WebConfigFile {
    /// Puts what was read in force.
    pub(super) fn new(
        first: First,
        access: Arc<ArcSwap<Access>>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> WebConfigFile {
        let First {
            file,
            fingerprint,
            config,
        } = first;
        let last = Mutex::new(Last {
            fingerprint,
            outcome: Ok(()),
        });
        let file = WebConfigFile {
            file,
            access,
            telemetry,
            clock,
            last,
        };
        file.put_in_force(config);
        file
    }

    /// Looks for changes, for ever.
    pub(super) async fn watch(&self) {
        loop {
            sleep(INTERVAL).await;
            let _ = self.look().await;
        }
    }

    /// Looks now. The answer is what is wrong with the files, whether that is new or not.
    pub(super) async fn reload(&self) -> Result<(), Vec<String>> {
        timeout(PATIENCE, self.look())
            .await
            .unwrap_or_else(|_| Err(too_slow()))
    }

    /// Takes a change, if it is whole; what is broken is told once.
    async fn look(&self) -> Result<(), Vec<String>> {
        let mut last = self.last.lock().await;
        let reading = settled(last.fingerprint, || read(self.file.clone())).await;
        if reading.fingerprint != last.fingerprint {
            let outcome = self.take(
                reading.is_blank,
                reading.outcome.map_err(|problems| lines(problems.iter())),
            );
            *last = Last {
                fingerprint: reading.fingerprint,
                outcome,
            };
        }
        last.outcome.clone()
    }

    fn take(
        &self,
        is_blank: bool,
        read: Result<WebConfig, Vec<String>>,
    ) -> Result<(), Vec<String>> {
        let outcome = if is_blank && !self.access.load().is_open() {
            Err(vec![self.blank()])
        } else {
            read
        };
        match outcome {
            Ok(config) => {
                self.put_in_force(config);
                Ok(())
            }
            Err(problems) => {
                self.telemetry.web_config_refused();
                for problem in &problems {
                    tracing::error!(
                        problem,
                        "web configuration not reloaded, the last good one stays in force"
                    );
                }
                Err(problems)
            }
        }
    }

    fn put_in_force(&self, config: WebConfig) {
        tracing::info!(
            tls = config.tls.is_some(),
            users = config.users.len(),
            "web configuration in force"
        );
        let changed = self.access.load().changed_to(config);
        self.access.store(Arc::new(changed));
        self.telemetry.web_config_loaded(self.clock.now());
    }

    /// A full disk leaves files empty, and nobody means to open the doors by that.
    fn blank(&self) -> String {
        let file = self.file.display();
        format!(
            "{file}: says nothing any more; to do without TLS and users, write basic_auth_users: {{}}"
        )
    }
}

/// What stands there for a while, or stands there as it is `known`.
async fn settled<F: Future<Output = WebConfigReading>>(
    known: [u8; 32],
    mut read: impl FnMut() -> F,
) -> WebConfigReading {
    let mut reading = read().await;
    while reading.fingerprint != known {
        sleep(SETTLED).await;
        let again = read().await;
        if again.fingerprint == reading.fingerprint {
            return again;
        }
        reading = again;
    }
    reading
}

async fn read(file: PathBuf) -> WebConfigReading {
    spawn_blocking(move || web::read(&file))
        .await
        .expect("a panic ends the process")
}

fn too_slow() -> Vec<String> {
    vec![format!(
        "the web configuration could not be read within {} s",
        PATIENCE.as_secs()
    )]
}

#[cfg(test)]
mod tests {
    use std::{fs, future::ready};

    use crate::collectors;

    use super::*;

    const USER: &str =
        "basic_auth_users: {alice: $2y$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i}\n";

    struct Watched {
        directory: tempfile::TempDir,
        file: WebConfigFile,
    }

    impl Watched {
        async fn start(text: &str) -> Watched {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("w.yml");
            fs::write(&path, text).unwrap();
            let first = load(Some(&path)).await.unwrap().unwrap();
            let actions = collectors::ALL.map(|collector| collector.action);
            let telemetry = Arc::new(Telemetry::new(&actions).unwrap());
            let file = WebConfigFile::new(first, Arc::default(), telemetry, Clock::system());
            Watched { directory, file }
        }

        fn write(&self, text: &str) {
            fs::write(self.directory.path().join("w.yml"), text).unwrap();
        }

        fn is_open(&self) -> bool {
            self.file.access.load().is_open()
        }

        /// The gauge that says whether the last load went well.
        fn is_loaded(&self) -> f64 {
            let families = self.file.telemetry.gather();
            let name = "tcss_exporter_web_config_last_reload_successful";
            let family = families
                .iter()
                .find(|family| family.name() == name)
                .unwrap();
            family.get_metric()[0].get_gauge().get_value()
        }
    }

    #[tokio::test]
    async fn a_change_is_taken_when_it_is_good_and_told_when_it_is_not() {
        let watched = Watched::start("# nothing\n").await;
        assert!(watched.is_open());
        watched.write(USER);
        assert_eq!(watched.file.reload().await, Ok(()));
        assert!(!watched.is_open());
        assert_eq!(watched.is_loaded(), 1.0);

        watched.write("basic_auth_users: {alice: x}\n");
        let problems = watched.file.reload().await.unwrap_err();
        assert!(
            problems[0].contains("w.yml:1: basic_auth_users.alice: is not a valid bcrypt hash"),
            "{problems:?}"
        );
        assert_eq!(
            watched.file.reload().await,
            Err(problems),
            "as long as it is so"
        );
        assert!(!watched.is_open());
        assert_eq!(watched.is_loaded(), 0.0);

        watched.write(USER);
        assert_eq!(watched.file.reload().await, Ok(()));
        assert_eq!(watched.is_loaded(), 1.0);
    }

    #[tokio::test]
    async fn an_empty_file_opens_no_door() {
        let watched = Watched::start(USER).await;
        for empty in ["", "# nothing\n"] {
            watched.write(empty);
            let problems = watched.file.reload().await.unwrap_err();
            assert!(
                problems[0].contains("says nothing any more"),
                "{problems:?}"
            );
            assert!(!watched.is_open());
        }
        fs::remove_file(&watched.file.file).unwrap();
        assert!(watched.file.reload().await.is_err());
        assert!(!watched.is_open());
        watched.write("basic_auth_users: {}\n");
        assert_eq!(watched.file.reload().await, Ok(()));
        assert!(watched.is_open(), "it is what somebody means");
    }

    /// Half of a file may be good YAML, and say less than the whole.
    #[tokio::test(start_paused = true)]
    async fn a_file_is_taken_when_it_stands_still_and_at_once_when_it_is_as_it_was() {
        for (seen, expected) in [
            (&[0][..], (0, 1)),
            (&[1, 1], (1, 2)),
            (&[1, 2, 3, 3], (3, 4)),
            (&[1, 2, 0], (0, 3)),
        ] {
            let mut n_read = 0;
            let reading = settled([0; 32], || {
                n_read += 1;
                let fingerprint = [seen[n_read - 1]; 32];
                ready(WebConfigReading {
                    fingerprint,
                    is_blank: false,
                    outcome: Ok(WebConfig::default()),
                })
            });
            let taken = reading.await.fingerprint[0];
            assert_eq!((taken, n_read), expected, "{seen:?}");
        }
    }
}
