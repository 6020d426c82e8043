//! What the configuration says about credentials: plain data.

use std::{fmt, path::PathBuf, time::Duration};

use crate::{
    domain::{Endpoint, Region},
    signer::Credentials,
};

/// Where an account's credentials come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The first of several kinds that is present.
    Chain(Chain),
    Env(EnvVariables),
    /// One file for each part.
    Files(KeyFiles),
    /// Written in the configuration.
    Static(Credentials),
    /// The credentials file that the SDKs of Tencent Cloud share.
    Profile(Profile),
    /// A credentials file of the command line tool `tccli`.
    Tccli(Tccli),
    /// The role of a pod in TKE.
    TkeOidc(TkeOidc),
    /// The role of a CVM instance.
    CvmRole(CvmRole),
    /// A role that other credentials assume.
    AssumeRole(Box<AssumeRole>),
}

impl Default for Source {
    fn default() -> Source {
        Source::Chain(Chain::default())
    }
}

impl Source {
    /// Whether it is a chain, or a role that the credentials of a chain assume. Whether a chain
    /// finds anything is known only after it was tried.
    pub(super) fn starts_with_chain(&self) -> bool {
        match self {
            Source::Chain(_) => true,
            Source::AssumeRole(role) => role.source.starts_with_chain(),
            _ => false,
        }
    }

    /// Whether its keys are written in the configuration.
    pub(crate) fn is_in_configuration(&self) -> bool {
        match self {
            Source::Static(_) => true,
            Source::AssumeRole(role) => role.source.is_in_configuration(),
            _ => false,
        }
    }

    /// Whether it never changes while the process runs.
    pub(super) fn is_fixed(&self) -> bool {
        // Other processes cannot change the environment of one that runs.
        matches!(self, Source::Env(_) | Source::Static(_))
    }

    /// Whether others may change it at any time, so that it is read again and again.
    pub(super) fn is_watched(&self) -> bool {
        matches!(
            self,
            Source::Files(_) | Source::Profile(_) | Source::Tccli(_)
        )
    }
}

/// For logs and tables. Shows no part of any key.
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
            Source::CvmRole(role) => role.fmt(f),
            Source::AssumeRole(role) => role.fmt(f),
        }
    }
}

/// The kinds that are tried where the configuration names none: environment variables, a profile,
/// the role of a pod, the role of a CVM instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// For the role of a pod, and for roles of the environment and of a profile.
    pub sts_endpoint: Endpoint,
    /// For the role of a CVM instance.
    pub metadata_endpoint: Endpoint,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain {
            sts_endpoint: Sts::default_endpoint(),
            metadata_endpoint: CvmRole::default_endpoint(),
        }
    }
}

/// The names of environment variables.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvVariables {
    pub secret_id: String,
    pub secret_key: String,
    /// For the token of temporary credentials, which is optional. The first variable that is set
    /// counts.
    pub token: Vec<String>,
    /// Whether the standard variables of a role count. They belong to the standard keys.
    pub honours_role: bool,
    /// Of STS, for the role.
    pub sts_endpoint: Endpoint,
}

impl Default for EnvVariables {
    /// The names that Tencent Cloud's own tools read.
    fn default() -> EnvVariables {
        EnvVariables {
            secret_id: "TENCENTCLOUD_SECRET_ID".into(),
            secret_key: "TENCENTCLOUD_SECRET_KEY".into(),
            token: vec![
                "TENCENTCLOUD_TOKEN".into(),
                "TENCENTCLOUD_SECURITY_TOKEN".into(),
                "TENCENTCLOUD_SESSION_TOKEN".into(),
            ],
            honours_role: true,
            sts_endpoint: Sts::default_endpoint(),
        }
    }
}

impl fmt::Display for EnvVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "env {}", self.secret_id)
    }
}

/// Files that contain one part each, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyFiles {
    pub secret_id: PathBuf,
    pub secret_key: PathBuf,
    /// For temporary credentials.
    pub token: Option<PathBuf>,
}

impl fmt::Display for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files {}", self.secret_id.display())
    }
}

/// A section of a credentials file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// None: the file that `TENCENTCLOUD_CREDENTIALS_FILE` names, else the first one that exists of
    /// `~/.tencentcloud/credentials` and `/etc/tencentcloud/credentials`.
    pub file: Option<PathBuf>,
    /// The section.
    pub name: String,
    /// Of STS, for a section with a role.
    pub sts_endpoint: Endpoint,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            file: None,
            name: "default".into(),
            sts_endpoint: Sts::default_endpoint(),
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

/// A profile of `tccli`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tccli {
    /// The file is `~/.tccli/NAME.credential`.
    pub name: String,
    /// Of STS, for a profile with a role.
    pub sts_endpoint: Endpoint,
    /// Of the metadata service, for a profile of type `cvm-role`.
    pub metadata_endpoint: Endpoint,
}

impl Default for Tccli {
    fn default() -> Tccli {
        Tccli {
            name: "default".into(),
            sts_endpoint: Sts::default_endpoint(),
            metadata_endpoint: CvmRole::default_endpoint(),
        }
    }
}

impl fmt::Display for Tccli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tccli {}", self.name)
    }
}

/// The role of a pod. TKE's environment variables say the rest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TkeOidc {
    /// Of STS.
    pub endpoint: Endpoint,
}

impl Default for TkeOidc {
    fn default() -> TkeOidc {
        TkeOidc {
            endpoint: Sts::default_endpoint(),
        }
    }
}

/// The role that is bound to a CVM instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CvmRole {
    /// Of the metadata service.
    pub endpoint: Endpoint,
    /// None: the one that the metadata service names.
    pub role: Option<String>,
}

impl Default for CvmRole {
    fn default() -> CvmRole {
        CvmRole {
            endpoint: CvmRole::default_endpoint(),
            role: None,
        }
    }
}

impl CvmRole {
    /// The same on every CVM instance.
    pub fn default_endpoint() -> Endpoint {
        Endpoint::parse("http://metadata.tencentyun.com", true).expect("a URL")
    }
}

impl fmt::Display for CvmRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            Some(role) => write!(f, "cvm_role {role}"),
            None => f.write_str("cvm_role"),
        }
    }
}

/// A role, and the credentials that assume it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssumeRole {
    /// For example `qcs::cam::uin/100000000001:roleName/tcss-exporter`.
    pub role_arn: String,
    /// The name of the session in `CloudAudit`.
    pub session_name: String,
    /// Where the role's trust policy requires one.
    pub external_id: Option<String>,
    /// How long the temporary credentials are valid.
    pub duration: Duration,
    pub sts: Sts,
    /// Whether the account was discovered, so that the role may not be there yet. A refusal then
    /// has a reason of its own and is retried slowly.
    pub is_discovered: bool,
    /// Whose credentials assume the role.
    pub source: Source,
}

impl AssumeRole {
    pub const DEFAULT_SESSION_NAME: &'static str = "tcss-exporter";
    /// What the official SDKs ask for.
    pub const DEFAULT_DURATION: Duration = Duration::from_hours(2);
}

impl fmt::Display for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "assume_role {}", self.role_arn)
    }
}

/// Where STS is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sts {
    /// The same for all regions.
    pub endpoint: Endpoint,
    /// STS requires one. The credentials are valid in all regions.
    pub region: Region,
}

impl Default for Sts {
    fn default() -> Sts {
        Sts {
            endpoint: Sts::default_endpoint(),
            region: Sts::default_region(),
        }
    }
}

impl Sts {
    /// The one of the mainland site.
    pub fn default_endpoint() -> Endpoint {
        Endpoint::parse("sts.tencentcloudapi.com", false).expect("a host")
    }

    /// The one that the official SDKs send.
    pub fn default_region() -> Region {
        Region::parse("ap-guangzhou").expect("a region")
    }
}
