//! What `status` says: the licence in force, its deadlines, and how the store is.

mod mirrors;
mod store;
mod usage;

use crate::command::Reply;
use crate::mirror::Standing as Mirrored;
use crate::words::{rfc3339, span};
use brink_license::clock::Standing;
use brink_license::keyset::{KeyRecord, Keyset};
use brink_license::seating::unnamed;
use brink_license::token::{LicenceClaims, ReceiptClaims};
use brink_license::{CameraId, IssuerName, Kid, Slug, UnixSeconds};
use brink_store::journal::Backlog;
use brink_store::{BundleError, Health, Held, PendingKind, QuotaUse, Snapshot, VerifiedBundle};
use serde::Serialize;
use store::Store;

/// Everything that a status is made of.
pub struct Sources<'s> {
    /// The pinned issuer.
    pub issuer: &'s IssuerName,
    /// The bundle as hosts see it.
    pub snapshot: &'s Snapshot,
    /// Why the file as it stands is not in force.
    pub refused: Option<&'s BundleError>,
    /// Whether there is a file at all.
    pub bundle_exists: bool,
    /// The exchange state, as far as this process may see it.
    pub state: StateSeen<'s>,
    /// Whether a device lives here whose vault is gone.
    pub vault_is_gone: bool,
    /// How the store is, where this process holds it.
    pub health: Option<&'s Health>,
    /// What of usage is not settled, where the journal can be read.
    pub backlog: Option<Backlog>,
    /// How the quotas stand.
    pub quotas: &'s [QuotaUse],
    /// How the mirrors are; none where no agent says so.
    pub mirrors: &'s [Mirrored],
    /// What is known of the agent.
    pub agent: AgentSeen,
}

/// What is known of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentSeen {
    /// It says so itself.
    Running,
    /// Nobody listens.
    Absent,
    /// It listens, and this user may not ask it.
    Forbidden,
    /// It listens, and did not answer.
    Silent,
}

impl AgentSeen {
    const fn as_str(self) -> &'static str {
        match self {
            AgentSeen::Running => "running",
            AgentSeen::Absent => "not running",
            AgentSeen::Forbidden => "running, but this user may not ask it",
            AgentSeen::Silent => "not answering",
        }
    }
}

/// A look at `state.db`.
pub enum StateSeen<'s> {
    /// There is none: not activated.
    Absent,
    /// This user or this moment does not allow it; why.
    Closed(String),
    /// Open.
    Open(&'s Held),
}

#[derive(Debug, Serialize)]
struct Status {
    state: &'static str,
    reason: &'static str,
    mend: &'static str,
    now: Option<String>,
    issuer: IssuerName,
    licence: Option<Licence>,
    seats: Option<Seats>,
    deadlines: Option<Deadlines>,
    keyset: Option<KeysetSeen>,
    receipt: Option<Receipt>,
    exchange: Option<Exchange>,
    usage: Option<usage::Usage>,
    mirrors: Vec<mirrors::Mirror>,
    store: Store,
    flags: Vec<&'static str>,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct Licence {
    tenant: String,
    device: String,
    epoch: u32,
    seq: u64,
    jti: String,
    mode: brink_license::token::Mode,
    enforce: brink_license::token::Enforce,
    cameras: u64,
    unnamed_seats: u64,
    packs: Vec<Slug>,
    quotas: Vec<brink_license::token::Quota>,
}

/// The unnamed seats.
#[derive(Debug, Serialize)]
struct Seats {
    unnamed: u64,
    taken: usize,
    dropped: Vec<CameraId>,
}

#[derive(Debug, Serialize)]
struct Deadlines {
    nbf: Option<String>,
    exp: Option<String>,
    grace_end: Option<String>,
    offline_deadline: Option<String>,
    extended_until: Option<String>,
    next_transition_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct KeysetSeen {
    version: u64,
    expires_at: Option<String>,
    keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Key {
    kid: Kid,
    r#use: &'static str,
    state: brink_license::keyset::KeyState,
}

#[derive(Debug, Serialize)]
struct Receipt {
    seq: u64,
    server_time: Option<String>,
    age: i64,
}

#[derive(Debug, Serialize)]
struct Exchange {
    issuer: Option<String>,
    ctr: u64,
    pending: Option<&'static str>,
    next: Option<String>,
    last_refusal: Option<Refusal>,
}

#[derive(Debug, Serialize)]
struct Refusal {
    at: Option<String>,
    code: String,
    what: String,
}

/// Puts a status together. A device that is not activated has one too: it is in order, and says what to do next.
#[must_use]
pub fn status(sources: &Sources<'_>) -> Reply {
    let status = Status::of(sources);
    let text = status.text();
    match serde_json::to_value(&status) {
        Ok(document) => Reply::done(document, text),
        // Only a map with keys that are no texts could fail, and there is none.
        Err(error) => {
            Reply::done(serde_json::json!({ "state": status.state, "error": error.to_string() }), text)
        }
    }
}

impl Status {
    fn of(sources: &Sources<'_>) -> Self {
        let standing = sources.snapshot.standing();
        let bundle = sources.snapshot.bundle();
        let claims = bundle.map(|bundle| bundle.licence().claims());
        let receipt = bundle.and_then(|bundle| bundle.receipt()).map(|receipt| receipt.claims());
        let pending_activation = matches!(
            sources.state,
            StateSeen::Open(Held { identity: None, pending: Some(pending), .. }) if pending.kind == PendingKind::Activate
        );
        let mend = match claims {
            None if pending_activation => {
                "bring the answer to the activation: brink-edge activate --import RESP, or run the same activate again"
            }
            Some(_) | None => standing.reason.mend(),
        };
        Self {
            state: standing.state.as_str(),
            reason: standing.reason.as_str(),
            mend,
            now: rfc3339(standing.now),
            issuer: sources.issuer.clone(),
            licence: claims.map(Licence::of),
            seats: claims.map(|claims| Seats::of(claims, sources)),
            deadlines: bundle.map(|bundle| Deadlines::of(bundle, standing)),
            keyset: bundle.map(|bundle| KeysetSeen::of(bundle.keyset())),
            receipt: receipt.map(|receipt| Receipt::of(receipt, standing.now)),
            exchange: match &sources.state {
                StateSeen::Open(held) => Some(Exchange::of(held)),
                StateSeen::Absent | StateSeen::Closed(_) => None,
            },
            usage: usage::Usage::of(sources),
            mirrors: mirrors::of(sources),
            store: Store::of(sources),
            flags: standing.flags.names().collect(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("state:     {} ({})", self.state, self.reason)];
        if self.mend != brink_license::Reason::Granted.mend() {
            lines.push(format!("mend:      {}", self.mend));
        }
        lines.push(format!("issuer:    {}", self.issuer));
        if let Some(licence) = &self.licence {
            lines.extend(licence.lines());
        }
        lines.extend(self.seats.iter().flat_map(Seats::lines));
        if let Some(deadlines) = &self.deadlines {
            lines.extend(deadlines.lines());
        }
        if let Some(KeysetSeen { version, expires_at, keys }) = &self.keyset {
            let until = shown(expires_at.as_ref());
            lines.push(format!("keyset:    version {version}, {} keys, expires {until}", keys.len()));
        }
        if let Some(Receipt { seq, server_time, age }) = &self.receipt {
            let when = shown(server_time.as_ref());
            lines.push(format!("receipt:   seq {seq} of {when}, {} ago", span(*age)));
        }
        if let Some(exchange) = &self.exchange {
            lines.extend(exchange.lines());
        }
        lines.extend(self.usage.iter().flat_map(usage::Usage::lines));
        lines.extend(self.mirrors.iter().flat_map(mirrors::Mirror::lines));
        let Store { vault, bundle, state, documents, journal, anchor, agent } = &self.store;
        lines
            .push(format!("store:     bundle {bundle}; state {state}; vault {vault}; documents {documents}; journal {journal}; anchor {anchor}"));
        lines.push(format!("agent:     {agent}"));
        if !self.flags.is_empty() {
            lines.push(format!("flags:     {}", self.flags.join(", ")));
        }
        lines.join("\n")
    }
}

fn shown(text: Option<&String>) -> &str {
    text.map_or("never", String::as_str)
}

impl Licence {
    fn of(claims: &LicenceClaims) -> Self {
        Self {
            tenant: claims.tenant.to_string(),
            device: claims.dev.to_string(),
            epoch: claims.epoch,
            seq: claims.seq,
            jti: claims.jti.to_string(),
            mode: claims.mode,
            enforce: claims.enforce,
            cameras: claims.grants.iter().map(|grant| grant.seats.named() as u64).sum(),
            unnamed_seats: claims.grants.iter().map(|grant| u64::from(grant.seats.unnamed())).sum(),
            packs: claims.packs.keys().cloned().collect(),
            quotas: claims.quotas.clone(),
        }
    }

    fn lines(&self) -> [String; 3] {
        let packs: Vec<_> = self.packs.iter().map(Slug::as_str).collect();
        [
            format!(
                "licence:   {} of tenant {}, seq {} in epoch {}",
                self.device, self.tenant, self.seq, self.epoch
            ),
            format!("cameras:   {} named, {} unnamed seats", self.cameras, self.unnamed_seats),
            format!("packs:     {}", if packs.is_empty() { "none".to_owned() } else { packs.join(", ") }),
        ]
    }
}

impl Seats {
    fn of(claims: &LicenceClaims, sources: &Sources<'_>) -> Self {
        let held = match &sources.state {
            StateSeen::Open(held) => held.seats.as_ref(),
            StateSeen::Absent | StateSeen::Closed(_) => None,
        };
        Self {
            unnamed: unnamed(claims),
            taken: sources.snapshot.seats().map_or(0, |seats| seats.claims().cameras().count()),
            dropped: held.map(|held| held.dropped.clone()).unwrap_or_default(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let Self { unnamed, taken, dropped } = self;
        let seats = (*unnamed > 0).then(|| format!("seats:     {taken} of {unnamed} unnamed seats taken"));
        seats.into_iter().chain(crate::seat::warning(dropped)).collect()
    }
}

impl Deadlines {
    fn of(bundle: &VerifiedBundle, standing: &Standing) -> Self {
        let claims = bundle.licence().claims();
        let receipt = bundle.receipt().map(|receipt| receipt.claims());
        let last_contact = receipt.map_or(claims.iat, |receipt| receipt.server_time);
        let offline_max = i64::try_from(claims.offline_max).unwrap_or(i64::MAX);
        Self {
            nbf: rfc3339(claims.nbf),
            exp: rfc3339(claims.exp),
            grace_end: rfc3339(claims.ends_at()),
            offline_deadline: rfc3339(last_contact.saturating_add(offline_max)),
            extended_until: bundle.notices().extended_until(claims).and_then(rfc3339),
            next_transition_at: standing.next_transition_at.and_then(rfc3339),
        }
    }

    fn lines(&self) -> Vec<String> {
        let (exp, grace_end) = (shown(self.exp.as_ref()), shown(self.grace_end.as_ref()));
        let offline = shown(self.offline_deadline.as_ref());
        let mut lines = vec![
            format!("valid:     from {} until {exp}, grace until {grace_end}", shown(self.nbf.as_ref())),
            format!("offline:   until {offline}; next change {}", shown(self.next_transition_at.as_ref())),
        ];
        lines.extend(self.extended_until.as_ref().map(|until| format!("extended:  until {until} at least")));
        lines
    }
}

impl KeysetSeen {
    fn of(keyset: &Keyset) -> Self {
        let key = |record: &KeyRecord| Key {
            kid: record.kid(),
            r#use: record.key_use().as_str(),
            state: record.state(),
        };
        Self {
            version: keyset.version(),
            expires_at: rfc3339(keyset.expires_at()),
            keys: keyset.keys().iter().map(key).collect(),
        }
    }
}

impl Receipt {
    fn of(claims: &ReceiptClaims, now: UnixSeconds) -> Self {
        Self { seq: claims.seq, server_time: rfc3339(claims.server_time), age: now.since(claims.server_time) }
    }
}

impl Exchange {
    fn of(held: &Held) -> Self {
        Self {
            issuer: held.issuer_url.clone(),
            ctr: held.ctr,
            pending: held.pending.as_ref().map(|pending| match pending.kind {
                PendingKind::Activate => "activate",
                PendingKind::Exchange => "exchange",
            }),
            next: held.next_exchange_after.and_then(rfc3339),
            last_refusal: held.refusals.first().map(|refused| Refusal {
                at: rfc3339(refused.at),
                code: refused.code.clone(),
                what: refused.what.clone(),
            }),
        }
    }

    fn lines(&self) -> Vec<String> {
        let issuer = self.issuer.as_deref().unwrap_or("by file");
        let waiting =
            self.pending.map_or_else(String::new, |kind| format!("; an {kind} waits for its answer"));
        let mut lines = vec![format!(
            "exchange:  {issuer}; {} requests so far; next from {}{waiting}",
            self.ctr,
            shown(self.next.as_ref())
        )];
        if let Some(Refusal { at, code, what }) = &self.last_refusal {
            lines.push(format!("refused:   {} {code}: {what}", shown(at.as_ref())));
        }
        lines
    }
}
