//! Why TLS with another host fails, told apart by what can be done about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use wasmtime_wasi_http::Error;

use crate::causes::chain;

/// Why there is no TLS on a connection that stands.
#[derive(Debug)]
pub(crate) enum TlsFailure {
    /// The certificate is not believed.
    Certificate(CertificateError),
    /// What answers does not speak TLS.
    NotTls,
    /// The other side ends the handshake.
    Alert(AlertDescription),
    /// The other side ends the connection during the handshake.
    Closed,
    /// Anything else.
    Other(String),
}

impl TlsFailure {
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut last = error;
        for cause in chain(error) {
            if let Some(error) = cause.downcast_ref::<TlsError>() {
                return Self::of_tls(error);
            }
            if cause.downcast_ref().is_some_and(is_of_closing) {
                return Self::Closed;
            }
            last = cause;
        }
        Self::Other(last.to_string())
    }

    fn of_tls(error: &TlsError) -> Self {
        match error {
            TlsError::InvalidCertificate(reason) => Self::Certificate(reason.clone()),
            TlsError::InvalidMessage(_) => Self::NotTls,
            TlsError::AlertReceived(alert) => Self::Alert(*alert),
            other => Self::Other(other.to_string()),
        }
    }

    /// The failure in the words of `wasi:http`.
    pub(super) fn for_guest(&self) -> Error {
        match self {
            Self::Certificate(_) => Error::TlsCertificateError,
            Self::Alert(alert) => Error::TlsAlertReceived {
                alert_id: Some(u8::from(*alert)),
                alert_message: Some(format!("{alert:?}")),
            },
            Self::NotTls | Self::Closed | Self::Other(_) => Error::TlsProtocolError,
        }
    }
}

fn is_of_closing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(reason) => {
                write!(f, "{}", TlsError::InvalidCertificate(reason.clone()))?;
                match reason {
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. } => {
                        f.write_str("; write a URL with a name that the certificate has")
                    }
                    CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                        f.write_str("; its server has to renew it")
                    }
                    CertificateError::UnknownIssuer => write!(
                        f,
                        "; if an authority of your own has signed it, add that authority's \
                         certificate to the file that {} names",
                        runtime_host_trust::FILE_VARIABLE
                    ),
                    _ => Ok(()),
                }
            }
            Self::NotTls => f.write_str(
                "what answers there does not speak TLS; write `http://` if it serves plain HTTP, \
                 or correct the port",
            ),
            Self::Alert(alert) => write!(f, "the other side ends the handshake with {alert:?}"),
            Self::Closed => f.write_str(
                "the other side closes the connection in the handshake; if it serves plain HTTP, \
                 write `http://`",
            ),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::InvalidMessage;

    fn wrapped(error: TlsError) -> TlsFailure {
        let inner = io::Error::new(io::ErrorKind::InvalidData, error);
        TlsFailure::of(&io::Error::other(inner))
    }

    #[test]
    fn only_an_unknown_authority_hints_at_authorities() {
        for (failure, told) in [
            (
                wrapped(TlsError::InvalidCertificate(
                    CertificateError::UnknownIssuer,
                )),
                "SSL_CERT_FILE",
            ),
            (
                wrapped(TlsError::InvalidCertificate(
                    CertificateError::NotValidForName,
                )),
                "a name that the certificate has",
            ),
            (
                wrapped(TlsError::InvalidCertificate(CertificateError::Expired)),
                "renew",
            ),
            (
                wrapped(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)),
                "does not speak TLS",
            ),
            (
                wrapped(TlsError::AlertReceived(AlertDescription::HandshakeFailure)),
                "HandshakeFailure",
            ),
            (
                TlsFailure::of(&io::Error::from(io::ErrorKind::UnexpectedEof)),
                "closes the connection",
            ),
        ] {
            let text = failure.to_string();
            assert!(text.contains(told), "{text}");
            assert_eq!(
                text.contains("SSL_CERT_FILE"),
                told == "SSL_CERT_FILE",
                "{text}"
            );
        }
    }
}
