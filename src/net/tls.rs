//! Encrypted connections as the DICOM profile of BCP 195 wants them: TLS 1.2 and 1.3 alone, by rustls, whose own choice of
//! ciphers is narrower than the profile's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

use crate::model::words::io_error;

/// Files of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, and those between it and the authority.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority of those who may call; without it nobody need show a certificate.
    pub client_ca: Option<PathBuf>,
}

/// Files for a connection to somebody else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// The authority that vouches for them; those of the system without it.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, where they ask for one.
    pub pair: Option<(PathBuf, PathBuf)>,
}

/// Why nobody can be served.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: no PEM with {what}: {}", path.display(), words(source))]
    File {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// They do not fit each other.
    #[error("certificate and key: {0}")]
    Pair(#[from] rustls::Error),
    /// Of the authority.
    #[error("client_ca: {0}")]
    Authority(#[from] rustls::server::VerifierBuilderError),
}

/// What is wrong with a PEM file, in a person's words.
fn words(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::Io(error) => io_error(error),
        Error::NoItemsFound => "it holds none".into(),
        _ => "it is damaged".into(),
    }
}

/// How connections are accepted.
///
/// # Errors
/// A file cannot be read, or they do not fit each other.
pub fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (certificates, key) = (certificates(&files.cert)?, private_key(&files.key)?);
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        Some(path) => {
            let roots = Arc::new(authority(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(builder.with_single_cert(certificates, key)?))
}

/// How we connect to somebody else.
///
/// # Errors
/// As [`server`].
pub fn client(files: &ClientTlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = match &files.ca {
        Some(path) => authority(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            // What a system holds beside is often old and odd: what can be used of it is.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.with_root_certificates(roots);
    Ok(Arc::new(match &files.pair {
        Some((cert, key)) => builder.with_client_auth_cert(certificates(cert)?, private_key(key)?)?,
        None => builder.with_no_client_auth(),
    }))
}

fn authority(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let refused = |source| TlsError::File { path: path.into(), what: "a private key", source };
    PrivateKeyDer::from_pem_file(path).map_err(refused)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refused = |source| TlsError::File { path: path.into(), what: "a certificate", source };
    let all: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(refused)?.collect::<Result<_, _>>().map_err(refused)?;
    if all.is_empty() { Err(refused(rustls::pki_types::pem::Error::NoItemsFound)) } else { Ok(all) }
}
