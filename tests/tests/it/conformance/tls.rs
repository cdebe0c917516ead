//! A server on another machine has to prove who it is. Here it is on this one, and asked to all the same.

use brink_databases::Server;
use brink_issuer::place::DatabasePlace;
use brink_tests::World;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Authority, KeyPair};
use std::path::PathBuf;

/// A root of its own, and what it certifies for a name.
fn certified(world: &World, root: &str, name: &str) -> (PathBuf, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, root);
    let key = KeyPair::generate().unwrap();
    let file = world.path(&format!("{root}.pem"));
    std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Authority::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    (file, certificate.pem(), key.serialize_pem())
}

fn opened(url: &str) -> Result<(), &'static str> {
    let place = DatabasePlace::Server(url.parse().unwrap());
    place.create().map(drop).map_err(|error| error.code())
}

#[test]
fn a_server_is_believed_by_the_root_that_was_named_and_by_no_other() {
    let world = World::new();
    let (root, certificate, key) = certified(&world, "right", "localhost");
    let (other, ..) = certified(&world, "wrong", "localhost");
    let (_server, port) = Server::with_tls(&certificate, &key);
    let url = |root: &str| format!("postgres://postgres@localhost:{port}/postgres?{root}");
    let named = |root: &PathBuf| url(&format!("sslmode=verify-full&sslrootcert={}", root.display()));
    assert_eq!(opened(&named(&other)), Err("DATABASE_DENIED"), "a root that did not certify it");
    assert_eq!(opened(&url("sslmode=require")), Err("DATABASE_DENIED"), "nor did any of this system");
    let by_address = named(&root).replace("localhost", "127.0.0.1");
    assert_eq!(opened(&by_address), Err("DATABASE_DENIED"), "its name is not this one");
    assert_eq!(opened(&named(&root)), Ok(()));
}

#[test]
fn a_server_without_tls_is_not_spoken_to_where_tls_is_wanted() {
    let world = World::new();
    let (root, ..) = certified(&world, "right", "localhost");
    let server = Server::start();
    let url = format!("{}/postgres?sslrootcert={}", server.url(), root.display());
    assert_eq!(opened(&url), Err("DATABASE_DENIED"));
}
