//! Step 9: what follows what was accepted before.

use brink_license::Code::{KeysetTooOld, Rollback, SeqJump, WrongDevice};

use super::raw::{LICENSE, Members, licence, licensed, licensed_by};
use super::{Family, Outcome, Subject};

fn numbered(seq: u64) -> Members {
    licence().with("seq", seq.to_string())
}

fn after(keyset: &'static str, held: &[String], token: String) -> Subject {
    Subject::Token { typ: LICENSE, keyset, held: held.to_vec(), input: token.into() }
}

pub(crate) fn family() -> Family {
    let mut family = Family::new("rollback");
    let held = [licensed(&numbered(41))];
    let mut add = |cases: &'static [u32], name: &str, token: String, outcome: Outcome| {
        family.add(cases, name, after("main", &held, token), outcome);
    };
    add(&[50], "newer", licensed(&numbered(42)), Outcome::Accept);
    add(&[50], "older", licensed(&numbered(40)), Outcome::Refuse(Rollback));
    add(&[50], "zero", licensed(&numbered(0)), Outcome::Refuse(Rollback));
    add(&[51], "same-bytes", licensed(&numbered(41)), Outcome::Accept);
    add(
        &[51],
        "same-number-other-bytes",
        licensed(&numbered(41).with("catalog", "2")),
        Outcome::Refuse(Rollback),
    );
    let greatest = licensed(&numbered(9_007_199_254_740_991));
    add(&[52], "2-to-the-53-less-1", greatest, Outcome::Refuse(SeqJump));
    add(&[52], "jump-of-2-to-the-20", licensed(&numbered(41 + (1 << 20))), Outcome::Accept);
    add(&[52], "jump-of-2-to-the-20-and-1", licensed(&numbered(42 + (1 << 20))), Outcome::Refuse(SeqJump));
    add(&[], "keyset-to-come", licensed(&numbered(42).with("ks", "2")), Outcome::Refuse(KeysetTooOld));
    family.add(
        &[],
        "keyset-held",
        after("later", &held, licensed_by(&numbered(42).with("ks", "2"), "license-2")),
        Outcome::Accept,
    );
    // A stolen key pushed the number far ahead; once it is revoked, what it set is forgotten.
    let pushed = [licensed(&numbered(1_000_000))];
    let fresh = licensed_by(&numbered(43), "license-2");
    family.add(&[60], "lower-after-the-key-was-revoked", after("later", &pushed, fresh), Outcome::Accept);
    let unrevoked = [licensed_by(&numbered(44), "license-2")];
    let lower = licensed_by(&numbered(43), "license-2");
    family.add(
        &[60],
        "lower-while-the-key-is-in-force",
        after("later", &unrevoked, lower),
        Outcome::Refuse(Rollback),
    );
    let old_epoch = licensed(&numbered(50).with("epoch", "1"));
    family.add(&[43], "older-epoch", after("main", &held, old_epoch), Outcome::Refuse(WrongDevice));
    family
}
