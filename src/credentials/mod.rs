//! Where keys come from: one file a kind, the chain of kinds, and their renewal.
//!
//! A [`Source`] is what the configuration says. [`Providers`] has one [`Provider`] for each distinct source, which
//! keeps what the source gives up to date; accounts ask it for what is [`Issued`] now.

use std::fmt;

mod assume_role;
mod chain;
mod cvm_role;
pub mod env;
mod environment;
mod error;
mod fetch;
mod files;
mod ini;
mod issued;
mod pool;
mod profile;
mod provider;
mod read;
mod renewal;
mod schedule;
mod status;
mod sts;
mod tccli;
mod tke_oidc;

pub use assume_role::AssumeRole;
pub use chain::Chain;
pub use cvm_role::CvmRole;
pub(crate) use cvm_role::is_role_name;
pub use environment::Environment;
pub use error::CredentialsError;
pub use files::Files;
pub use issued::Issued;
pub use pool::{Providers, Tools};
pub use profile::Profile;
pub use provider::Provider;
pub use status::{Change, Status};
pub use sts::Sts;
pub use tccli::Tccli;
pub use tke_oidc::TkeOidc;

use crate::signer::Credentials;

/// Where an account's credentials come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The first of several kinds that there is.
    Chain(Chain),
    /// Environment variables.
    Env(env::Variables),
    /// One file for each part.
    Files(Files),
    /// Fixed ones.
    Static(Credentials),
    /// A file that the tools of Tencent Cloud share.
    Profile(Profile),
    /// A file of the command line tool `tccli`.
    Tccli(Tccli),
    /// The role of a pod in TKE.
    TkeOidc(TkeOidc),
    /// The role of a CVM.
    CvmRole(CvmRole),
    /// A role that other credentials may take on.
    AssumeRole(Box<AssumeRole>),
}

impl Default for Source {
    fn default() -> Source {
        Source::Chain(Chain::default())
    }
}

impl Source {
    /// Whether it begins with a chain, which must look before it can be said that there is nothing.
    fn is_chained(&self) -> bool {
        match self {
            Source::Chain(_) => true,
            Source::AssumeRole(role) => role.source.is_chained(),
            _ => false,
        }
    }

    /// Whether its keys are part of the configuration.
    pub(crate) fn is_written_down(&self) -> bool {
        match self {
            Source::Static(_) => true,
            Source::AssumeRole(role) => role.source.is_written_down(),
            _ => false,
        }
    }
}

/// For people; never a secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Chain(_) => f.write_str("chain"),
            Source::Env(variables) => variables.fmt(f),
            Source::Files(files) => files.fmt(f),
            Source::Static(_) => f.write_str("static"),
            Source::Profile(profile) => profile.fmt(f),
            Source::Tccli(tccli) => tccli.fmt(f),
            Source::TkeOidc(_) => f.write_str("tke_oidc"),
            Source::CvmRole(cvm_role) => cvm_role.fmt(f),
            Source::AssumeRole(assume_role) => assume_role.fmt(f),
        }
    }
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
mod wire_tests;
