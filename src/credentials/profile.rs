//! Credentials from the file that the tools and SDKs of Tencent Cloud share.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{CredentialsError, Environment, ini, issued::Fetched, read::Reader};
use crate::signer::{Credentials, Secret};

const FILE_VARIABLE: &str = "TENCENTCLOUD_CREDENTIALS_FILE";
const IN_HOME: &str = ".tencentcloud/credentials";
const FOR_ALL: &str = "/etc/tencentcloud/credentials";

/// Which file, and which section of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// None: the one that `TENCENTCLOUD_CREDENTIALS_FILE` names, else the first one that is there of
    /// `~/.tencentcloud/credentials` and `/etc/tencentcloud/credentials`.
    pub file: Option<PathBuf>,
    /// The section.
    pub name: String,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            file: None,
            name: "default".into(),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "profile {} [{}]", file.display(), self.name),
            None => write!(f, "profile [{}]", self.name),
        }
    }
}

impl Profile {
    /// Stays with the file that it found first: when that vanishes, another one must not take its place unasked.
    pub(super) async fn fetch(
        &mut self,
        reader: &mut Reader,
        environment: &Environment,
    ) -> Result<Fetched, CredentialsError> {
        let candidates = self.candidates(environment);
        let texts = reader
            .read(candidates.iter().map(|(path, _)| path.clone()).collect())
            .await?;
        for ((path, is_named), text) in candidates.iter().zip(texts) {
            let text = match text {
                Err(error) if error.is_absent && !is_named => continue,
                text => text?,
            };
            let credentials = self
                .parse(&text)
                .map_err(|error| error.of(path.display()))?;
            self.file = Some(path.clone());
            return Ok(Fetched::written(credentials, self.to_string()));
        }
        let paths: Vec<String> = candidates
            .iter()
            .map(|(path, _)| path.display().to_string())
            .collect();
        Err(CredentialsError::absent(format!(
            "there is no {}",
            paths.join(" and no ")
        )))
    }

    /// Where it may be, and whether somebody said so.
    fn candidates(&self, environment: &Environment) -> Vec<(PathBuf, bool)> {
        if let Some(file) = self
            .file
            .clone()
            .or_else(|| environment.value(FILE_VARIABLE).map(PathBuf::from))
        {
            return vec![(file, true)];
        }
        let standard = environment.home().map(|home| home.join(IN_HOME));
        standard
            .into_iter()
            .chain([Path::new(FOR_ALL).to_owned()])
            .map(|path| (path, false))
            .collect()
    }

    /// The credentials in the text of a file.
    pub fn parse(&self, text: &str) -> Result<Credentials, CredentialsError> {
        let broken = |message: String| CredentialsError::broken(message);
        let entries = ini::section(text, &self.name).map_err(|error| broken(error.to_string()))?;
        let entries = entries.ok_or_else(|| broken(format!("has no section [{}]", self.name)))?;
        let value = |key: &str| {
            let value = entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| (*value).to_owned());
            value.filter(|value| !value.is_empty())
        };
        let required = |key: &str| {
            value(key).ok_or_else(|| broken(format!("has no {key} in section [{}]", self.name)))
        };
        let (secret_id, secret_key) =
            (required("secret_id")?, Secret::new(required("secret_key")?));
        Ok(Credentials::checked(
            secret_id,
            secret_key,
            value("token").map(Secret::new),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_section_holds_credentials() {
        let file = "[default]\nsecret_id = AKIDone\nsecret_key = \"key\"\n[other]\nsecret_id=AKIDtwo\nsecret_key=k\ntoken=t\n";
        let of = |name: &str| {
            Profile {
                file: None,
                name: name.into(),
            }
            .parse(file)
        };
        assert_eq!(of("default").unwrap().secret_id, "AKIDone");
        assert_eq!(of("other").unwrap().token, Some(Secret::new("t".into())));
        assert_eq!(
            of("third").unwrap_err().to_string(),
            "has no section [third]"
        );
        let of = |text: &str| Profile::default().parse(text).unwrap_err().to_string();
        assert_eq!(
            of("[default]\nsecret_id = a\n"),
            "has no secret_key in section [default]"
        );
        assert_eq!(
            of("[default]\nsecret_id =\nsecret_key = k"),
            "has no secret_id in section [default]"
        );
        assert!(!of("[default]\nsecret_id = a\nsecret_key = can ary").contains("ary"));
    }

    #[tokio::test]
    async fn the_file_is_looked_for_where_the_tools_have_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(IN_HOME);
        let home_text = home.path().to_str().unwrap();
        let fetch = |environment: &[(&str, &str)]| {
            let environment = Environment::of(environment);
            async move {
                Profile::default()
                    .fetch(&mut Reader::default(), &environment)
                    .await
            }
        };
        let absent = fetch(&[("HOME", home_text)]).await.unwrap_err();
        let expected = format!(
            "there is no {} and no /etc/tencentcloud/credentials",
            path.display()
        );
        assert_eq!((absent.to_string(), absent.is_absent()), (expected, true));

        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "[default]\nsecret_id=AKIDhome\nsecret_key=k\n").unwrap();
        let fetched = fetch(&[("HOME", home_text)]).await.unwrap();
        assert_eq!(
            fetched.origin,
            format!("profile {} [default]", path.display())
        );

        let named = home.path().join("named");
        let variables = [
            ("HOME", home_text),
            (FILE_VARIABLE, named.to_str().unwrap()),
        ];
        let error = fetch(&variables).await.unwrap_err();
        assert!(
            !error.is_absent(),
            "somebody named it, so no other is taken: {error}"
        );
        fs::write(&named, "[default]\nsecret_id=AKIDnamed\nsecret_key=k\n").unwrap();
        assert_eq!(
            fetch(&variables).await.unwrap().credentials.secret_id,
            "AKIDnamed"
        );
    }

    #[tokio::test]
    async fn once_found_it_stays_with_that_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(IN_HOME);
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "[default]\nsecret_id=AKIDhome\nsecret_key=k\n").unwrap();
        let environment = Environment::of(&[("HOME", home.path().to_str().unwrap())]);
        let mut profile = Profile::default();
        profile
            .fetch(&mut Reader::default(), &environment)
            .await
            .unwrap();
        fs::remove_file(&path).unwrap();
        let error = profile
            .fetch(&mut Reader::default(), &environment)
            .await
            .unwrap_err();
        assert!(
            error.to_string().starts_with(&path.display().to_string()) && !error.is_absent(),
            "{error}"
        );
    }
}
