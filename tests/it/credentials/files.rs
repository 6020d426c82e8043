//! Files with keys that are replaced by invalid files while the exporter runs.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
};

use super::scenario;
use crate::support::{
    process::{CANARY, SECRET_ID, exporter, file, get, path, serving_as, simulator, until},
    value,
};

/// Replaces the file with the `SecretKey`.
type Damage = fn(&Path);

const DAMAGES: [(&str, Damage, &str); 9] = [
    (
        "removed",
        |key| fs::remove_file(key).unwrap(),
        "cannot be read: No such file",
    ),
    ("empty", |key| fs::write(key, "").unwrap(), "is empty"),
    (
        "half-written",
        |key| fs::write(key, format!("{CANARY}-\n{CANARY}")).unwrap(),
        "does not contain a valid SecretKey",
    ),
    (
        "pipe",
        |key| fifo(key),
        "is a pipe, a device or a socket; it must be a regular file",
    ),
    (
        "endless",
        |key| link(key, "/dev/zero"),
        "is a pipe, a device or a socket; it must be a regular file",
    ),
    (
        "directory",
        |key| directory(key),
        "is a directory; it must be a regular file",
    ),
    (
        "forbidden",
        |key| chmod(key, 0o000),
        "cannot be read: Permission denied",
    ),
    (
        "dangling",
        |key| link(key, "nowhere"),
        "cannot be read: No such file",
    ),
    (
        "large",
        |key| fs::write(key, CANARY.repeat(20_000)).unwrap(),
        "is larger than 64 KiB",
    ),
];

/// Accounts whose files are replaced in order.
const REPLACED: [&str; 3] = ["renamed", "swapped", "written"];

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

fn fifo(path: &Path) {
    remove(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn link(path: &Path, target: &str) {
    remove(path);
    symlink(target, path).unwrap();
}

fn directory(path: &Path) {
    remove(path);
    fs::create_dir(path).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Directories of keys, one for each account.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Keys {
        let keys = Keys(tempfile::tempdir().unwrap());
        chmod(keys.0.path(), 0o755);
        for name in accounts() {
            fs::create_dir(keys.path(name, "")).unwrap();
            keys.write(name, "old", SECRET_ID, "key");
            for part in ["id", "key"] {
                // As Kubernetes mounts a Secret.
                let target = if name == "swapped" {
                    format!("..data/{part}")
                } else {
                    format!("old/{part}")
                };
                match name {
                    "swapped" => symlink(target, keys.path(name, part)).unwrap(),
                    _ => drop(fs::copy(keys.path(name, &target), keys.path(name, part)).unwrap()),
                }
            }
            symlink("old", keys.path(name, "..data")).unwrap();
        }
        keys
    }

    fn path(&self, account: &str, name: &str) -> PathBuf {
        self.0.path().join(account).join(name)
    }

    /// A set of files in a directory of its own.
    fn write(&self, account: &str, set: &str, id: &str, key: &str) {
        fs::create_dir_all(self.path(account, set)).unwrap();
        fs::write(self.path(account, &format!("{set}/id")), id).unwrap();
        fs::write(
            self.path(account, &format!("{set}/key")),
            format!("{CANARY}-{key}\n"),
        )
        .unwrap();
    }

    /// Replaces the keys of every account by new ones.
    fn replace_all(&self) {
        for name in accounts() {
            self.write(name, "new", "AKIDnext", "next");
            if name == "swapped" {
                symlink("new", self.path(name, "..new")).unwrap();
                fs::rename(self.path(name, "..new"), self.path(name, "..data")).unwrap();
                continue;
            }
            for part in ["id", "key"] {
                let new = self.path(name, &format!("new/{part}"));
                let place = self.path(name, part);
                if name == "written" {
                    fs::copy(new, place).unwrap();
                    continue;
                }
                if place.is_dir() {
                    remove(&place);
                }
                fs::rename(new, place).unwrap();
            }
        }
    }

    fn config(&self, api: &str) -> PathBuf {
        let account = |name: &str| {
            let files = format!("{{secret_id_file: {name}/id, secret_key_file: {name}/key}}");
            format!("  - {{name: {name}, credentials: {{files: {files}}}}}\n")
        };
        let accounts: String = accounts().map(account).collect();
        let config = self.0.path().join("tcss-exporter.yml");
        let text =
            format!("poll: {{interval: 1s}}\napi: {{endpoint: \"{api}\"}}\naccounts:\n{accounts}");
        fs::write(&config, text).unwrap();
        config
    }

    /// The exporter as an unprivileged user, since file permissions do not restrict root.
    fn exporter(&self) -> Command {
        let command = exporter();
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            return command;
        }
        let binary = self.0.path().join("tcss-exporter");
        fs::copy(command.get_program(), &binary).unwrap();
        chmod(&binary, 0o755);
        let mut as_nobody = Command::new(binary);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => as_nobody.env(name, value),
                None => as_nobody.env_remove(name),
            };
        }
        as_nobody.uid(65_534).gid(65_534);
        as_nobody
    }
}

fn accounts() -> impl Iterator<Item = &'static str> {
    DAMAGES.iter().map(|(name, ..)| *name).chain(REPLACED)
}

/// A value of an account, or of its scan.
fn of(text: &str, name: &str, account: &str) -> f64 {
    let labels = [
        format!("account=\"{account}\""),
        format!("account=\"{account}\",scan=\"latest\""),
        format!("account=\"{account}\",collector=\"vul_scan\",scan=\"latest\""),
    ];
    labels
        .iter()
        .find_map(|labels| value(text, &format!("{name}{{{labels}}}")))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_good_keys_stay_in_use_while_files_are_bad_and_new_ones_are_noticed() {
    let scenario = file(&scenario("token_lifetime: 1h"));
    let (_api, api) = simulator(&["--scenario", path(&scenario)]);
    let keys = Keys::new();
    let mut command = keys.exporter();
    command.arg("--config.file").arg(keys.config(&api));
    let (exporter, url) = serving_as(&mut command);
    let metrics = format!("{url}/metrics");
    let all_up = |text: &str| {
        accounts()
            .all(|name| of(text, "tcss_up", name) == 1.0)
            .then_some(())
    };
    until(&metrics, "good polls of all", all_up).await;

    for (name, damage, _) in &DAMAGES {
        damage(&keys.path(name, "key"));
    }
    let failures =
        |text: &str, name: &str| of(text, "tcss_credentials_refresh_failures_total", name);
    let text = until(&metrics, "three failed looks at each", |text| {
        DAMAGES
            .iter()
            .all(|(name, ..)| failures(text, name) >= 3.0)
            .then(|| text.to_owned())
    })
    .await;
    for name in accounts() {
        assert_eq!(
            of(&text, "tcss_poll_failures_total", name),
            0.0,
            "{name}: the last good keys are used"
        );
        assert_eq!(of(&text, "tcss_up", name), 1.0, "{name}");
    }
    for name in REPLACED {
        assert_eq!(failures(&text, name), 0.0, "{name}");
    }
    let log = exporter.output();
    for (name, _, problem) in &DAMAGES {
        let path = keys.path(name, "key").display().to_string();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| line.contains(&format!("{path} ")))
            .collect();
        assert_eq!(lines.len(), 1, "{name}: told once: {lines:#?}");
        assert!(
            lines[0].contains(problem) && lines[0].contains("level=warn"),
            "{name}: {}",
            lines[0]
        );
    }

    keys.replace_all();
    let n_issued = || async {
        let stats: serde_json::Value =
            serde_json::from_str(&get(&format!("{api}/-/stats")).await).unwrap();
        ["base", "next"].map(|name| stats["identities"][name]["arrivals"].as_u64().unwrap())
    };
    until(&metrics, "all look well again", |text| {
        let lines = exporter
            .output()
            .lines()
            .filter(|line| is_recovery(line))
            .count();
        (lines >= DAMAGES.len() + REPLACED.len() && all_up(text).is_some()).then_some(())
    })
    .await;
    let before = n_issued().await;
    let n_polls = |text: &str| {
        accounts()
            .map(|name| of(text, "tcss_polls_total", name))
            .sum::<f64>()
    };
    let polls = n_polls(&get(&metrics).await);
    let text = until(&metrics, "polls with the new keys", |text| {
        (n_polls(text) >= polls + 24.0).then(|| text.to_owned())
    })
    .await;
    let after = n_issued().await;
    assert!(after[1] >= before[1] + 12, "{before:?} {after:?}");
    assert!(
        after[0] <= before[0] + accounts().count() as u64,
        "one that was on its way: {before:?} {after:?}"
    );
    assert_eq!(
        accounts()
            .map(|name| of(&text, "tcss_poll_failures_total", name))
            .sum::<f64>(),
        0.0
    );
}

fn is_recovery(line: &str) -> bool {
    line.contains("credentials can be refreshed again") || line.contains("credentials changed")
}
