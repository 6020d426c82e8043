//! The real binary as in a pod: with the files of a service account at their fixed place, in a mount namespace of its own.

use std::{path::PathBuf, process::Command, time::Duration};

use tokio::time::{Instant, sleep};

use super::server::ApiServer;
use crate::support::process::{Running, exporter, get, listening};

/// Replaces `/run`, where Kubernetes mounts the files of the service account, for this process alone.
const MOUNT: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && \
                     ln -s \"$0\" /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";

/// A running replica, and where it listens.
pub(crate) struct Pod {
    pub(crate) running: Running,
    pub(crate) url: String,
    /// The files of its service account.
    pub(crate) directory: PathBuf,
    _directory: tempfile::TempDir,
}

/// The command line of a process whose service account files are in `directory`.
pub(crate) fn in_pod(directory: &std::path::Path, wrapper: &[&str]) -> Command {
    let binary = exporter();
    let mut words: Vec<&str> = wrapper.to_vec();
    words.extend(["unshare", "--mount", "sh", "-c", MOUNT]);
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(directory)
        .arg(binary.get_program());
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

impl Pod {
    pub(crate) fn start(api: &ApiServer, name: &str, arguments: &[&str]) -> Pod {
        Pod::start_in(api, name, &[], arguments)
    }

    /// With a command before it that runs it.
    pub(crate) fn start_in(
        api: &ApiServer,
        name: &str,
        wrapper: &[&str],
        arguments: &[&str],
    ) -> Pod {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("account");
        api.account(&directory, name);
        let mut command = in_pod(&directory, wrapper);
        command
            .env("KUBERNETES_SERVICE_HOST", api.address.ip().to_string())
            .env("KUBERNETES_SERVICE_PORT", api.address.port().to_string())
            .env("HOSTNAME", name)
            .args(["--ha.kubernetes-lease=tcss-exporter", "--poll.interval=2s"])
            .args(arguments);
        if !arguments
            .iter()
            .any(|argument| argument.starts_with("--web.listen-address"))
        {
            command.arg("--web.listen-address=127.0.0.1:0");
        }
        let mut running = Running::start("tcss-exporter", &mut command);
        let url = running.wait_for("where it listens", listening);
        Pod {
            running,
            url,
            directory,
            _directory: temporary,
        }
    }

    pub(crate) async fn metrics(&self) -> String {
        get(&format!("{}/metrics", self.url)).await
    }

    /// Whether it exposes accounts.
    pub(crate) async fn speaks(&self) -> bool {
        self.metrics().await.contains("account=\"")
    }

    /// Waits until it exposes accounts, or does not. How long it took.
    pub(crate) async fn until(&self, speaks: bool) -> Duration {
        let start = Instant::now();
        while self.speaks().await != speaks {
            let log = self.running.output();
            assert!(start.elapsed() < Duration::from_secs(90), "{speaks}: {log}");
            sleep(Duration::from_millis(50)).await;
        }
        start.elapsed()
    }
}
