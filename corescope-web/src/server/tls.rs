//! TLS by rustls; HTTP/2 is offered by ALPN.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::options::TlsFiles;

/// Why HTTPS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("https: cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds nothing usable.
    #[error("https: {path} holds no usable {what} (PEM expected)")]
    Pem {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// Certificate and key do not fit together, or are not supported.
    #[error("https: certificate and key cannot be used: {0}")]
    Pair(#[from] rustls::Error),
}

pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let open = |path: &PathBuf| {
        File::open(path).map(BufReader::new).map_err(|source| TlsError::Read { path: path.clone(), source })
    };
    let no = |path: &PathBuf, what| TlsError::Pem { path: path.clone(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_reader_iter(open(&files.cert)?)
        .collect::<Result<_, _>>()
        .map_err(|_| no(&files.cert, "certificate"))?;
    if chain.is_empty() {
        return Err(no(&files.cert, "certificate"));
    }
    let key = PrivateKeyDer::from_pem_reader(open(&files.key)?).map_err(|_| no(&files.key, "private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        let message = |files: &TlsFiles| acceptor(files).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message(&files).contains("cannot read"));
        std::fs::write(&files.cert, "nothing").unwrap();
        assert!(message(&files).contains("cert.pem holds no usable certificate"));
    }
}
