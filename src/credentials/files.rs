//! Credentials from files, one for each part: a mounted Secret.

use std::{fmt, path::PathBuf};

use super::{CredentialsError, issued::Fetched, read::Reader};
use crate::signer::{Credentials, Secret};

/// Where the parts are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Files {
    /// Holds the `SecretId` and nothing else.
    pub secret_id: PathBuf,
    /// Holds the `SecretKey` and nothing else.
    pub secret_key: PathBuf,
    /// Holds the token of temporary credentials and nothing else.
    pub token: Option<PathBuf>,
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files {}", self.secret_id.display())
    }
}

impl Files {
    pub(super) async fn fetch(&self, reader: &mut Reader) -> Result<Fetched, CredentialsError> {
        let paths = [&self.secret_id, &self.secret_key]
            .into_iter()
            .chain(&self.token)
            .cloned()
            .collect();
        let mut texts = reader.read(paths).await?.into_iter();
        let mut next = || texts.next().transpose();
        let (id, key, token) = (next()?, next()?, next()?);
        let secret =
            |text: Option<_>| text.map(|text: super::read::Text| Secret::new((*text).clone()));
        let (Some(secret_id), Some(secret_key)) = (id, secret(key)) else {
            unreachable!("two files were asked for")
        };
        let credentials = Credentials::checked((*secret_id).clone(), secret_key, secret(token))
            .map_err(|error| {
                let path = match error.part() {
                    "SecretId" => Some(&self.secret_id),
                    "SecretKey" => Some(&self.secret_key),
                    _ => self.token.as_ref(),
                };
                let path = path
                    .map(|path| path.display().to_string())
                    .unwrap_or_default();
                CredentialsError::broken(format!("{path} holds no {}", error.part()))
            })?;
        Ok(Fetched::written(credentials, self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn each_file_holds_one_part() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = Files {
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
            format!("{} holds no SecretKey", path("key").display())
        );
    }
}
