//! The way to the issuers: a connection for each request, as a device that exchanges every few minutes makes it.

use brink_edge::uplink::IssuerUrl;
use brink_license::exchange::{MEDIA_TYPE, RESPONSE_BYTES_MAX};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// From the connection to the last byte of the answer, as the agent has it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// An address that does not answer is noticed earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no way to an issuer.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// An address.
    #[error("{0}")]
    Url(String),
    /// Certificates to believe.
    #[error("{path}: {problem}; --ca-file takes certificates in PEM")]
    Certificates {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// HTTPS without anybody to believe.
    #[error(
        "{0} wants --ca-file with the certificate of whoever signed its own: a fleet believes nobody else"
    )]
    NobodyBelieved(String),
}

/// What an issuer says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Answer(Bytes),
    /// A definite "no": the same bytes cannot help.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// In its words.
        detail: String,
    },
    /// Not now.
    Later(Failure),
}

/// Why a request has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One word for the table of errors.
    pub code: String,
    /// How long the issuer asks to wait.
    pub retry_after: Option<Duration>,
    /// Nobody took the request, so that another issuer may.
    pub unreachable: bool,
}

impl Failure {
    fn of(code: impl Into<String>) -> Self {
        Self { code: code.into(), retry_after: None, unreachable: true }
    }
}

/// One issuer's place.
#[derive(Debug)]
struct Place {
    url: IssuerUrl,
    /// Host and port to connect to.
    address: (String, u16),
    tls: Option<ServerName<'static>>,
}

/// The issuers that a fleet may ask, all of one database.
pub struct Issuers {
    places: Vec<Place>,
    next: AtomicUsize,
    tls: TlsConnector,
    in_flight: Semaphore,
}

impl Issuers {
    /// The issuers at these addresses, with at most so many requests under way at once.
    pub fn new(urls: &[IssuerUrl], ca_file: Option<&Path>, in_flight: usize) -> Result<Self, UplinkError> {
        let places = urls.iter().map(Place::of).collect::<Result<Vec<_>, _>>()?;
        let behind_tls = places.iter().find(|place| place.tls.is_some());
        if let (Some(place), None) = (behind_tls, ca_file) {
            return Err(UplinkError::NobodyBelieved(place.url.to_string()));
        }
        let (next, in_flight) = (AtomicUsize::new(0), Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS)));
        Ok(Self { places, next, tls: connector(ca_file)?, in_flight })
    }

    /// Sends a request to the issuer whose turn it is, and to the others while nobody takes it. `seen` is told of every
    /// attempt with what came of it and how long it took.
    pub async fn post(&self, path: &str, body: &Bytes, seen: &(dyn Fn(&Reply, Duration) + Sync)) -> Reply {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut reply = Reply::Later(Failure::of("NO_ISSUER"));
        for step in 0..self.places.len() {
            let place = &self.places[first.wrapping_add(step) % self.places.len()];
            // Closed never: nobody closes it.
            let _permit = self.in_flight.acquire().await;
            let begun = tokio::time::Instant::now();
            reply = self.attempt(place, path, body.clone()).await;
            seen(&reply, begun.elapsed());
            if !matches!(&reply, Reply::Later(failure) if failure.unreachable) {
                break;
            }
        }
        reply
    }

    async fn attempt(&self, place: &Place, path: &str, body: Bytes) -> Reply {
        let whole = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(place, path, body)).await;
        match whole {
            Ok(Ok(reply)) => reply,
            Ok(Err(code)) => Reply::Later(Failure::of(code)),
            Err(_) => Reply::Later(Failure { unreachable: false, ..Failure::of("TIMED_OUT") }),
        }
    }

    async fn exchange(&self, place: &Place, path: &str, body: Bytes) -> Result<Reply, &'static str> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&place.address));
        let stream = connecting.await.map_err(|_| "CONNECT_TIMED_OUT")?.map_err(|_| "CONNECT")?;
        stream.set_nodelay(true).map_err(|_| "CONNECT")?;
        let request = place.request(path, body).map_err(|_| "REQUEST")?;
        match &place.tls {
            Some(name) => {
                let secured = self.tls.connect(name.clone(), stream).await.map_err(|_| "TLS")?;
                carry(secured, request).await
            }
            None => carry(stream, request).await,
        }
    }
}

impl Place {
    fn of(url: &IssuerUrl) -> Result<Self, UplinkError> {
        let bad = |problem: &str| UplinkError::Url(format!("{url}: {problem}"));
        let uri: Uri = url.as_str().parse().map_err(|_| bad("not a URL"))?;
        let host = uri.host().ok_or_else(|| bad("no host"))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let secured = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secured { 443 } else { 80 });
        let name = secured.then(|| ServerName::try_from(bare.clone())).transpose();
        let tls = name.map_err(|_| bad("no name that a certificate could have"))?;
        Ok(Self { url: url.clone(), address: (bare, port), tls })
    }

    fn request(&self, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let uri: Uri = self.url.join(path).parse()?;
        let target = uri.path_and_query().map_or(path, |target| target.as_str());
        let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let request = Request::post(target).header(HOST, host).header(CONTENT_TYPE, MEDIA_TYPE);
        request.header(CONNECTION, "close").body(Full::new(body))
    }
}

/// One request over one connection, up to the last byte of its answer.
async fn carry(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    request: Request<Full<Bytes>>,
) -> Result<Reply, &'static str> {
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| "CLOSED")?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(|_| "CLOSED")?;
        read(response).await
    };
    let mut connection = std::pin::pin!(connection);
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        biased;
        reply = &mut asking => reply,
        // It has ended, and what it brought before is still to be read.
        _ = &mut connection => asking.await,
    }
}

async fn read(response: Response<Incoming>) -> Result<Reply, &'static str> {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let is_ours = head.headers.get(CONTENT_TYPE).is_some_and(|found| found == MEDIA_TYPE);
    let after = head.headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
    let body = Limited::new(body, RESPONSE_BYTES_MAX).collect().await.map_err(|_| "CUT_OFF")?.to_bytes();
    if status == 200 {
        return Ok(if is_ours { Reply::Answer(body) } else { Reply::Later(Failure::of("NOT_AN_ISSUER")) });
    }
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().map(str::to_owned);
    let code = text("code").unwrap_or_else(|| format!("HTTP_{status}"));
    // 408, 425 and 429 mean "later", and so does everything above 499.
    if (400..500).contains(&status) && !matches!(status, 408 | 425 | 429) {
        return Ok(Reply::Refused { status, code, detail: text("detail").unwrap_or_default() });
    }
    let retry_after = after.map(Duration::from_secs);
    Ok(Reply::Later(Failure { code: format!("{status} {code}"), retry_after, unreachable: false }))
}

fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, UplinkError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        let bad = |problem: String| UplinkError::Certificates { path: path.display().to_string(), problem };
        let found = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
        for certificate in found {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("no certificate in it".to_owned()));
        }
    }
    // Named, because with two providers in a tree rustls panics when it has to choose.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .map_err(|error| UplinkError::Certificates { path: "TLS".to_owned(), problem: error.to_string() })?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuers").field("places", &self.places).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Somebody who says the same to each request; `None` closes the connection without a word.
    async fn somebody(says: Option<&'static str>) -> IssuerUrl {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut heard = Vec::new();
                while !heard.ends_with(b"body") {
                    let mut piece = [0; 1024];
                    let read = stream.read(&mut piece).await.unwrap();
                    heard.extend_from_slice(&piece[..read]);
                }
                if let Some(says) = says {
                    stream.write_all(says.as_bytes()).await.unwrap();
                }
            }
        });
        IssuerUrl::parse(&url).unwrap()
    }

    async fn asked(urls: &[IssuerUrl]) -> (Reply, Vec<String>) {
        let issuers = Issuers::new(urls, None, 8).unwrap();
        let seen = std::sync::Mutex::new(Vec::new());
        let told = |reply: &Reply, _| {
            seen.lock().unwrap().push(match reply {
                Reply::Answer(_) => "answer".to_owned(),
                Reply::Refused { code, .. } => code.clone(),
                Reply::Later(failure) => failure.code.clone(),
            });
        };
        let reply = issuers.post("/v1/exchange", &Bytes::from_static(b"body"), &told).await;
        (reply, seen.into_inner().unwrap())
    }

    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.brink.exchange\r\ncontent-length: 2\r\n\r\nok";

    #[tokio::test]
    async fn whoever_does_not_take_a_request_is_passed_over() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let gone = IssuerUrl::parse(&format!("http://{gone}")).unwrap();
        let urls = [gone, somebody(None).await, somebody(Some(ANSWER)).await];
        let (reply, seen) = asked(&urls).await;
        assert_eq!(reply, Reply::Answer(Bytes::from_static(b"ok")));
        assert_eq!(seen, ["CONNECT", "CLOSED", "answer"]);
    }

    #[tokio::test]
    async fn a_busy_issuer_is_waited_for_and_a_refusal_is_final() {
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 15\r\n\r\n{\"code\":\"BUSY\"}";
        let (reply, seen) = asked(&[somebody(Some(busy)).await, somebody(Some(ANSWER)).await]).await;
        let Reply::Later(failure) = reply else { panic!("{reply:?}") };
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        assert_eq!((failure.unreachable, seen), (false, vec!["503 BUSY".to_owned()]));

        let refusal =
            "HTTP/1.1 409 Conflict\r\ncontent-length: 34\r\n\r\n{\"code\":\"CLONE_SUSPECTED\",\"x\":\"y\"}";
        let (reply, _) = asked(&[somebody(Some(refusal)).await]).await;
        let expected = Reply::Refused { status: 409, code: "CLONE_SUSPECTED".into(), detail: String::new() };
        assert_eq!(reply, expected);

        let other = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(asked(&[somebody(Some(other)).await]).await.1, ["NOT_AN_ISSUER"]);
        let short =
            "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.brink.exchange\r\ncontent-length: 9\r\n\r\nok";
        assert_eq!(asked(&[somebody(Some(short)).await]).await.1, ["CUT_OFF"]);
    }

    #[test]
    fn https_wants_somebody_to_believe() {
        let url = [IssuerUrl::parse("https://issuer.example").unwrap()];
        assert!(matches!(Issuers::new(&url, None, 1), Err(UplinkError::NobodyBelieved(_))));
        let empty = Issuers::new(&url, Some(Path::new("/dev/null")), 1);
        assert!(matches!(empty, Err(UplinkError::Certificates { .. })), "{empty:?}");
    }
}
