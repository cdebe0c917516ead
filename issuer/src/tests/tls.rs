//! TLS of a listener, as clients see it.

use crate::config::ServeConfig;
use crate::http::{Server, Tls, TlsFiles, router};
use crate::testkit::Bench;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A device API behind TLS.
struct Served {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    bench: Bench,
    _folder: tempfile::TempDir,
}

async fn served(change: impl FnOnce(&mut ServeConfig)) -> Served {
    let bench = Bench::with(10, &[]);
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("pem"), key: folder.path().join("key") };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&files.key, PermissionsExt::from_mode(0o640)).unwrap();
    let tls = Arc::new(Tls::load(files, bench.issuer.metrics()).unwrap());
    let mut config = ServeConfig::on(SocketAddr::from(([127, 0, 0, 1], 0)));
    change(&mut config);
    let app = router(Arc::clone(&bench.issuer), &config);
    let server = Server::listen(config).await.unwrap().with_tls(Some(tls));
    let server = server.counted(bench.issuer.metrics(), "device");
    let address = server.address();
    assert_eq!(server.url(), format!("https://{address}"));
    tokio::spawn(server.run(app, std::future::pending()));
    Served { address, certificate: cert.der().clone(), bench, _folder: folder }
}

impl Served {
    async fn connect(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_are_spoken_and_http_1_1_alone_inside() {
    let served = served(|_| {}).await;
    for (version, spoken) in [
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
    ] {
        let mut stream = served.connect(&[version], &["h2", "http/1.1"]).await.unwrap();
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.protocol_version(), Some(spoken));
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        // Some end without a farewell, which is no failure of the answer.
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    }
    assert!(served.connect(&[&rustls::version::TLS13], &["h2"]).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_its_time_or_speaks_no_tls_is_sent_away_and_counted() {
    let served = served(|config| config.handshake_timeout = Duration::from_millis(100)).await;
    for sent in [&b""[..], &[0x16, 0x03, 0x01][..], b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        // The end of the connection, with an alert at most.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    }
    let page = served.bench.issuer.metrics().text().unwrap();
    for line in [
        "brink_issuer_tls_handshake_failures_total{listener=\"device\",reason=\"timeout\"} 2",
        "brink_issuer_tls_handshake_failures_total{listener=\"device\",reason=\"refused\"} 1",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
    assert!(served.connect(&[&rustls::version::TLS13], &[]).await.is_ok());
}
