//! Certificates: read from files, or made for the demo.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("could not read the certificate {}: it must be a PEM file, leaf first", path.display())]
    Certificate { path: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("{} holds no certificate: it must be a PEM file, leaf first", path.display())]
    NoCertificate { path: PathBuf },
    #[error("could not read the private key {}: it must be a PEM file", path.display())]
    Key { path: PathBuf, source: rustls_pki_types::pem::Error },
    #[error("certificate and private key do not fit together")]
    Pair(#[source] rustls::Error),
    #[error("could not make a certificate")]
    Make(#[source] rcgen::Error),
}

/// Says once for the whole process which implementation does the cryptography.
pub(crate) fn install_provider() {
    // An error means that one is installed already, which is all that is asked for.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// From PEM files, as the settings name them.
pub(crate) fn from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, CertificateError> {
    let unreadable = |source| CertificateError::Certificate { path: certificate.to_owned(), source };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { path: certificate.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| CertificateError::Key { path: key.to_owned(), source })?;
    config(chain, key)
}

/// One that no browser trusts, for this machine, made anew at every start.
pub(crate) fn self_signed() -> Result<Arc<ServerConfig>, CertificateError> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(CertificateError::Make)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    config(vec![made.cert.der().clone()], key)
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(CertificateError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_certificate_is_a_good_one() {
        install_provider();
        assert!(self_signed().is_ok());
    }

    #[test]
    fn files_that_are_none_are_told_apart() {
        install_provider();
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        assert!(matches!(from_files(&certificate, &key), Err(CertificateError::Certificate { .. })));
        std::fs::write(&certificate, "not a certificate").unwrap();
        assert!(matches!(from_files(&certificate, &key), Err(CertificateError::NoCertificate { .. })));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        assert!(matches!(from_files(&certificate, &key), Err(CertificateError::Key { .. })));
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        assert!(matches!(from_files(&certificate, &key), Err(CertificateError::Pair(_))));
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        assert!(from_files(&certificate, &key).is_ok());
    }
}
