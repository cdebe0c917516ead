//! The audit held against itself: every hash is computed again, every document is looked up in the line that says it was
//! signed and the other way round, and every seal is verified. What differs is named; nothing stops at the first.

mod documents;

use super::chain::{ChainHead, Earlier, LineHash};
use crate::storage::{AuditEntry, AuditHeld, Seal, Storage, StorageError};
use brink_license::keyset::{KeyUse, Keyset};
use brink_license::token::{AuditHeadClaims, AuditHeadExpected, Authority, verify};
use brink_license::{TenantId, b64};
use documents::Documents;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Findings that are listed; the rest is counted.
pub const FINDINGS_LISTED_MAX: usize = 100;

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Which kind, for scripts.
    pub code: &'static str,
    /// Whose chain; `None` for the issuer's own.
    pub tenant: Option<TenantId>,
    /// What, in words.
    pub detail: String,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Chains.
    pub chains: u64,
    /// Lines in chains.
    pub lines: u64,
    /// Lines from before there were chains.
    pub earlier: u64,
    /// Documents that were signed for devices.
    pub documents: u64,
    /// Seals.
    pub seals: u64,
    /// The first of what differs.
    pub findings: Vec<Finding>,
    /// All that differs.
    pub differences: u64,
}

impl Checked {
    /// Whether everything is as it was written.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.differences == 0
    }

    fn find(&mut self, code: &'static str, tenant: Option<&TenantId>, detail: String) {
        self.differences = self.differences.saturating_add(1);
        if self.findings.len() < FINDINGS_LISTED_MAX {
            self.findings.push(Finding { code, tenant: tenant.cloned(), detail });
        }
    }
}

/// Looks at everything. `kept` are heads that were signed and kept elsewhere; a chain that does not have them any more was
/// cut short or written anew.
pub fn check(storage: &dyn Storage, keyset: &Keyset, kept: &[String]) -> Result<Checked, StorageError> {
    let mut checking = Checking::new(keyset);
    for token in kept {
        checking.expect(token);
    }
    storage.audit_held(&mut |held| {
        checking.look_at(held);
        ControlFlow::Continue(())
    })?;
    Ok(checking.finish())
}

struct Checking<'k> {
    keyset: &'k Keyset,
    checked: Checked,
    earlier: Earlier,
    documents: Documents,
    chain: Option<TenantId>,
    head: ChainHead,
    /// Where the storage says that the chain stands.
    kept_head: Option<ChainHead>,
    /// What seals say of the chains, by chain and number.
    sealed: BTreeMap<(Option<TenantId>, u64), Vec<LineHash>>,
    /// What the first line of the issuer's chain says of lines from before there were chains.
    begun: Option<String>,
}

impl<'k> Checking<'k> {
    fn new(keyset: &'k Keyset) -> Self {
        Self {
            keyset,
            checked: Checked::default(),
            earlier: Earlier::default(),
            documents: Documents::default(),
            chain: None,
            head: ChainHead::default(),
            kept_head: None,
            sealed: BTreeMap::new(),
            begun: None,
        }
    }

    /// A head that was kept elsewhere.
    fn expect(&mut self, token: &str) {
        match self.claims(token) {
            Ok(claims) => self.sealed.entry((claims.tenant, claims.seq)).or_default().push(claims.hash),
            Err(problem) => {
                self.checked.find("SEAL_UNVERIFIED", None, format!("a head that was kept: {problem}"))
            }
        }
    }

    fn claims(&self, token: &str) -> Result<AuditHeadClaims, String> {
        let expected = AuditHeadExpected { issuer: self.keyset.issuer().clone() };
        let authority = Authority::Issuer(self.keyset, KeyUse::Audit);
        let head = verify::<AuditHeadClaims>(token.trim().as_bytes(), authority, &expected);
        head.map(|head| head.claims().clone()).map_err(|error| format!("{}: {error}", error.code().as_str()))
    }

    fn look_at(&mut self, held: AuditHeld) {
        match held {
            AuditHeld::Earlier(line) => {
                self.checked.earlier += 1;
                self.earlier.add(&line.text());
                self.documents.say_earlier(&line);
            }
            AuditHeld::Chain(chain) => self.begin(chain),
            AuditHeld::Head(head) => self.kept_head = Some(head),
            AuditHeld::Seal(seal) => self.seal(&seal),
            AuditHeld::Line(line) => self.line(&line),
            AuditHeld::Issued(document) => {
                self.checked.documents += 1;
                if let Some((code, detail)) = self.documents.hold(&document) {
                    self.checked.find(code, self.chain.as_ref(), detail);
                }
            }
        }
    }

    /// The chain before is complete.
    fn begin(&mut self, chain: Option<TenantId>) {
        self.end();
        self.chain = chain;
        self.head = ChainHead::default();
    }

    fn end(&mut self) {
        // The next line would go on from there.
        if let Some(kept) = self.kept_head.take().filter(|kept| *kept != self.head) {
            let detail = match kept.seq == self.head.seq {
                true => format!("the chain stands at line {}, and that is another one", kept.seq),
                false => {
                    format!("the chain stands at line {}, and its last one is {}", kept.seq, self.head.seq)
                }
            };
            self.checked.find("HEAD_DIFFERS", self.chain.as_ref(), detail);
        }
        for (code, detail) in self.documents.end_chain() {
            self.checked.find(code, self.chain.as_ref(), detail);
        }
    }

    /// Seals come before the lines that they speak of.
    fn seal(&mut self, seal: &Seal) {
        self.checked.seals += 1;
        let says = match self.claims(&seal.token) {
            Ok(claims)
                if (&claims.tenant, claims.seq, claims.hash)
                    == (&seal.tenant, seal.head.seq, seal.head.hash) =>
            {
                claims
            }
            Ok(_) => {
                let detail = format!("the seal of line {} says something else than its row", seal.head.seq);
                return self.checked.find("SEAL_CHANGED", seal.tenant.as_ref(), detail);
            }
            Err(problem) => {
                let detail = format!("the seal of line {}: {problem}", seal.head.seq);
                return self.checked.find("SEAL_UNVERIFIED", seal.tenant.as_ref(), detail);
            }
        };
        self.sealed.entry((says.tenant, says.seq)).or_default().push(says.hash);
    }

    fn line(&mut self, line: &AuditEntry) {
        self.checked.lines += 1;
        if self.head.seq == 0 {
            self.checked.chains += 1;
        }
        let (seq, hash) = (line.seq.unwrap_or(0), line.hash.unwrap_or_default());
        if seq != self.head.seq.saturating_add(1) {
            let detail = format!("lines {} to {} are absent", self.head.seq + 1, seq.saturating_sub(1));
            self.checked.find("LINE_ABSENT", self.chain.as_ref(), detail);
            // From here on by what the line says of itself, so that one gap is one finding.
            self.head = ChainHead { seq, hash };
        } else {
            let next = self.head.after(self.chain.as_ref(), &line.text());
            if next.hash != hash {
                let detail = format!("line {seq} ({}) is not what it was", line.action);
                self.checked.find("LINE_CHANGED", self.chain.as_ref(), detail);
            }
            self.head = ChainHead { seq, hash };
        }
        let place = (self.chain.clone(), seq);
        if self.sealed.remove(&place).is_some_and(|hashes| hashes.iter().any(|sealed| *sealed != hash)) {
            let detail = format!("line {seq} is another one than was sealed");
            self.checked.find("SEAL_CONTRADICTS", self.chain.as_ref(), detail);
        }
        if self.chain.is_none() && line.action == "audit.begin" {
            self.begun.get_or_insert_with(|| line.detail.clone());
        }
        if let Some((code, detail)) = self.documents.say(line) {
            self.checked.find(code, self.chain.as_ref(), detail);
        }
    }

    fn finish(mut self) -> Checked {
        self.end();
        for (code, detail) in self.documents.end() {
            self.checked.find(code, None, detail);
        }
        let (lines, digest) = std::mem::take(&mut self.earlier).finish();
        let said = self.begun.take().and_then(|detail| begun(&detail));
        if said != (lines > 0).then(|| (lines, b64::encode(&digest))) {
            let detail =
                "the lines from before there were chains are not those that the chain began with".to_owned();
            self.checked.find("EARLIER_CHANGED", None, detail);
        }
        // Sealed, and no such line any more.
        for (tenant, seq) in std::mem::take(&mut self.sealed).into_keys() {
            let detail = format!("line {seq} was sealed and is not there any more");
            self.checked.find("LINE_ABSENT", tenant.as_ref(), detail);
        }
        self.checked
    }
}

/// What the first line of a chain says of those before.
fn begun(detail: &str) -> Option<(u64, String)> {
    let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
    Some((detail["lines"].as_u64()?, detail["sha256"].as_str()?.to_owned()))
}
