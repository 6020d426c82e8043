//! Where keys come from: one file a kind.

use crate::signer::Credentials;

pub mod env;

/// Where an account's credentials come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Environment variables.
    Env(env::Variables),
    /// Fixed ones, such as the demo's.
    Static(Credentials),
}

/// There are no credentials, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CredentialsError(String);

impl Source {
    /// Reads the credentials afresh.
    pub fn load(&self) -> Result<Credentials, CredentialsError> {
        match self {
            Source::Env(variables) => variables.load(),
            Source::Static(credentials) => Ok(credentials.clone()),
        }
    }
}
