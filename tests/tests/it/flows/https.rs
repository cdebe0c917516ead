//! The issuer behind its own TLS: which certificates it takes, and what its clients believe.

use super::serving::{Watched, ready};
use super::{Scene, TENANT};
use brink_tests::{Issuer, Running, World, until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as Authority, KeyPair, date_time_ymd};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A CA of the test's own, and what it certifies.
struct Ca {
    authority: Authority<'static, KeyPair>,
    file: PathBuf,
}

impl Ca {
    fn new(folder: &Path, name: &str) -> Ca {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Ca { authority: Authority::new(params, key), file }
    }

    fn file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// Writes a certificate for the loopback and its key; `ended` is one of long ago.
    fn certify(&self, files: &Files, ended: bool) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        params.subject_alt_names.push(rcgen::SanType::IpAddress(loopback));
        if ended {
            (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        files.write(&certificate.pem(), &key.serialize_pem());
    }
}

/// Where a server finds its certificate.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Files {
        Files { certificate: folder.join("server.pem"), key: folder.join("server.key") }
    }

    fn write(&self, certificate: &str, key: &str) {
        fs::write(&self.certificate, certificate).unwrap();
        fs::write(&self.key, key).unwrap();
        fs::set_permissions(&self.key, PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn arguments(&self) -> [&str; 4] {
        ["--tls-cert", self.certificate.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

/// A scene whose issuer speaks TLS under a CA of its own.
fn behind_tls() -> (Scene, Ca, Files) {
    let mut scene = Scene::offered(10);
    scene.stop_issuer();
    let ca = Ca::new(scene.world.dir(), "ca");
    let files = Files::in_folder(scene.world.dir());
    ca.certify(&files, false);
    let (server, url) = scene.issuer.serve_with(&files.arguments());
    (scene.server, scene.url) = (Some(server), url);
    (scene, ca, files)
}

fn hang_up(server: &Running) {
    let id = i32::try_from(server.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
}

#[test]
fn devices_activate_and_exchange_over_https_and_believe_their_ca_alone() {
    let (mut scene, ca, _files) = behind_tls();
    let other = Ca::new(scene.world.dir(), "other");
    let (url, code) = (scene.url.clone(), scene.offer.code.clone());
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let activate = |words: &[&str]| {
        let activate = ["activate", "--issuer", &url, "--code", &code];
        scene.device.run(&[&activate[..], words].concat())
    };
    for words in [&[][..], &["--ca-file", other.file()]] {
        activate(words).coded(1).says("ISSUER_UNREACHABLE").says("certificate");
    }
    activate(&["--ca-file", ca.file()]).ok();
    scene.device.run(&["usage", "record", "--meter", "sms", "--quantity", "2"]).ok();
    scene.device.run(&["exchange", "--ca-file", ca.file()]).ok();
    let plain = url.replace("https://", "http://");
    scene.device.run(&["exchange", "--issuer", &plain]).coded(1).says("UNREACHABLE");
    scene.stop_issuer();
}

#[test]
fn a_renewed_certificate_is_taken_up_and_one_that_is_no_good_leaves_the_one_before() {
    let (mut scene, ca, files) = behind_tls();
    scene
        .device
        .run(&["activate", "--issuer", &scene.url, "--code", &scene.offer.code, "--ca-file", ca.file()])
        .ok();
    let next = Ca::new(scene.world.dir(), "next");
    let believes = |ca: &Ca| scene.device.run(&["exchange", "--ca-file", ca.file()]).code == Some(0);
    next.certify(&files, false);
    until("the certificate that was renewed is in use", || believes(&next));
    assert!(!believes(&ca), "the one before is not shown any more");

    fs::write(&files.key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let server = scene.server.as_ref().unwrap();
    hang_up(server);
    until("the log says why", || server.log().contains("TLS_KEY_MISMATCH"));
    assert!(believes(&next), "the one before stays in use");

    ca.certify(&files, false);
    hang_up(server);
    until("a hangup is enough", || believes(&ca));
    scene.stop_issuer();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_its_mend() {
    let world = World::new();
    let issuer = world.issuer();
    let ca = Ca::new(world.dir(), "ca");
    let files = Files::in_folder(world.dir());
    let refused = |code: &str, words: &str| {
        let serve = [&["serve", "--listen", "127.0.0.1:0"][..], &files.arguments()].concat();
        let ran = issuer.run(&serve).coded(1).says(words);
        assert_eq!(ran.stdout, "", "{code}");
    };
    refused("TLS_FILE", "server.pem: No such file");
    ca.certify(&files, false);
    fs::set_permissions(&files.key, PermissionsExt::from_mode(0o644)).unwrap();
    refused(
        "TLS_KEY_MODE",
        "server.key has mode 0644, so that others can read or replace the key; chmod 600",
    );
    files.write(
        &fs::read_to_string(&files.certificate).unwrap(),
        &KeyPair::generate().unwrap().serialize_pem(),
    );
    refused("TLS_KEY_MISMATCH", "server.key is not that of the certificate");
    let key = fs::read_to_string(&files.key).unwrap();
    for (certificate, key, words) in [
        ("", key.as_str(), "server.pem holds no certificate"),
        (key.as_str(), key.as_str(), "server.pem holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key.as_str(),
            "server.pem holds no certificate",
        ),
        (&fs::read_to_string(&files.certificate).unwrap(), "", "server.key holds no private key"),
        (
            &fs::read_to_string(&files.certificate).unwrap(),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "openssl pkey",
        ),
    ] {
        files.write(certificate, key);
        refused("TLS", words);
    }
    issuer.run(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", "F"]).coded(2).says("--tls-key");
    let both =
        ["serve", "--listen", "127.0.0.1:0", "--insecure-listen", "why", "--tls-cert", "F", "--tls-key", "F"];
    issuer.run(&both).coded(2);
    issuer.run(&["serve", "--listen", "0.0.0.0:0"]).coded(2).says("--tls-cert");
}

#[test]
fn a_certificate_that_has_ended_is_served_said_and_believed_by_nobody() {
    let world = World::new();
    let issuer: Issuer = world.issuer();
    issuer.subscribe(TENANT, 10, &[]);
    let (ca, files) = (Ca::new(world.dir(), "ca"), Files::in_folder(world.dir()));
    ca.certify(&files, true);
    let watched = Watched::serve(&issuer, &files.arguments());
    let (status, report) = ready(&watched.ops);
    assert_eq!(status, 503);
    assert!(report.contains("TLS_CERTIFICATE_ENDED") && report.contains("2002-01-01"), "{report}");
    let device = world.device("edge", &issuer);
    let activate = ["activate", "--issuer", &watched.url, "--code", "AAAAA", "--ca-file", ca.file()];
    device.run(&activate).coded(1).says("ISSUER_UNREACHABLE").says("certificate");
    assert!(watched.server.log().contains("the certificate has ended or ends soon"));
    ca.certify(&files, false);
    until("the renewed one is in use", || device.run(&activate).stderr.contains("CODE_"));
    assert_eq!(ready(&watched.ops).0, 200);
}
