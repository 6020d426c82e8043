//! Credentials from files, one for each part: a mounted Kubernetes Secret.

use std::path::PathBuf;

use super::{CredentialsError, KeyFiles, issued::Fetched, reader::Reader};
use crate::signer::{Credentials, Secret};

impl KeyFiles {
    pub(super) async fn fetch(&self, reader: &mut Reader) -> Result<Fetched, CredentialsError> {
        let mut paths = vec![self.secret_id.clone(), self.secret_key.clone()];
        paths.extend(self.token.clone());
        let mut texts = Vec::with_capacity(paths.len());
        for text in reader.read(paths).await? {
            texts.push(text?);
        }
        // One text for each path, in the same order.
        let secret_id = texts[0].to_string();
        let secret_key = Secret::new(texts[1].to_string());
        let token = texts.get(2).map(|text| Secret::new(text.to_string()));
        match Credentials::checked(secret_id, secret_key, token) {
            Ok(credentials) => Ok(Fetched::stored(credentials, self.to_string())),
            Err(error) => Err(CredentialsError::permanent(format!(
                "{} does not contain a valid {}: it {}",
                self.path_of(error.part()).display(),
                error.part(),
                error.fault()
            ))),
        }
    }

    fn path_of(&self, part: &str) -> &PathBuf {
        match (part, &self.token) {
            ("token", Some(token)) => token,
            ("SecretKey", _) => &self.secret_key,
            _ => &self.secret_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn each_file_contains_one_part() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = KeyFiles {
            secret_id: path("id"),
            secret_key: path("key"),
            token: Some(path("token")),
        };
        let fetch = || async { files.fetch(&mut Reader::default()).await };
        assert!(
            fetch()
                .await
                .unwrap_err()
                .to_string()
                .starts_with(&format!("{} cannot", path("id").display()))
        );
        for (name, content) in [("id", "AKIDfile\n"), ("key", "key\r\n"), ("token", "token")] {
            fs::write(path(name), content).unwrap();
        }
        let fetched = fetch().await.unwrap();
        assert_eq!(fetched.credentials.secret_id, "AKIDfile");
        assert_eq!(fetched.credentials.secret_key, Secret::new("key".into()));
        assert_eq!(fetched.credentials.token, Some(Secret::new("token".into())));
        assert_eq!(fetched.origin, format!("files {}", path("id").display()));

        fs::write(path("key"), "canary\ncanary").unwrap();
        let error = fetch().await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{} does not contain a valid SecretKey: it contains white space; remove it",
                path("key").display()
            )
        );
    }
}
