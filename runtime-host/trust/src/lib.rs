//! Whom the host trusts when it connects by TLS, to upstreams, to stores and to registries alike:
//! the authorities that browsers trust, which are compiled in, and those of a file that the
//! operator names, or that the system has. What is connected to is not known here.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::{ClientConfig, RootCertStore};

/// The environment variable that names a file of further authorities, in PEM, as OpenSSL has it.
pub const FILE_VARIABLE: &str = "SSL_CERT_FILE";

/// Where systems keep such a file: Debian and those from it, Red Hat, Alpine and others. The
/// first that is there is read where the variable names none.
const SYSTEM_FILES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Why a file gives no authorities.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// What is in it is not what it should be.
    #[error("{} holds no certificates in PEM: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The certificates of authorities in a file, one at least.
///
/// # Errors
/// If the file cannot be read, or holds something else.
pub fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let unreadable = |reason| TrustError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let malformed = |reason: String| TrustError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(unreadable)?;
    let certificates: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| malformed(error.to_string()))?;
    match certificates.is_empty() {
        true => Err(malformed("there is none in it".to_owned())),
        false => Ok(certificates),
    }
}

/// The authorities of the file that the operator names or the system has, beside those that are
/// compiled in. They are read once; the log says why if the operator's can't be.
pub fn own_authorities() -> &'static [CertificateDer<'static>] {
    static OWN: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| {
        let named = env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty());
        let system = || {
            let mut files = SYSTEM_FILES.iter().map(PathBuf::from);
            files.find(|path| path.exists())
        };
        let Some(path) = named.map(PathBuf::from).or_else(system) else {
            return Vec::new();
        };
        read(&path).unwrap_or_else(|error| {
            tracing::warn!(
                "only public authorities are trusted, because {error}: mend the file, or name \
                 another in {FILE_VARIABLE}"
            );
            Vec::new()
        })
    });
    &OWN
}

/// The settings of TLS connections to whoever has a certificate by one of all these authorities.
///
/// # Errors
/// If this build has no TLS that is good enough.
pub fn client_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    static CONFIG: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> =
        LazyLock::new(|| trusting(own_authorities()).map(Arc::new));
    CONFIG.clone()
}

fn trusting(own: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    // A system's file may hold oddities that nobody needs.
    let (_trusted, ignored) = roots.add_parsable_certificates(own.iter().cloned());
    if ignored > 0 {
        tracing::debug!("{ignored} certificates are no authorities, so they are not trusted");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl req -x509 -new`, good for a hundred years.
    const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBmTCCAT+gAwIBAgIUMqH+wFXe4NoATu9E7pg9HK1YiXMwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWQSB0ZXN0J3Mgb3duIGF1dGhvcml0eTAgFw0yNjExMjExOTM2
NThaGA8yMTI2MTAyODE5MzY1OFowITEfMB0GA1UEAwwWQSB0ZXN0J3Mgb3duIGF1
dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG4PBtK2ivza9kQmcP3q
Sfa58wMz52dScJuM8JHz2jaABwaxgcCRXbNElDJ9EhQ3scwVTNLCSMagP5I4locv
aDujUzBRMB0GA1UdDgQWBBQcEGlQ4vRTabUq8iZZYMtj/JemjDAfBgNVHSMEGDAW
gBQcEGlQ4vRTabUq8iZZYMtj/JemjDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0gAMEUCIHd864TRm7U1nfbICtZP99t8L35D1+4B85C0jYITzYwiAiEA1T83
Y5ijYqIAaL0G3E6IZywUY61O53Lc85ItcnHc2nA=
-----END CERTIFICATE-----";

    fn file_with(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn every_certificate_of_a_file_is_trusted_beside_the_public_ones() {
        let text = format!("A comment\n{AUTHORITY}\nand another\n{AUTHORITY}");
        let own = read(file_with(&text).path()).unwrap();
        assert_eq!(own.len(), 2);
        let mut roots = RootCertStore::empty();
        assert_eq!(roots.add_parsable_certificates(own.iter().cloned()), (2, 0));
        assert!(trusting(&own).is_ok());
    }

    #[test]
    fn a_file_that_gives_none_is_told_by_its_name_and_why() {
        let told = |path: &Path| read(path).unwrap_err().to_string();
        let broken = AUTHORITY.replace("MII", "!!!");
        for text in ["", "no certificates", &broken] {
            let file = file_with(text);
            let told = told(file.path());
            let start = format!("{} holds no certificates in PEM: ", file.path().display());
            assert!(told.starts_with(&start), "{told}");
        }
        let folder = tempfile::tempdir().unwrap();
        let missing = told(&folder.path().join("ca.pem"));
        assert!(missing.contains("ca.pem cannot be read: "), "{missing}");
    }
}
