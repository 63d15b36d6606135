//! Whom to trust with TLS when a registry is asked: the certificates of the web, which are built
//! in, those of the system or of the operator's file, and those of a file for registries alone.

use std::collections::HashSet;
use std::env;
use std::path::Path;

use oci_client::client::{Certificate, CertificateEncoding};
use runtime_host_trust::{FILE_VARIABLE, own_authorities, read};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::OciError;

/// All of them, each once.
pub(super) fn certificates(ca_file: Option<&Path>) -> Result<Vec<Certificate>, OciError> {
    let mut all: HashSet<CertificateDer<'static>> = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .cloned()
        .collect();
    all.extend(of_the_system()?);
    if let Some(path) = ca_file {
        all.extend(of_the_file(path)?);
    }
    let certificates = all.into_iter().map(|certificate| Certificate {
        encoding: CertificateEncoding::Der,
        data: certificate.to_vec(),
    });
    Ok(certificates.collect())
}

/// A file that was named has to be there: nothing runs without the registry that it is for.
fn of_the_system() -> Result<Vec<CertificateDer<'static>>, OciError> {
    let named = env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty());
    let found = match named {
        Some(path) => read(Path::new(&path)).map_err(|error| OciError::Trust {
            place: FILE_VARIABLE.to_owned(),
            reason: error.to_string(),
        })?,
        None => own_authorities().to_vec(),
    };
    // Among hundreds of certificates of a system there may be some that nothing can be done with.
    Ok(found.into_iter().filter(is_usable).collect())
}

fn of_the_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, OciError> {
    let unusable = |reason: String| OciError::Trust {
        place: "`--ca-file`".to_owned(),
        reason,
    };
    let certificates = read(path).map_err(|error| unusable(error.to_string()))?;
    match certificates.iter().all(is_usable) {
        true => Ok(certificates),
        false => Err(unusable(format!(
            "{} has something else than certificates in it",
            path.display()
        ))),
    }
}

fn is_usable(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_of_the_web_are_built_in() {
        let all = certificates(None).unwrap();
        assert!(all.len() >= webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for content in ["", "no PEM", no_certificate] {
            std::fs::write(file.path(), content).unwrap();
            let said = certificates(Some(file.path())).unwrap_err().to_string();
            assert!(said.contains(file.path().to_str().unwrap()), "{said}");
        }
        assert!(certificates(Some(Path::new("/nowhere.pem"))).is_err());
    }
}
