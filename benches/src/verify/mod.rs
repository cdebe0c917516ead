//! From the bytes of a licence for 100 cameras to verified claims, beside the raw signature check of the same bytes and
//! beside peers that carry the same grants in their own way.

mod biscuit;
mod keygen;
mod one_by_one;
mod pasetors;

use crate::harness::{Contender, Pace, race};
use crate::report::{Report, Sheet, Wanted, nanos, ratio};
use crate::scene;
use brink_license::keyset::KeyUse;
use brink_license::token::{Authority, LicenceClaims, LicenceExpected, verify};
use brink_tests::forge::{self, LICENSE};
use ed25519_dalek::Signature;
use std::hint::black_box;

const CAMERAS: usize = 100;

/// A peer's document and how it is checked.
struct Peer {
    name: &'static str,
    bytes: usize,
    check: Box<dyn FnMut()>,
}

impl Peer {
    fn new<T>(name: &'static str, bytes: usize, mut check: impl FnMut() -> T + 'static) -> Self {
        Self {
            name,
            bytes,
            check: Box::new(move || {
                black_box(check());
            }),
        }
    }
}

pub fn measure(pace: Pace, report: &mut Report) {
    let claims = scene::claims(CAMERAS);
    let token = forge::licence_token(&claims);
    let keyset = forge::keyset();
    let expected = LicenceExpected::of_issuer(forge::issuer());
    let authority = Authority::Issuer(&keyset, KeyUse::License);
    let (input, signature) = token.rsplit_once('.').expect("a token");
    let raw: [u8; 64] = brink_license::b64::decode_array(signature.as_bytes()).expect("a signature");
    let raw = Signature::from_bytes(&raw);
    let key = LICENSE.signing().verifying_key();

    let mut peers = one_by_one::peers(&claims);
    peers.push(pasetors::peer(&claims));
    peers.extend(biscuit::peers(&claims));
    peers.extend(keygen::peers(&claims));

    let mut bytes = vec![input.len(), token.len()];
    bytes.extend(peers.iter().map(|peer| peer.bytes));
    let mut contenders = vec![
        Contender::new("raw verify_strict of the same bytes", || key.verify_strict(input.as_bytes(), &raw)),
        Contender::new("brink-license, bytes to VerifiedLicence", || {
            verify::<LicenceClaims>(token.as_bytes(), authority, &expected).expect("a good licence")
        }),
    ];
    contenders.extend(peers.into_iter().map(|peer| Contender::new(peer.name, peer.check)));
    let timed = race("verify a licence", pace, &mut contenders);

    let mut sheet = Sheet::new(
        format!("Verify a licence of {CAMERAS} cameras"),
        &["bytes", "best tenth", "p50", "x raw"],
    );
    for (one, bytes) in timed.iter().zip(bytes) {
        let times = one.p50 / timed[0].p50;
        sheet.row([one.name.to_owned(), bytes.to_string(), nanos(one.best), nanos(one.p50), ratio(times)]);
    }
    report.sheet(sheet);
    let [raw, ours, by_pack, by_feature] = [0, 1, 2, 3].map(|at: usize| timed[at].p50);
    report.goal("licence of 100 cameras / raw verify_strict of its bytes", Wanted::AtMost(1.3), ours / raw);
    let name = "licence of 100 cameras / jsonwebtoken, each camera's features";
    report.goal(name, Wanted::AtMost(0.5), ours / by_feature);
    let name = "licence of 100 cameras / jsonwebtoken, each camera's packs";
    report.goal(name, Wanted::AtMost(0.5), ours / by_pack);
}
