//! An exporter with a web configuration, and certificates for it.

use std::{fs, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};
use tokio::net::TcpSocket;

use crate::support::process::{CANARY, Running, exporter, listening};

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    pub(crate) fn issue(&self, sans: Vec<SanType>) -> Issued {
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans;
        self.sign(params)
    }

    /// A certificate that no authority has signed, as `openssl req -x509` makes it.
    pub(crate) fn self_signed(is_ca: bool) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Issued {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// An authority whose certificate was good until 2020.
    pub(crate) fn expired() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(2020, 1, 1);
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Good until 2020.
    pub(crate) fn issue_expired(&self) -> Issued {
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        params.distinguished_name.push(DnType::CommonName, "issued");
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued {
            certificate,
            key: key.serialize_pem(),
        }
    }

    /// For a server on this machine.
    pub(crate) fn server(&self) -> Issued {
        self.issue(vec![SanType::IpAddress("127.0.0.1".parse().unwrap())])
    }
}

impl Issued {
    /// As an identity of a client.
    pub(crate) fn identity(&self) -> reqwest::Identity {
        reqwest::Identity::from_pem(format!("{}{}", self.certificate, self.key).as_bytes()).unwrap()
    }
}

/// A client that trusts only `authority`, and presents the certificate `shown`.
pub(crate) fn client(authority: &Authority, shown: Option<&Issued>) -> reqwest::ClientBuilder {
    let root = reqwest::Certificate::from_pem(authority.certificate.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .pool_max_idle_per_host(0);
    match shown {
        Some(shown) => client.identity(shown.identity()),
        None => client,
    }
}

/// A client for plain HTTP.
pub(crate) fn plain_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The status of an answer, if there is one.
pub(crate) async fn status(request: reqwest::RequestBuilder) -> Option<u16> {
    request
        .send()
        .await
        .ok()
        .map(|answer| answer.status().as_u16())
}

/// An exporter without polls. Its configuration is `w.yml` in a directory of its own.
pub(crate) struct Site {
    directory: tempfile::TempDir,
    pub(crate) running: Running,
    /// `ADDRESS:PORT`.
    pub(crate) address: String,
    _refusing: TcpSocket,
}

impl Site {
    pub(crate) fn start(config: &str, files: &[(&str, &str)], flags: &[&str]) -> Site {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files.iter().chain(&[("w.yml", config)]) {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let (refusing, endpoint) = crate::support::raw::refusing();
        let mut command = exporter();
        command
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--poll.interval=1h",
                "--poll.stale-after=2h",
            ])
            .arg(format!("--api.endpoint=http://{endpoint}"))
            .arg(format!(
                "--web.config.file={}",
                directory.path().join("w.yml").display()
            ))
            .args(flags);
        let mut running = Running::start("tcss-exporter", &mut command);
        let url = running.wait_for("where it listens", listening);
        let address = url.trim_start_matches("http://").to_owned();
        Site {
            directory,
            running,
            address,
            _refusing: refusing,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

/// A password that no log may show.
pub(crate) fn password(name: &str) -> String {
    format!("{CANARY}-{name}")
}

/// A line for `basic_auth_users`.
pub(crate) fn user(name: &str, cost: u32) -> String {
    format!(
        "{name}: \"{}\"",
        bcrypt::hash(password(name), cost).unwrap()
    )
}
