//! Whether the files of a configuration are the same as before.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::load;
use crate::yaml::{self, Setting, YamlFile};

/// A hash of the names and contents of all files of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigDigest([u8; 32]);

/// Takes digests of one configuration again and again.
#[derive(Debug)]
pub struct Fingerprint {
    file: PathBuf,
    /// The hash of the configuration file when it was parsed last, and its patterns.
    patterns: Option<([u8; 32], Vec<Setting<String>>)>,
}

impl Fingerprint {
    pub fn new(file: &Path) -> Fingerprint {
        Fingerprint {
            file: file.to_owned(),
            patterns: None,
        }
    }

    /// A file that cannot be read counts with its error. Nothing is checked.
    pub fn digest(&mut self) -> ConfigDigest {
        let bytes = read(&self.file);
        let own = hash(&bytes);
        let is_known = matches!(&self.patterns, Some((known, _)) if *known == own);
        if !is_known {
            // Parsed only when it has changed: it may list ten thousand accounts.
            let patterns = match bytes {
                Ok(bytes) => patterns(&self.file, bytes),
                Err(_) => Vec::new(),
            };
            self.patterns = Some((own, patterns));
        }
        let mut all = Sha256::new().chain_update(own);
        let directory = self.file.parent().unwrap_or(Path::new(""));
        let patterns = match &self.patterns {
            Some((_, patterns)) => patterns.as_slice(),
            None => &[],
        };
        for pattern in patterns {
            let Some(pattern) = &pattern.value else {
                continue;
            };
            match load::matches(directory, pattern) {
                Ok(files) => {
                    for file in files {
                        all.update(hash(&Ok(file.as_os_str().as_encoded_bytes().to_vec())));
                        all.update(hash(&read(&file)));
                    }
                }
                Err(message) => all.update(message),
            }
        }
        ConfigDigest(all.finalize().into())
    }
}

impl ConfigDigest {
    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: &[u8]) -> ConfigDigest {
        ConfigDigest(Sha256::digest(bytes).into())
    }
}

fn patterns(file: &Path, bytes: Vec<u8>) -> Vec<Setting<String>> {
    let mut problems = Vec::new();
    match YamlFile::parse(file, 0, bytes) {
        Ok(document) => load::account_files_of(document.value(), &mut problems),
        Err(_) => Vec::new(),
    }
}

/// A pipe would have no data the second time, and might block.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    match fs::metadata(file) {
        Ok(metadata) if !metadata.is_file() => return Err("is not a regular file".into()),
        _ => {}
    }
    yaml::read_file(file, 0).map_err(|problem| problem.to_string())
}

fn hash(content: &Result<Vec<u8>, String>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    match content {
        Ok(bytes) => {
            hasher.update(b"content");
            hasher.update(bytes);
        }
        Err(message) => {
            hasher.update(b"error");
            hasher.update(message);
        }
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_file_or_of_the_list_of_files_changes_the_digest() {
        let directory = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        put("c.yml", "account_files: ['*.accounts']\n");
        put("a.accounts", "- {name: a}\n");
        let mut fingerprint = Fingerprint::new(&directory.path().join("c.yml"));
        let mut seen = vec![fingerprint.digest()];
        assert_eq!(fingerprint.digest(), seen[0]);
        let mut check = |what: &str| {
            let digest = fingerprint.digest();
            assert!(!seen.contains(&digest), "{what}");
            assert_eq!(fingerprint.digest(), digest, "{what}");
            seen.push(digest);
        };
        put("a.accounts", "- {name: b}\n");
        check("an account file");
        put("b.accounts", "- {name: b}\n");
        check("another account file");
        fs::rename(
            directory.path().join("b.accounts"),
            directory.path().join("c.accounts"),
        )
        .unwrap();
        check("its name");
        put("c.yml", "account_files: ['c.accounts']\n");
        check("the patterns");
        put("c.yml", "account_files: [\n");
        check("a file that is not valid");
        fs::remove_file(directory.path().join("c.yml")).unwrap();
        check("no file");
    }

    /// As Kubernetes does it for a `ConfigMap`.
    #[test]
    fn a_symlink_that_is_swapped_changes_the_digest() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for (name, text) in [("1", "a: 1\n"), ("2", "a: 2\n")] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("c.yml"), text).unwrap();
        }
        std::os::unix::fs::symlink("1", path("data")).unwrap();
        std::os::unix::fs::symlink("data/c.yml", path("c.yml")).unwrap();
        let mut fingerprint = Fingerprint::new(&path("c.yml"));
        let before = fingerprint.digest();
        std::os::unix::fs::symlink("2", path("next")).unwrap();
        fs::rename(path("next"), path("data")).unwrap();
        assert_ne!(fingerprint.digest(), before);
    }
}
