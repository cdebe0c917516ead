//! One device: what it holds, the request that it makes of that, and an answer judged as the agent judges it.

use crate::clock::Clock;
use crate::journal::{Journal, Names, Outgoing};
use crate::key::Key;
use crate::wrong::Wrong;
use brink_edge::exchange::accept::{Accepted, Before, accept};
use brink_edge::exchange::plan::{self, Draft, Said};
use brink_license::clock::BootId;
use brink_license::keyset::{Keyset, TrustAnchor};
use brink_license::token::{
    BatchVerdict, CLAIMS_VERSION, CheckpointClaims, ReceiptUsage, SeqMark, VerifiedLicence,
};
use brink_license::usage::{Batch, Genesis, RECORDS_MAX, UsageSection, batch_sha256};
use brink_license::{DeviceId, TenantId, Typ};
use brink_signing::{Signer, sign_document};
use brink_store::{AcceptedMarks, Documents, Held, Identity, NumberMark, Pending, PendingKind};
use bytes::Bytes;

/// What all devices of a fleet have in common.
#[derive(Debug)]
pub struct World {
    /// What is trusted.
    pub anchor: TrustAnchor,
    /// The machine's clocks.
    pub clock: Clock,
    /// Names of meters and cameras.
    pub names: Names,
    /// A receipt may take back what an earlier one acknowledged: the issuer's database was put back.
    pub restored: bool,
}

/// A device as its directory would have it. Cloning one is copying its disk.
#[derive(Clone, Debug)]
pub struct Device {
    key: Key,
    held: Held,
    boot: BootId,
    seed: u64,
    documents: Option<Documents>,
    keyset: Option<Keyset>,
    licence: Option<VerifiedLicence>,
    journal: Option<Journal>,
    records_max: u64,
}

/// A request as it leaves, the same bytes each time.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it goes at the issuer.
    pub path: &'static str,
    /// What is sent.
    pub bytes: Bytes,
}

/// What an answer brought.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many records it acknowledges for the first time.
    pub records: u64,
    /// Something in it that must not be, though the answer itself is sound.
    pub wrong: Option<Wrong>,
}

impl Device {
    /// A device with a fresh key that trusts an issuer and nothing else. `number` tells boots apart, `seed` makes what it
    /// records.
    pub fn new(world: &World, number: u32, seed: u64) -> Result<Self, Wrong> {
        let key = Key::generate().map_err(Wrong::Broken)?;
        let held = Held {
            issuer: world.anchor.issuer().clone(),
            trust_sha256: [0; 32],
            jkt: key.kid(),
            issuer_url: None,
            identity: None,
            marks: AcceptedMarks::default(),
            ctr: 0,
            ratchet: None,
            presence: None,
            pending: None,
            next_exchange_after: None,
            refusals: Vec::new(),
            notices: Vec::new(),
            seats: None,
            challenge: None,
            clock_reset: None,
            settled: Vec::new(),
        };
        let (documents, keyset, licence, journal) = (None, None, None, None);
        let (boot, records_max) = (boot(number)?, RECORDS_MAX as u64);
        Ok(Self { key, held, boot, seed, documents, keyset, licence, journal, records_max })
    }

    /// What somebody has who copied the disk and started it on another machine.
    pub fn copied(&self, number: u32) -> Result<Self, Wrong> {
        Ok(Self { boot: boot(number)?, ..self.clone() })
    }

    /// Its name at the issuer, and whose it is; `None` before its activation.
    #[must_use]
    pub fn identity(&self) -> Option<(&TenantId, &DeviceId)> {
        self.held.identity.as_ref().map(|identity| (&identity.tenant, &identity.device))
    }

    /// Its usage; `None` before its activation.
    #[must_use]
    pub const fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// So many uses, now.
    pub fn record(&mut self, uses: u64, world: &World) {
        if let Some(journal) = &mut self.journal {
            journal.record(uses, &world.names, &world.clock);
        }
    }

    /// At most so many records in a batch from now on.
    pub fn carry_at_most(&mut self, records_max: u64) {
        self.records_max = records_max.clamp(1, RECORDS_MAX as u64);
    }

    /// Half as many records in the next request, since this one was too large. The request is given up.
    pub fn halve(&mut self) {
        self.held.pending = None;
        self.carry_at_most(self.records_max / 2);
    }

    /// Gives the request up that waits for an answer, as somebody does who lost it.
    pub fn give_up(&mut self) {
        self.held.pending = None;
    }

    /// A request to become a device.
    pub fn activation(&mut self, world: &World, code: &str) -> Result<Request, Wrong> {
        let report = plan::report(&self.held, None, None);
        let draft = plan::activation(&self.held, self.key.public_key(), code, report, nonce()?);
        self.signed(world, PendingKind::Activate, &draft.map_err(broken)?)
    }

    /// A request to report and be answered, with the next records.
    pub fn exchange(&mut self, world: &World) -> Result<Request, Wrong> {
        let usage = self.usage(world)?;
        let licence_seq = self.licence.as_ref().map(|licence| licence.claims().seq);
        let mut report = plan::report(&self.held, licence_seq, self.keyset.as_ref().map(Keyset::version));
        report.boot_id = self.boot.to_string();
        let notices = &self.held.notices;
        let said = Said { documents: self.documents.as_ref(), notices, usage: Some(&usage) };
        let draft = plan::exchange(&self.held, self.key.public_key(), &said, report, nonce()?);
        let draft = draft.map_err(broken)?.ok_or(Wrong::NotActivated)?;
        self.signed(world, PendingKind::Exchange, &draft)
    }

    fn usage(&mut self, world: &World) -> Result<UsageSection, Wrong> {
        let journal = self.journal.as_mut().ok_or(Wrong::NotActivated)?;
        let outgoing = journal.batch(self.records_max, &world.names, &world.clock);
        let (report, sent) = (journal.report(), world.clock.moment(self.boot, world.clock.boottime_ms()));
        let batch = outgoing.map(|outgoing| self.signed_batch(outgoing)).transpose()?;
        Ok(UsageSection { sent, chains: vec![report], batch })
    }

    fn signed_batch(&self, outgoing: Outgoing) -> Result<Batch, Wrong> {
        let identity = self.held.identity.as_ref().ok_or(Wrong::NotActivated)?;
        let Outgoing { records, head } = outgoing;
        let claims = CheckpointClaims {
            ver: CLAIMS_VERSION,
            iss: self.held.issuer.clone(),
            dev: identity.device.clone(),
            epoch: identity.epoch,
            jkt: self.key.kid(),
            seq: head.seq,
            hash: head.hash,
            batch: batch_sha256(&records),
        };
        let claims = claims.to_json_bytes().map_err(broken)?;
        let checkpoint = sign_document(&self.key, Typ::Checkpoint, &claims).map_err(broken)?;
        Ok(Batch { epoch: identity.epoch, records, checkpoint })
    }

    fn signed(&mut self, world: &World, kind: PendingKind, draft: &Draft) -> Result<Request, Wrong> {
        let claims = draft.claims.to_json_bytes().map_err(broken)?;
        let proof = sign_document(&self.key, Typ::Request, &claims).map_err(broken)?;
        let bytes = Bytes::from(draft.encode(proof).map_err(broken)?);
        self.held.ctr = draft.claims.ctr;
        // The bytes go with the request; what judges an answer wants counter and nonce alone.
        let created = world.clock.reading(self.boot);
        let (ctr, nonce) = (draft.claims.ctr, draft.claims.nonce);
        self.held.pending = Some(Pending { kind, ctr, nonce, bytes: Vec::new(), created });
        Ok(Request { path: plan::path_of(kind), bytes })
    }

    /// Judges an answer by every rule of the agent's, from the pinned roots on, and puts it in force.
    pub fn take(&mut self, answer: &[u8], world: &World) -> Result<Taken, Wrong> {
        let before = Before {
            anchor: &world.anchor,
            device_key: self.key.public_key(),
            held: &self.held,
            documents: self.documents.as_ref(),
            keyset: self.keyset.as_ref(),
            licence: self.licence.as_ref(),
        };
        let now = world.clock.reading(self.boot).wall;
        let accepted = accept(&before, answer, now).map_err(Wrong::Answer)?;
        let said = accepted.receipt.claims().usage.clone();
        self.put_in_force(accepted)?;
        match (&mut self.journal, said) {
            (None, _) => {
                self.begin_journal();
                Ok(Taken::default())
            }
            (Some(_), None) => Err(Wrong::NothingSaid),
            (Some(_), Some(said)) => self.settle(&said, world),
        }
    }

    fn put_in_force(&mut self, accepted: Accepted) -> Result<(), Wrong> {
        let Accepted { keyset, new_licence, receipt, ratchet, identity, documents, notices, .. } = accepted;
        let marks = &mut self.held.marks;
        marks.keyset = Some(NumberMark { number: keyset.version(), sha256: *keyset.sha256() });
        let receipt_sha256 = brink_license::exchange::body_sha256(receipt.token().as_bytes());
        marks.receipt = Some(NumberMark { number: receipt.claims().seq, sha256: receipt_sha256 });
        if let Some(licence) = new_licence {
            marks.licence = Some(SeqMark::of(&licence));
            self.licence = Some(licence);
        }
        if let Some(licence) = &self.licence {
            for (kind, token) in notices {
                let mut taken = brink_license::token::Notices::default();
                let notice = taken.take_up(kind, &token, &keyset, licence.claims()).map_err(broken)?;
                self.held.notices.retain(|held| held.kind != kind);
                self.held.notices.push(notice);
            }
        }
        self.held.identity = Some(identity);
        self.held.ratchet = Some(ratchet);
        self.held.pending = None;
        self.documents = Some(documents);
        self.keyset = Some(keyset);
        Ok(())
    }

    fn begin_journal(&mut self) {
        let Some(Identity { device, epoch, .. }) = &self.held.identity else { return };
        let genesis = Genesis::new(device.clone(), *epoch, self.key.kid());
        self.journal = Some(Journal::begin(genesis, self.boot, self.seed));
    }

    /// What a receipt says of usage: nothing may be lost, taken for another's, or set aside.
    fn settle(&mut self, said: &ReceiptUsage, world: &World) -> Result<Taken, Wrong> {
        let (Some(journal), Some(cursor)) = (&mut self.journal, said.cursors.first()) else {
            return Err(Wrong::NothingSaid);
        };
        let records = match journal.take(cursor, &world.names, &world.clock) {
            Err(Wrong::AckLost { .. }) if world.restored => 0,
            taken => taken?,
        };
        let is_sound = match said.batch {
            BatchVerdict::None | BatchVerdict::Taken => true,
            BatchVerdict::Gap => world.restored,
            BatchVerdict::Fork | BatchVerdict::Bad => false,
        };
        let wrong = if !is_sound {
            Some(Wrong::Verdict(said.batch))
        } else {
            (said.quarantined > 0).then_some(Wrong::SetAside(said.quarantined))
        };
        Ok(Taken { records, wrong })
    }
}

/// A boot id of a machine's own.
fn boot(number: u32) -> Result<BootId, Wrong> {
    let text = format!("00000000-0000-4000-8000-{number:012x}");
    BootId::parse(&text).ok_or_else(|| Wrong::Broken(format!("{text} is no boot id")))
}

fn nonce() -> Result<[u8; 32], Wrong> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| Wrong::Broken(format!("no random numbers: {error}")))?;
    Ok(nonce)
}

fn broken(error: impl std::fmt::Display) -> Wrong {
    Wrong::Broken(error.to_string())
}
