//! Credentials from the file that the tools and SDKs of Tencent Cloud share.

use std::path::PathBuf;

use super::{
    CredentialsError, Environment, Profile, ini,
    issued::Fetched,
    reader::Reader,
    stored::{RoleSettings, Stored, refuse_unknown_identity},
};
use crate::signer::{Credentials, Secret};

const FILE_VARIABLE: &str = "TENCENTCLOUD_CREDENTIALS_FILE";
const IN_HOME: &str = ".tencentcloud/credentials";
/// Keys of a section that are read.
const KNOWN: [&str; 6] = [
    "secret_id",
    "secret_key",
    "token",
    "role_arn",
    "role_session_name",
    "external_id",
];
const FOR_ALL: &str = "/etc/tencentcloud/credentials";

impl Profile {
    /// Keeps the file that it found first: when that is removed, another one must not silently take
    /// its place.
    pub(super) async fn read(
        &mut self,
        reader: &mut Reader,
        environment: &Environment,
    ) -> Result<Stored, CredentialsError> {
        let (paths, are_named) = self.candidates(environment);
        let mut missing = Vec::new();
        for (path, text) in paths.iter().zip(reader.read(paths.clone()).await?) {
            let text = match text {
                // Only the standard files may be missing, not one that an operator named.
                Err(error) if error.is_absent && !are_named => {
                    missing.push(error.absence());
                    continue;
                }
                text => text?,
            };
            let parsed = self.parse(&text);
            let (credentials, role) = parsed.map_err(|error| error.at(path.display()))?;
            self.file = Some(path.clone());
            let keys = Fetched::stored(credentials, self.to_string());
            return role.apply(keys, &self.sts_endpoint).map_err(|message| {
                let message = format!("{message} in section [{}]", self.name);
                CredentialsError::permanent(message).at(path.display())
            });
        }
        Err(CredentialsError::absent(missing.join(" and ")))
    }

    /// Where the file may be, and whether an operator named it.
    fn candidates(&self, environment: &Environment) -> (Vec<PathBuf>, bool) {
        if let Some(file) = &self.file {
            return (vec![file.clone()], true);
        }
        if let Some(file) = environment.value(FILE_VARIABLE) {
            return (vec![file.into()], true);
        }
        let mut standard = Vec::new();
        if let Some(home) = environment.home() {
            standard.push(home.join(IN_HOME));
        }
        standard.push(FOR_ALL.into());
        (standard, false)
    }

    /// The credentials in the text of a file, and the role that they assume.
    fn parse(&self, text: &str) -> Result<(Credentials, RoleSettings), CredentialsError> {
        let entries = match ini::section(text, &self.name) {
            Ok(Some(entries)) => entries,
            Ok(None) => {
                let message = format!("has no section [{}]", self.name);
                return Err(CredentialsError::permanent(message));
            }
            Err(error) => return Err(CredentialsError::permanent(error.to_string())),
        };
        let mut unknown = Vec::new();
        for (key, value) in &entries {
            // A setting without a value cannot select another identity.
            if !KNOWN.contains(&key.as_str()) && !value.is_empty() {
                unknown.push(key.as_str());
            }
        }
        let place = format!(" in section [{}]", self.name);
        refuse_unknown_identity(unknown.into_iter(), &place)?;
        let secret_id = self.required(&entries, "secret_id")?;
        let secret_key = Secret::new(self.required(&entries, "secret_key")?);
        let token = value(&entries, "token").map(Secret::new);
        let credentials = Credentials::checked(secret_id, secret_key, token)?;
        let role = RoleSettings {
            role_arn: value(&entries, "role_arn"),
            session_name: value(&entries, "role_session_name"),
            external_id: value(&entries, "external_id"),
        };
        Ok((credentials, role))
    }

    /// Parses any text, for fuzzing.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn parse_any(&self, text: &str) -> Result<Credentials, CredentialsError> {
        let (credentials, _) = self.parse(text)?;
        Ok(credentials)
    }

    fn required(&self, entries: &[(String, &str)], key: &str) -> Result<String, CredentialsError> {
        value(entries, key).ok_or_else(|| {
            CredentialsError::permanent(format!("has no {key} in section [{}]", self.name))
        })
    }
}

/// The value of `key`. None where it is not set or empty.
fn value(entries: &[(String, &str)], key: &str) -> Option<String> {
    for (name, value) in entries {
        if name == key && !value.is_empty() {
            return Some((*value).to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn keys(stored: Stored) -> Fetched {
        match stored {
            Stored::Keys(keys) => keys,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_role_in_a_section_is_honoured_and_what_is_not_supported_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = async |settings: &str| {
            let base = "[default]\nsecret_id = AKIDbase\nsecret_key = k\n";
            fs::write(file.path(), format!("{base}{settings}\n")).unwrap();
            let mut profile = Profile {
                file: Some(file.path().to_owned()),
                ..Profile::default()
            };
            let stored = profile
                .read(&mut Reader::default(), &Environment::of(&[]))
                .await;
            match stored {
                Ok(stored) => Ok(stored.is_keys()),
                Err(error) => Err(error.to_string()),
            }
        };
        let arn = "qcs::cam::uin/100000000001:roleName/reader";
        assert_eq!(read(&format!("role_arn = {arn}")).await, Ok(false));
        let quoted = format!("Role-Arn = \"{arn}\"\nrole_session_name = mon");
        assert_eq!(read(&quoted).await, Ok(false));
        assert_eq!(read("role_arn =\nregion = ap-guangzhou").await, Ok(true));
        for settings in [
            "role_arn = reader",
            "source_profile = base",
            "credential_process = /bin/keys",
            "assume_role = reader",
        ] {
            let error = read(settings).await.unwrap_err();
            assert!(
                error.starts_with(&file.path().display().to_string())
                    && error.contains("in section [default]"),
                "{settings}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn a_home_that_cannot_be_entered_has_no_file() {
        let error = Profile::default()
            .read(
                &mut Reader::default(),
                &Environment::of(&[("HOME", "/dev/null")]),
            )
            .await
            .unwrap_err();
        assert!(error.is_absent(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("/dev/null/.tencentcloud/credentials cannot be reached: "),
            "{error}"
        );
    }

    #[test]
    fn a_section_contains_credentials() {
        let file = "[default]\nsecret_id = AKIDone\nsecret_key = \"key\"\n[other]\nsecret_id=AKIDtwo\nsecret_key=k\ntoken=t\n";
        let of = |name: &str| {
            Profile {
                name: name.into(),
                ..Profile::default()
            }
            .parse_any(file)
        };
        assert_eq!(of("default").unwrap().secret_id, "AKIDone");
        assert_eq!(of("other").unwrap().token, Some(Secret::new("t".into())));
        assert_eq!(
            of("third").unwrap_err().to_string(),
            "has no section [third]"
        );
        let of = |text: &str| Profile::default().parse_any(text).unwrap_err().to_string();
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
    async fn the_file_is_found_where_the_tools_write_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(IN_HOME);
        let home_text = home.path().to_str().unwrap();
        let fetch = |environment: &[(&str, &str)]| {
            let environment = Environment::of(environment);
            async move {
                Profile::default()
                    .read(&mut Reader::default(), &environment)
                    .await
            }
        };
        let absent = fetch(&[("HOME", home_text)]).await.unwrap_err();
        let expected = format!(
            "there is no {} and there is no /etc/tencentcloud/credentials",
            path.display()
        );
        assert_eq!((absent.to_string(), absent.is_absent()), (expected, true));

        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "[default]\nsecret_id=AKIDhome\nsecret_key=k\n").unwrap();
        let stored = fetch(&[("HOME", home_text)]).await.unwrap();
        assert_eq!(
            keys(stored).origin,
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
            "an operator named it, so no other is used: {error}"
        );
        fs::write(&named, "[default]\nsecret_id=AKIDnamed\nsecret_key=k\n").unwrap();
        assert_eq!(
            keys(fetch(&variables).await.unwrap()).credentials.secret_id,
            "AKIDnamed"
        );
    }

    #[tokio::test]
    async fn a_file_that_was_found_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(IN_HOME);
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "[default]\nsecret_id=AKIDhome\nsecret_key=k\n").unwrap();
        let environment = Environment::of(&[("HOME", home.path().to_str().unwrap())]);
        let mut profile = Profile::default();
        profile
            .read(&mut Reader::default(), &environment)
            .await
            .unwrap();
        fs::remove_file(&path).unwrap();
        let error = profile
            .read(&mut Reader::default(), &environment)
            .await
            .unwrap_err();
        assert!(
            error.to_string().starts_with(&path.display().to_string()) && !error.is_absent(),
            "{error}"
        );
    }
}
