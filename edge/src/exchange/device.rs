//! The device at work: its key, its store, and the one exchange that may be under way.

mod documents;
mod opening;
mod seats;
mod usage;

pub use documents::{Challenge, Taken};
pub use usage::Settlement;

use super::accept::{Accepted, Before, accept};
use super::plan::{self, Draft};
use super::{DeviceError, Refusal};
use brink_license::clock::{BootId, Guarded, Reading, ResetMark};
use brink_license::exchange::{ClientReport, RequestKind};
use brink_license::token::{CLAIMS_VERSION, LicenceClaims, PresenceClaims, VerifiedLicence, VerifiedReceipt};
use brink_license::{Flags, PublicKey, Typ, UnixSeconds};
use brink_signing::{DeviceKey, Signer, sign_document};
use brink_store::journal::{Backlog, ClockKeeper, Shrunk, Unsent, UsageError};
use brink_store::{Acceptance, DeviceStore, Held, LogEntry, Pending, PendingKind, Refused};

/// An answer within this many seconds of its request sets the clock: it was signed in between (shorter than any lease, and
/// longer than a network takes).
const ROUND_TRIP_SECONDS_MAX: i64 = 300;

/// The device in a directory: its key and its store. Whoever has one is the only writer there.
#[derive(Debug)]
pub struct Device {
    key: DeviceKey,
    store: DeviceStore,
    clock: ClockKeeper,
    pace: usage::Pace,
}

/// A request that may leave: by network or by file, the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes at the issuer.
    pub path: &'static str,
    /// The encoded request.
    pub bytes: Vec<u8>,
    /// It was made earlier and has not been answered yet.
    pub resent: bool,
}

/// What an accepted answer brought.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The licence in force; `None` when the key that signed it was revoked and no other came.
    pub licence: Option<VerifiedLicence>,
    /// The receipt.
    pub receipt: VerifiedReceipt,
    /// The keyset version in force.
    pub keyset_version: u64,
    /// Whether the licence is another than before.
    pub new_licence: bool,
    /// When the issuer wants to hear of the device again, in guarded time.
    pub next_exchange_after: UnixSeconds,
    /// What it settled of usage; `None` from an issuer that says nothing of it.
    pub settlement: Option<Settlement>,
}

/// Exchanging.
impl Device {
    /// The request for an activation by `code`, stored before it is handed out. The same code gives the same bytes
    /// until it is answered.
    pub fn begin_activation(&mut self, code: &str, reading: &Reading) -> Result<Outgoing, DeviceError> {
        if let Some(identity) = &self.held().identity {
            return Err(DeviceError::AlreadyActivated { device: identity.device.to_string() });
        }
        if let Some(pending) = &self.held().pending
            && plan::asked(pending).is_some_and(|body| body.kind == activate(code))
        {
            return Ok(outgoing(pending, true));
        }
        let report = self.report(Vec::new(), reading.boot);
        let draft = plan::activation(self.held(), self.key.public_key(), code, report, nonce()?)?;
        self.store_draft((PendingKind::Activate, None), &draft, reading)
    }

    /// The request of an exchange, stored before it is handed out: the same bytes until they are answered.
    pub fn begin_exchange(
        &mut self,
        clock_flags: Vec<String>,
        reading: &Reading,
    ) -> Result<Outgoing, DeviceError> {
        let report = self.report(clock_flags, reading.boot);
        let not_activated = DeviceError::NotActivated { dir: self.store.layout().dir().to_owned() };
        if self.held().identity.is_none() {
            return Err(not_activated);
        }
        if let Some(pending) = &self.held().pending
            && pending.kind == PendingKind::Exchange
            && plan::is_current(pending, &report)
        {
            return Ok(outgoing(pending, true));
        }
        let carried = self.usage()?;
        let notices = self.store.notices_that_count();
        let usage = carried.as_ref().map(|carried| &carried.section);
        let said = plan::Said { documents: self.store.documents(), notices: &notices, usage };
        let draft = plan::exchange(self.held(), self.key.public_key(), &said, report, nonce()?)?;
        let batch = carried.as_ref().and_then(|carried| carried.batch.as_ref());
        self.store_draft((PendingKind::Exchange, batch), &draft.ok_or(not_activated)?, reading)
    }

    fn report(&self, clock_flags: Vec<String>, boot: BootId) -> ClientReport {
        let licence_seq = self.store.licence().map(|licence| licence.claims().seq);
        let keyset_version = self.store.keyset().map(|keyset| keyset.version());
        let report = plan::report(self.held(), licence_seq, keyset_version);
        ClientReport { clock_flags, boot_id: boot.to_string(), ..report }
    }

    fn store_draft(
        &mut self,
        (kind, carried): (PendingKind, Option<&Unsent>),
        draft: &Draft,
        reading: &Reading,
    ) -> Result<Outgoing, DeviceError> {
        let claims = draft.claims.to_json_bytes().map_err(|error| DeviceError::Claims(error.to_string()))?;
        let proof = sign_document(&self.key, Typ::Request, &claims)?;
        let pending = Pending {
            kind,
            ctr: draft.claims.ctr,
            nonce: draft.claims.nonce,
            bytes: draft.encode(proof)?,
            created: *reading,
        };
        let request = outgoing(&pending, false);
        self.store.store_pending(pending, carried)?;
        Ok(request)
    }

    /// Judges an answer and puts it in force. A refusal is remembered and leaves everything as it was; the pending
    /// request is given up only if this was the issuer's answer to it.
    pub fn complete(&mut self, response: &[u8], reading: &Reading) -> Result<Outcome, DeviceError> {
        let guarded = self.guarded(reading);
        let doubted = self.is_prompt(reading) && is_doubted(&guarded);
        // What a clock says that is known to be wrong does not make a keyset old; the receipt's own time still does.
        let now = if doubted { self.store.floor().unwrap_or_default() } else { guarded.now };
        let before = Before {
            anchor: self.store.anchor(),
            device_key: self.key.public_key(),
            held: self.store.held(),
            documents: self.store.documents(),
            keyset: self.store.keyset(),
            licence: self.store.licence(),
        };
        match accept(&before, response, now) {
            Ok(accepted) => {
                let now = now.max(accepted.receipt.claims().server_time);
                let is_ahead = guarded.tampered || guarded.now.since(now) > ROUND_TRIP_SECONDS_MAX;
                let correction = (doubted && is_ahead).then(|| self.correction(now, reading));
                self.put_in_force(accepted, (reading.boot, now), correction)
            }
            Err(refusal) => {
                self.remember(&refusal, guarded.now)?;
                Err(refusal.into())
            }
        }
    }

    fn put_in_force(
        &mut self,
        accepted: Accepted,
        (boot, now): (BootId, UnixSeconds),
        clock: Option<ResetMark>,
    ) -> Result<Outcome, DeviceError> {
        let seats = self.seats_after(&accepted)?;
        let Accepted { keyset, new_licence, receipt, ratchet, identity, documents, manifests, notices } =
            accepted;
        let next_after = i64::try_from(receipt.claims().next_after).unwrap_or(i64::MAX);
        let next_exchange_after = now.saturating_add(next_after);
        let licence = new_licence.as_ref().or(self.store.licence());
        let presence = licence.map(|licence| self.presence_for(licence.claims(), boot)).transpose()?;
        let jti = licence.map_or("none", |licence| licence.claims().jti.as_str());
        let document = format!("receipt {} with licence {jti}", receipt.claims().jti);
        let note = LogEntry { at: now, verdict: "accepted".into(), document };
        let accepted = self.store.accept(Acceptance {
            identity,
            documents,
            manifests,
            ratchet,
            next_exchange_after,
            presence,
            notices,
            seats,
            clock,
            note,
        });
        // The clock learns of it at its next reading, published or not.
        accepted?;
        Ok(Outcome {
            licence: self.store.licence().cloned(),
            receipt,
            keyset_version: keyset.version(),
            new_licence: new_licence.is_some(),
            next_exchange_after,
            settlement: self.settlement(),
        })
    }

    /// Whether an answer that arrives now is one to a request of this boot, and a fresh one: then its time is the time.
    fn is_prompt(&self, reading: &Reading) -> bool {
        self.held().pending.as_ref().is_some_and(|pending| {
            let under_way = reading.boottime.saturating_sub(pending.created.boottime);
            pending.created.boot == reading.boot && (0..=ROUND_TRIP_SECONDS_MAX).contains(&under_way)
        })
    }

    /// The issuer's time counts from here on, whatever was believed before.
    fn correction(&self, server_time: UnixSeconds, reading: &Reading) -> ResetMark {
        let number = self.clock.resets().saturating_add(1);
        ResetMark { number, server_time, boot: reading.boot, boottime: reading.boottime }
    }

    fn remember(&mut self, refusal: &Refusal, now: UnixSeconds) -> Result<(), DeviceError> {
        let code = refusal.code().as_str().to_owned();
        self.store.record_refusal(&Refused { at: now, code, what: refusal.to_string() })?;
        if refusal.answered {
            self.store.abandon_pending()?;
        }
        Ok(())
    }

    /// The issuer gave a definite no: it is remembered, and the request is not sent again.
    pub fn refused_by_issuer(
        &mut self,
        code: &str,
        what: &str,
        reading: &Reading,
    ) -> Result<(), DeviceError> {
        let at = self.guarded(reading).now;
        self.store.record_refusal(&Refused { at, code: code.to_owned(), what: what.to_owned() })?;
        Ok(self.store.abandon_pending()?)
    }

    /// States that the licence in force is at home on the machine as it runs now, once per boot and licence; says
    /// whether it had to.
    pub fn refresh_presence(&mut self, reading: &Reading) -> Result<bool, DeviceError> {
        let boot = reading.boot;
        let stated = self.store.presence().is_some_and(|held| held.claims().boot_id == boot.to_string());
        let Some(licence) = self.store.licence().filter(|_| !stated) else { return Ok(false) };
        let presence = self.presence_for(licence.claims(), boot)?;
        self.store.publish(&presence)?;
        Ok(true)
    }

    fn presence_for(&self, licence: &LicenceClaims, boot: BootId) -> Result<String, DeviceError> {
        let claims = PresenceClaims {
            ver: CLAIMS_VERSION,
            dev: licence.dev.clone(),
            epoch: licence.epoch,
            jkt: self.key.kid(),
            jti: licence.jti.clone(),
            boot_id: boot.to_string(),
        };
        let claims = claims.to_json_bytes().map_err(|error| DeviceError::Claims(error.to_string()))?;
        Ok(sign_document(&self.key, Typ::Presence, &claims)?)
    }
}

/// What can be asked, and small changes.
impl Device {
    /// Does what could not be done earlier, for instance on a full disk, and restores a bundle that somebody changed.
    pub fn ensure_published(&mut self) -> Result<bool, DeviceError> {
        Ok(self.store.ensure_published()?)
    }

    /// Remembers where the issuer answers.
    pub fn set_issuer_url(&mut self, url: &str) -> Result<(), DeviceError> {
        Ok(self.store.set_issuer_url(url)?)
    }

    /// Moves the guarded time by one reading.
    pub fn guarded(&mut self, reading: &Reading) -> Guarded {
        self.clock.advance(&self.store.learned(), reading)
    }

    /// Copies the clock's marks to the anchor, once an hour.
    pub fn remember_clock(&mut self, reading: &Reading) {
        self.store.remember_clock(reading);
    }

    /// The same for a clean end.
    pub fn remember_at_the_end(&mut self) {
        self.store.remember_at_the_end();
    }

    /// Mends the journal if that is needed, and makes room in it, every half minute. `None` in between.
    pub fn mind_journal(&mut self, reading: &Reading) -> Option<Shrunk> {
        if !self.store.mind_journal(reading) {
            return None;
        }
        let guarded = self.guarded(reading);
        // Under a clock that has jumped ahead nothing has become old.
        let is_sure = !is_doubted(&guarded) && !guarded.flags.contains(Flags::CLOCK_JUMP);
        let now = if is_sure { guarded.now } else { self.store.floor().unwrap_or_default() };
        let now_ms = now.as_i64().saturating_mul(1000);
        let shrunk = self.store.shrink_journal(now_ms).unwrap_or_else(|error| {
            tracing::debug!(code = error.code(), %error, "no room made in the journal");
            Shrunk::default()
        });
        if shrunk.pruned + shrunk.folded > 0 {
            tracing::info!(?shrunk, "room in the journal");
        }
        Some(shrunk)
    }

    /// How much usage is not settled, counted up to `count_max`.
    #[must_use]
    pub fn backlog(&self, count_max: u64) -> Backlog {
        self.store.backlog(count_max).unwrap_or_default()
    }

    /// Sets how many bytes the journal may have.
    pub fn limit_journal(&mut self, bytes_max: u64) -> Result<(), UsageError> {
        self.store.limit_journal(bytes_max)
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &DeviceStore {
        &self.store
    }

    /// What the vault remembers of documents, oldest first.
    #[must_use]
    pub fn log(&mut self) -> Vec<LogEntry> {
        self.store.log()
    }

    /// The same with the number of each.
    #[must_use]
    pub fn numbered_log(&mut self) -> Vec<(u64, LogEntry)> {
        self.store.numbered_log()
    }

    /// The device's public key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    fn held(&self) -> &Held {
        self.store.held()
    }
}

/// Whether the wall clock contradicts what is remembered: one of the two is wrong, and a fresh word of the issuer's decides.
const fn is_doubted(guarded: &Guarded) -> bool {
    guarded.tampered
        || guarded.flags.contains(Flags::CLOCK_BACK)
        || guarded.flags.contains(Flags::CLOCK_UNSET)
}

fn activate(code: &str) -> RequestKind {
    RequestKind::Activate { code: code.to_owned() }
}

fn outgoing(pending: &Pending, resent: bool) -> Outgoing {
    Outgoing { path: plan::path_of(pending.kind), bytes: pending.bytes.clone(), resent }
}

fn nonce() -> Result<[u8; 32], DeviceError> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| DeviceError::Random(error.to_string()))?;
    Ok(nonce)
}

#[cfg(test)]
mod tests;
