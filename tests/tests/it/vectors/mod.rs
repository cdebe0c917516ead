//! Vectors: one file per defect, in folders named after its family. They are drawn up by the code beside this
//! file, checked in, and read by anything that verifies: these tests, hosts in other languages, and the fuzzers as seeds.

mod bundle;
mod cases;
mod claims;
mod envelope;
mod files;
mod flips;
mod header;
mod keys;
mod manifest;
mod pyjwt;
mod raw;
mod rollback;
mod runner;
mod signature;
mod wycheproof;

use brink_license::Code;

pub(crate) use files::stored;
pub(crate) use runner::inputs;

/// What is judged.
pub(crate) enum Subject {
    /// A token of this `typ`, under the keyset of this name; `held` are licences accepted before it, in order.
    Token { typ: &'static str, keyset: &'static str, held: Vec<String>, input: Input },
    /// The next manifest after the keyset of this name.
    Next { keyset: &'static str, input: Input },
    /// Whether the keyset of this name may still vouch for new documents at this time.
    Fresh { keyset: &'static str, at: i64 },
    /// All manifests of a bundle, from the pinned roots.
    Walk { manifests: Vec<String> },
    /// A bundle, with every signature in it.
    Bundle { input: Input },
    /// The `x` member of a public key.
    Key { x: String },
}

/// The bytes to judge, in the plainest spelling that can hold them.
pub(crate) enum Input {
    Text(String),
    Hex(Vec<u8>),
    /// Text so often that nobody wants it in a file.
    Repeat(&'static str, usize),
}

impl From<String> for Input {
    fn from(text: String) -> Input {
        Input::Text(text)
    }
}

/// What has to come of it.
pub(crate) enum Outcome {
    Accept,
    Refuse(Code),
    /// Accepted, and at this time the licence is in this state.
    State(i64, &'static str),
}

/// One case with its right answer.
pub(crate) struct Vector {
    pub(crate) family: &'static str,
    pub(crate) name: String,
    /// Numbers in the list of negative cases.
    pub(crate) cases: &'static [u32],
    pub(crate) subject: Subject,
    pub(crate) outcome: Outcome,
}

/// Collects the vectors of one family.
pub(crate) struct Family {
    name: &'static str,
    vectors: Vec<Vector>,
}

impl Family {
    pub(crate) fn new(name: &'static str) -> Family {
        Family { name, vectors: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        cases: &'static [u32],
        name: impl Into<String>,
        subject: Subject,
        outcome: Outcome,
    ) {
        self.vectors.push(Vector { family: self.name, name: name.into(), cases, subject, outcome });
    }

    /// A token that a licence's call site refuses.
    pub(crate) fn refuses(
        &mut self,
        cases: &'static [u32],
        name: impl Into<String>,
        token: impl Into<Input>,
        code: Code,
    ) {
        self.add(cases, name, licence_subject(token), Outcome::Refuse(code));
    }

    /// A token that a licence's call site accepts.
    pub(crate) fn accepts(
        &mut self,
        cases: &'static [u32],
        name: impl Into<String>,
        token: impl Into<Input>,
    ) {
        self.add(cases, name, licence_subject(token), Outcome::Accept);
    }
}

pub(crate) fn licence_subject(token: impl Into<Input>) -> Subject {
    Subject::Token { typ: raw::LICENSE, keyset: "main", held: Vec::new(), input: token.into() }
}

/// Every vector, as the code draws it up today.
pub(crate) fn drawn_up() -> Vec<Vector> {
    let families = [
        envelope::family(),
        header::family(),
        signature::family(),
        keys::family(),
        claims::family(),
        claims::addressees(),
        claims::states(),
        rollback::family(),
        manifest::family(),
        manifest::confusions(),
        bundle::family(),
    ];
    families.into_iter().flat_map(|family| family.vectors).collect()
}
