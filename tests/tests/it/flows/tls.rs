//! The way to an issuer behind TLS: a certificate is believed because of `--ca-file` alone, and for its own name alone.

use super::{COUNTING, Scene};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// A file of `tests/tls`.
pub(super) fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tls").join(name).to_str().unwrap().to_owned()
}

/// Speaks TLS in front of an issuer that does not.
pub(super) struct Front {
    address: SocketAddr,
    /// How many requests came through.
    passed: Arc<AtomicUsize>,
    ending: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Front {
    pub(super) fn new(own: &str, issuer: &str) -> Front {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key);
        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind((own, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (passed, ending) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let issuer = issuer.trim_start_matches("http://").to_owned();
        let (count, stop) = (Arc::clone(&passed), Arc::clone(&ending));
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                // Whoever does not believe the certificate goes away in the middle: that is what is tested.
                if pass(StreamOwned::new(connection, stream.unwrap()), &issuer).is_ok() {
                    count.fetch_add(1, Ordering::AcqRel);
                }
            }
        });
        Front { address, passed, ending, serving: Some(serving) }
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    fn passed(&self) -> usize {
        self.passed.load(Ordering::Acquire)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// One request to the issuer and its answer back.
fn pass(mut client: StreamOwned<ServerConnection, TcpStream>, issuer: &str) -> io::Result<()> {
    let request = message(&mut client)?;
    let mut issuer = TcpStream::connect(issuer)?;
    issuer.write_all(&request)?;
    client.write_all(&message(&mut issuer)?)?;
    client.conn.send_close_notify();
    client.flush()
}

/// One HTTP message, by its Content-Length.
fn message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..count]);
        let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
        if bytes.len() >= head + 4 + length.trim().parse::<usize>().unwrap() {
            return Ok(bytes);
        }
    }
}

#[test]
fn a_certificate_is_believed_because_of_the_ca_file_alone() {
    let scene = Scene::offered(10);
    let front = Front::new("127.0.0.1", &scene.url);
    let (url, ca, other) = (front.url(), file("ca.pem"), file("other-ca.pem"));
    let activate = |words: &[&str]| {
        let activate = ["activate", "--issuer", &url, "--code", &scene.offer.code];
        scene.device.run(&[&activate[..], words].concat())
    };
    for words in [&[][..], &["--ca-file", &other]] {
        activate(words).coded(1).says("ISSUER_UNREACHABLE").says("certificate");
    }
    assert_eq!(front.passed(), 0, "nothing is said before the certificate is believed");
    activate(&["--ca-file", &ca]).ok();
    assert_eq!(front.passed(), 1);
    scene.device.exchange().coded(1).says("certificate");
    scene.device.run(&["exchange", "--ca-file", &ca]).ok();
    assert_eq!(front.passed(), 2);
}

#[test]
fn a_certificate_is_believed_for_its_own_name_alone() {
    let scene = Scene::offered(10);
    let front = Front::new("127.0.0.2", &scene.url);
    let (url, ca) = (front.url(), file("ca.pem"));
    let activate = ["activate", "--issuer", &url, "--code", &scene.offer.code, "--ca-file", &ca];
    scene.device.run(&activate).coded(1).says("ISSUER_UNREACHABLE").says("certificate");
    assert_eq!(front.passed(), 0);
}

#[test]
fn an_agent_exchanges_under_the_certificates_that_it_was_started_with() {
    let scene = Scene::offered(10);
    let front = Front::new("127.0.0.1", &scene.url);
    let (url, ca) = (front.url(), file("ca.pem"));
    let activate = ["activate", "--issuer", &url, "--code", &scene.offer.code, "--ca-file", &ca];
    scene.device.run(&activate).ok();
    scene.assign_two();
    let agent = scene.device.agent_with(&["--ca-file", &ca]);
    let before = front.passed();
    scene.device.exchange().ok();
    assert!(front.passed() > before);
    assert!(scene.is_granted("cam-2", COUNTING));
    scene.device.run(&["exchange", "--ca-file", &file("other-ca.pem")]).coded(1).says("certificate");
    assert!(agent.stop().success());
}
