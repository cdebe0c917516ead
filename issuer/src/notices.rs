//! Notices: what the issuer signs for devices beside their licences. Each is signed and recorded in the transaction
//! that allots its number, and goes along with the next answer of every device that does not have it; an admin may
//! carry it as a file as well.

use crate::answer::Answering;
use crate::extension::{ExtensionError, NUMBERED_FROM};
use crate::issuer::Issuer;
use crate::refusal::Refusal;
use crate::secret::{digest, sha256};
use crate::storage::{
    Actor, AuditNote, IssuedNotice, NewRevocations, RevocationList, RevocationsView, StorageError,
};
use brink_license::exchange::{NoticesHeld, Section};
use brink_license::keyset::Keyset;
use brink_license::token::{
    AUDIENCE_EDGE, CLAIMS_VERSION, NoticeKind, REVOKED_MAX, RevocationsClaims, RevokedLicence,
};
use brink_license::{TenantId, Typ, UnixSeconds};
use brink_signing::{SignError, sign_document};

/// Why no notice was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is nothing to say.
    #[error(
        "no licence of tenant {0} is withdrawn or replaced that could still run, so there is nothing to list"
    )]
    NothingRevoked(TenantId),
    /// More than a small document holds.
    #[error(
        "{count} licences of tenant {tenant} would have to be listed, and a list holds {REVOKED_MAX}; the devices that \
         exchange hear of it without one"
    )]
    TooMany {
        /// Whose.
        tenant: TenantId,
        /// How many.
        count: usize,
    },
    /// An extension that is not to be.
    #[error(transparent)]
    Extension(#[from] ExtensionError),
    /// The keys or the keyset.
    #[error(transparent)]
    NotReady(#[from] Refusal),
    /// The key would not sign.
    #[error("the license key: {0}")]
    Sign(#[from] SignError),
    /// A claim cannot be written.
    #[error("cannot write a claim: {0}")]
    Claims(String),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl IssueError {
    /// Whether the order contradicts what is stored, rather than having failed.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        match self {
            Self::NothingRevoked(_) | Self::TooMany { .. } => true,
            Self::Extension(error) => error.is_of_state(),
            Self::NotReady(_) | Self::Sign(_) | Self::Claims(_) | Self::Storage(_) => false,
        }
    }
}

/// A list, and whether it says something new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListIssued {
    /// The list in force.
    pub list: RevocationList,
    /// How many licences it names.
    pub named: usize,
    /// The same was issued before: this is that very token.
    pub again: bool,
}

impl Issuer {
    /// The list of a tenant's revoked licences: the one in force if it still says everything, or a new one.
    pub fn list_revoked(&self, tenant: &TenantId, actor: &Actor) -> Result<ListIssued, IssueError> {
        let answering = self.answering()?;
        let mut outcome = None;
        self.storage.list_revoked(tenant, answering.now, &mut |view| {
            let (result, new) = split(plan_list(&answering, view, actor));
            outcome = Some(result);
            new
        })?;
        crate::admin::ran(outcome)?
    }
}

type Planned = (ListIssued, Option<NewRevocations>);

fn split(planned: Result<Planned, IssueError>) -> (Result<ListIssued, IssueError>, Option<NewRevocations>) {
    match planned {
        Ok((issued, new)) => (Ok(issued), new),
        Err(error) => (Err(error), None),
    }
}

fn plan_list(
    answering: &Answering<'_>,
    view: &RevocationsView,
    actor: &Actor,
) -> Result<Planned, IssueError> {
    let (tenant, named) = (view.tenant.clone(), view.revoked.len());
    let Some(until) = view.revoked.iter().map(|row| row.until).max() else {
        return Err(IssueError::NothingRevoked(tenant));
    };
    if named > REVOKED_MAX {
        return Err(IssueError::TooMany { tenant, count: named });
    }
    let revoked: Vec<RevokedLicence> = view.revoked.iter().map(|row| row.licence.clone()).collect();
    let content_sha256 = content_of(&revoked)?;
    let keyset = &answering.in_force.keyset;
    let held = view.latest.as_ref().filter(|list| !keyset.has_revoked(&list.kid));
    if let Some(list) = held.filter(|list| list.content_sha256 == content_sha256 && list.until >= until) {
        return Ok((ListIssued { list: list.clone(), named, again: true }, None));
    }
    let version = next_version(view, answering.now);
    let claims = RevocationsClaims {
        ver: CLAIMS_VERSION,
        iss: answering.issuer.name.clone(),
        aud: AUDIENCE_EDGE.to_owned(),
        tenant: tenant.clone(),
        version,
        iat: answering.now,
        until,
        revoked,
    };
    let payload = claims.to_json_bytes().map_err(|e| IssueError::Claims(e.to_string()))?;
    let signer = &answering.in_force.keys.license;
    let token = sign_document(&**signer, Typ::Revocations, &payload)?;
    let list =
        RevocationList { version, kid: signer.kid(), iat: answering.now, until, content_sha256, token };
    let note = AuditNote {
        tenant: Some(tenant.clone()),
        at: answering.now,
        actor: actor.clone(),
        action: "license.revocations",
        subject: tenant.to_string(),
        detail: serde_json::json!({
            "version": version, "named": named, "kid": list.kid, "until": until, "sha256": digest(&list.token),
        }),
    };
    let new = NewRevocations { list: list.clone(), note };
    Ok((ListIssued { list, named, again: false }, Some(new)))
}

/// Above the last one even if its key was revoked since: devices that have it keep the higher number. And no lower than the
/// seconds since numbers are counted: a database that was restored has lost the newest, and devices keep theirs.
fn next_version(view: &RevocationsView, now: UnixSeconds) -> u64 {
    let next = view.latest.as_ref().map_or(0, |list| list.version).saturating_add(1);
    next.max(u64::try_from(now.since(NUMBERED_FROM)).unwrap_or(0))
}

fn content_of(revoked: &[RevokedLicence]) -> Result<[u8; 32], IssueError> {
    let content = serde_json::to_vec(revoked).map_err(|e| IssueError::Claims(e.to_string()))?;
    Ok(sha256(&content))
}

/// What an answer brings along: the notices for this device that are newer than those it holds.
pub(crate) fn sections(notices: &[IssuedNotice], held: &NoticesHeld, keyset: &Keyset) -> Vec<Section> {
    let counts = |notice: &&IssuedNotice| !keyset.has_revoked(&notice.kid);
    let is_newer = |notice: &&IssuedNotice| held.number(notice.kind).is_none_or(|held| held < notice.number);
    let wanted = notices.iter().filter(counts).filter(is_newer);
    let section = |notice: &IssuedNotice| Section {
        kind: notice.kind.number(),
        bytes: notice.token.clone().into_bytes(),
    };
    wanted.map(section).collect()
}

impl RevocationList {
    /// As a notice for a device, while any licence that it names could still run.
    pub(crate) fn notice(&self, now: UnixSeconds) -> Option<IssuedNotice> {
        (now < self.until).then(|| IssuedNotice {
            kind: NoticeKind::Revocations,
            number: self.version,
            kid: self.kid,
            token: self.token.clone(),
        })
    }
}
