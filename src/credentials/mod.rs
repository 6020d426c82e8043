//! Where credentials come from, and how they are kept up to date.
//!
//! A [`Source`] is what the configuration says. [`Providers`] holds one [`Provider`] for each
//! distinct source, which accounts ask for what is [`Issued`] now.
//!
//! ```text
//! providers → provider → refresh → fetch → chain, assume_role → one file per kind → sts
//!                           ↓
//!                     status, schedule
//! ```
//!
//! `source` is plain data, which all of them read.

mod assume_role;
mod chain;
mod context;
mod cvm_role;
mod env;
mod environment;
mod error;
mod fetch;
mod files;
mod ini;
mod issued;
mod missing;
mod profile;
mod provider;
mod providers;
mod reader;
mod refresh;
mod schedule;
mod source;
mod status;
mod stored;
mod sts;
mod tccli;
mod tke_oidc;

#[cfg(test)]
mod tests;

pub(crate) use assume_role::{is_role_arn, is_session_name};
pub use context::RefreshContext;
pub(crate) use cvm_role::is_role_name;
pub use environment::Environment;
pub use error::CredentialsError;

pub use issued::Issued;
pub use provider::Provider;
pub use providers::Providers;
pub use source::{
    AssumeRole, Chain, CvmRole, EnvVariables, KeyFiles, Profile, Source, Sts, Tccli, TkeOidc,
};
pub use status::{CredentialsChange, CredentialsStatus};
pub use sts::{caller_identity, caller_uin};
