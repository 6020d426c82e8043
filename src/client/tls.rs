//! How the certificates of servers are verified.

use std::sync::Arc;

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
};
use tokio::sync::OnceCell;

use crate::workers::WorkerPool;

/// With the CA certificates of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`. Where there
/// are none, as in an image `FROM scratch`, with Mozilla's, which are built in.
#[derive(Debug, Default)]
pub(super) struct SystemTls(OnceCell<ClientConfig>);

impl SystemTls {
    /// Loads the certificates for the first request. A system has some hundred of them, which takes
    /// longer than everything else at the start.
    pub(super) async fn config(&self) -> &ClientConfig {
        let load = || async { WorkerPool::new("certificates", 1).run(system_config).await };
        self.0.get_or_init(load).await
    }
}

fn system_config() -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = builder(&provider);
    match rustls_platform_verifier::Verifier::new(provider) {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
        Err(error) => {
            // `app` warns where a variable names certificates that cannot be used.
            tracing::debug!(%error, "no CA certificates on this system, using the built-in ones");
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(),
            );
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    }
}

/// With these CA certificates and no others.
pub(super) fn with_roots(roots: Arc<RootCertStore>) -> ClientConfig {
    builder(&Arc::new(aws_lc_rs::default_provider()))
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// For TLS 1.2 and 1.3.
fn builder(provider: &Arc<CryptoProvider>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("aws-lc supports these versions")
}
