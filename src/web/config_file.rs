//! The web configuration file: read at startup, and again whenever it or a file that it names
//! changes.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::Access;
use crate::{
    config::web::{self, WebConfig, WebConfigReading},
    domain::Clock,
    telemetry::Telemetry,
    workers::{WorkerPool, wait_for_files},
};

const CHECK_INTERVAL: Duration = Duration::from_secs(3);
/// A changed file is applied only if it does not change again for this long: it may be half written.
const SETTLE_TIME: Duration = Duration::from_millis(100);
/// A file system that hangs must not block the startup or a reload.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// A read that hangs keeps its thread. Further ones wait, and time out.
static READERS: LazyLock<WorkerPool> = LazyLock::new(|| WorkerPool::new("web-config", 2));

/// The web configuration as it was read at startup.
pub struct LoadedWebConfig {
    file: PathBuf,
    fingerprint: [u8; 32],
    config: WebConfig,
}

impl LoadedWebConfig {
    /// Reads `file`, if there is one. The error is one line per problem.
    pub async fn load(file: Option<&Path>) -> Result<Option<LoadedWebConfig>, Vec<String>> {
        let Some(file) = file else {
            return Ok(None);
        };
        let Ok(reading) = timeout(READ_TIMEOUT, read(file.to_owned())).await else {
            return Err(timed_out());
        };
        let fingerprint = reading.fingerprint;
        Ok(Some(LoadedWebConfig {
            file: file.to_owned(),
            fingerprint,
            config: config_of(reading)?,
        }))
    }

    pub fn config(&self) -> &WebConfig {
        &self.config
    }
}

/// Keeps [`Access`] up to date with the file.
pub struct WebConfigFile {
    file: PathBuf,
    access: Arc<ArcSwap<Access>>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    last: Mutex<LastWebConfigReading>,
}

/// The last content of the files, valid or not.
struct LastWebConfigReading {
    fingerprint: [u8; 32],
    outcome: Result<(), Vec<String>>,
}

impl WebConfigFile {
    /// Applies what was loaded.
    pub fn new(
        loaded: LoadedWebConfig,
        access: Arc<ArcSwap<Access>>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> WebConfigFile {
        let last = LastWebConfigReading {
            fingerprint: loaded.fingerprint,
            outcome: Ok(()),
        };
        let file = WebConfigFile {
            file: loaded.file,
            access,
            telemetry,
            clock,
            last: Mutex::new(last),
        };
        file.apply(loaded.config);
        file
    }

    /// Checks for changes periodically. Never returns.
    pub async fn watch(&self) {
        loop {
            sleep(CHECK_INTERVAL).await;
            let files = "the files of the web configuration";
            // A problem was logged when it was found.
            let _ = wait_for_files(files, READ_TIMEOUT, self.check()).await;
        }
    }

    /// Checks for changes now. The error is the problems of the files, whether they are new or not.
    pub async fn reload(&self) -> Result<(), Vec<String>> {
        match timeout(READ_TIMEOUT, self.check()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(timed_out()),
        }
    }

    /// Applies a change. The problems of an invalid file are logged once, not at every check.
    async fn check(&self) -> Result<(), Vec<String>> {
        // Held while reading: the periodic check and a reload do not apply changes out of order.
        let mut last = self.last.lock().await;
        let reading = read_settled(last.fingerprint, || read(self.file.clone())).await;
        if reading.fingerprint != last.fingerprint {
            // Also for content that is refused, so that its problems are not logged at every check.
            last.fingerprint = reading.fingerprint;
            last.outcome = self.apply_or_reject(reading);
        }
        last.outcome.clone()
    }

    fn apply_or_reject(&self, reading: WebConfigReading) -> Result<(), Vec<String>> {
        // A full disk leaves empty files behind. An empty file must not disable TLS and
        // authentication.
        let outcome = if reading.is_blank && !self.access.load().is_open() {
            Err(vec![format!(
                "{}: is empty, which would disable TLS and authentication; to do so, write \
                 basic_auth_users: {{}}",
                self.file.display()
            )])
        } else {
            config_of(reading)
        };
        match outcome {
            Ok(config) => {
                self.apply(config);
                Ok(())
            }
            Err(problems) => {
                self.telemetry.web_config_refused();
                for problem in &problems {
                    tracing::error!(
                        problem,
                        "web configuration not reloaded, the last valid one stays in use"
                    );
                }
                Err(problems)
            }
        }
    }

    fn apply(&self, config: WebConfig) {
        tracing::info!(
            tls = config.tls.is_some(),
            users = config.users.len(),
            "web configuration loaded"
        );
        for warning in config.warnings(self.clock.now().wall) {
            tracing::warn!("{warning}");
        }
        self.telemetry
            .set_web_certificate_expiry(config.certificate_expiry);
        let updated = self.access.load().updated(config);
        self.access.store(Arc::new(updated));
        self.telemetry.web_config_loaded(self.clock.now());
    }
}

fn config_of(reading: WebConfigReading) -> Result<WebConfig, Vec<String>> {
    match reading.outcome {
        Ok(config) => Ok(config),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

/// Reads until the files are unchanged: either the same as the `known` ones, or the same twice in a
/// row.
async fn read_settled<F: Future<Output = WebConfigReading>>(
    known: [u8; 32],
    mut read: impl FnMut() -> F,
) -> WebConfigReading {
    let mut reading = read().await;
    while reading.fingerprint != known {
        sleep(SETTLE_TIME).await;
        let again = read().await;
        if again.fingerprint == reading.fingerprint {
            return again;
        }
        reading = again;
    }
    reading
}

async fn read(file: PathBuf) -> WebConfigReading {
    READERS.run(move || web::read(&file)).await
}

fn timed_out() -> Vec<String> {
    vec![format!(
        "reading the web configuration timed out after {} s",
        READ_TIMEOUT.as_secs()
    )]
}

#[cfg(test)]
mod tests {
    use std::{fs, future::ready};

    use crate::collectors;

    use super::*;

    const USER: &str =
        "basic_auth_users: {alice: $2y$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i}\n";

    struct WatchedFile {
        directory: tempfile::TempDir,
        file: WebConfigFile,
    }

    impl WatchedFile {
        async fn start(text: &str) -> WatchedFile {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("w.yml");
            fs::write(&path, text).unwrap();
            let loaded = LoadedWebConfig::load(Some(&path)).await.unwrap().unwrap();
            let actions = collectors::action_names();
            let telemetry = Arc::new(Telemetry::new(&actions).unwrap());
            let file = WebConfigFile::new(loaded, Arc::default(), telemetry, Clock::system());
            WatchedFile { directory, file }
        }

        fn write(&self, text: &str) {
            fs::write(self.directory.path().join("w.yml"), text).unwrap();
        }

        fn is_open(&self) -> bool {
            self.file.access.load().is_open()
        }

        /// The gauge of the last reload: 1 if it succeeded.
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
    async fn a_valid_change_is_applied_and_an_invalid_one_is_reported() {
        let watched = WatchedFile::start("# nothing\n").await;
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
            "until it is fixed"
        );
        assert!(!watched.is_open());
        assert_eq!(watched.is_loaded(), 0.0);

        watched.write(USER);
        assert_eq!(watched.file.reload().await, Ok(()));
        assert_eq!(watched.is_loaded(), 1.0);
    }

    #[tokio::test]
    async fn an_empty_file_does_not_disable_authentication() {
        let watched = WatchedFile::start(USER).await;
        for empty in ["", "# nothing\n"] {
            watched.write(empty);
            let problems = watched.file.reload().await.unwrap_err();
            assert!(
                problems[0].contains("is empty, which would disable TLS"),
                "{problems:?}"
            );
            assert!(!watched.is_open());
        }
        fs::remove_file(&watched.file.file).unwrap();
        assert!(watched.file.reload().await.is_err());
        assert!(!watched.is_open());
        watched.write("basic_auth_users: {}\n");
        assert_eq!(watched.file.reload().await, Ok(()));
        assert!(watched.is_open(), "it was disabled on purpose");
    }

    /// Half of a file may be valid YAML with fewer settings than the whole.
    #[tokio::test(start_paused = true)]
    async fn a_changed_file_is_applied_once_it_has_settled_and_an_unchanged_one_is_read_once() {
        for (seen, expected) in [
            (&[0][..], (0, 1)),
            (&[1, 1], (1, 2)),
            (&[1, 2, 3, 3], (3, 4)),
            (&[1, 2, 0], (0, 3)),
        ] {
            let mut n_read = 0;
            let reading = read_settled([0; 32], || {
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
