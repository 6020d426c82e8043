//! Whether the CA certificates that environment variables name can be used.

use std::{env, fs, path::Path};

use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// About `SSL_CERT_FILE` and `SSL_CERT_DIR`: where neither has a certificate that can be read, the client
/// uses its built-in ones, which the operator did not ask for.
pub(super) fn warnings() -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(file) = env::var_os("SSL_CERT_FILE") {
        warnings.extend(file_fault(Path::new(&file)));
    }
    if let Some(directories) = env::var_os("SSL_CERT_DIR") {
        for directory in env::split_paths(&directories) {
            warnings.extend(directory_fault(&directory));
        }
    }
    warnings
}

fn file_fault(file: &Path) -> Option<String> {
    let fault = match fs::read(file) {
        Ok(bytes) if has_certificate(&bytes) => return None,
        Ok(_) => "contains no PEM certificate".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Some(format!("SSL_CERT_FILE: {} {fault}", file.display()))
}

fn directory_fault(directory: &Path) -> Option<String> {
    let fault = match fs::read_dir(directory) {
        Ok(entries) => {
            for entry in entries.flatten() {
                if let Ok(bytes) = fs::read(entry.path())
                    && has_certificate(&bytes)
                {
                    return None;
                }
            }
            "contains no file with a PEM certificate".to_owned()
        }
        Err(error) => format!("cannot be read: {error}"),
    };
    Some(format!("SSL_CERT_DIR: {} {fault}", directory.display()))
}

fn has_certificate(bytes: &[u8]) -> bool {
    matches!(CertificateDer::pem_slice_iter(bytes).next(), Some(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_without_a_certificate_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let fault = file_fault(&file).unwrap();
        assert!(
            fault.contains("ca.pem cannot be read: No such file"),
            "{fault}"
        );
        fs::write(&file, "not a certificate").unwrap();
        assert!(
            file_fault(&file)
                .unwrap()
                .ends_with("contains no PEM certificate")
        );
        assert!(directory_fault(directory.path()).is_some());
        let key = rcgen::generate_simple_self_signed(vec!["a.example".into()]).unwrap();
        fs::write(&file, key.cert.pem()).unwrap();
        assert_eq!(
            (file_fault(&file), directory_fault(directory.path())),
            (None, None)
        );
    }
}
