//! The one who may write: holds the lock of the device directory and carries out every verb that changes it.
//!
//! A verb that needs the network is done in two steps, so that the agent can do other things in between: [`Writer::begin`]
//! stores the request before it leaves, [`Writer::finish`] takes up what came back.

mod journal;
mod network;
mod replies;
mod seats;

use crate::command::{Command, Reply, Secret};
use crate::error::EdgeError;
use crate::exchange::{Device, Outgoing, plan};
use crate::uplink::{Delivery, HttpsUplink, IssuerUrl, Uplink, UplinkError};
use brink_license::clock::Reading;
use brink_license::exchange::{ACTIVATE_PATH, RequestKind};
use brink_store::{DeviceStore, Finding, Held, Installation, Layout, PendingKind, WriterLock, machine};
use replies::{accepted, exported};
use serde_json::json;
use std::time::Duration;

/// The holder of the lock.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    occupant: Occupant,
    /// Where a request is to have less time than the network's own bound.
    network_timeout: Option<Duration>,
}

/// What the lock is held for.
#[derive(Debug)]
enum Occupant {
    /// A directory that no device lives in yet.
    Nobody { lock: WriterLock },
    /// A device, activated or on its way.
    Device(Box<Device>),
    /// Between two devices, or after one that could not be opened again. The next verb tries again.
    Closed,
}

/// How far a command has come.
#[derive(Debug)]
pub enum Step {
    /// To its end.
    Done(Reply),
    /// A request has to be sent, and what comes back handed to [`Writer::finish`].
    Send(Departure),
}

/// A request on its way.
#[derive(Debug)]
pub struct Departure {
    /// Path and bytes.
    pub outgoing: Outgoing,
    /// By which way.
    pub uplink: HttpsUplink,
    /// An address to remember once the issuer has answered from it.
    moved_to: Option<IssuerUrl>,
}

impl Departure {
    /// Sends it. Takes as long as the network takes, and no longer than [`crate::uplink::NETWORK_TIMEOUT`].
    pub fn send(&self) -> Result<Delivery, UplinkError> {
        self.uplink.send(self.outgoing.path, &self.outgoing.bytes)
    }
}

/// Reads the machine's clocks.
pub fn reading() -> Result<Reading, EdgeError> {
    machine::read().map_err(EdgeError::Clock)
}

impl Writer {
    /// Takes the lock, finishes what was interrupted, repairs what is damaged, and confirms presence in this boot.
    pub fn open(layout: &Layout) -> Result<Self, EdgeError> {
        // A directory without trust is none of ours: nothing is made in it.
        layout.trust_anchor()?;
        let mut writer = Self { layout: layout.clone(), occupant: Occupant::Closed, network_timeout: None };
        writer.reopen()?;
        Ok(writer)
    }

    /// The same for starting over, which also mends a key or a state that is lost or damaged: it is set aside as it is.
    pub fn open_to_start_over(layout: &Layout) -> Result<Self, EdgeError> {
        layout.trust_anchor()?;
        let mut writer = Self { layout: layout.clone(), occupant: Occupant::Closed, network_timeout: None };
        match writer.reopen() {
            Err(error) if error.is_mended_by_starting_over() => {
                tracing::warn!(code = %error.code(), %error, "starting over without what was here");
                Ok(writer)
            }
            opened => opened.map(|()| writer),
        }
    }

    /// Opens the store again, which repairs it. The lock is free for a moment; callers are the agent, which everybody
    /// else asks first.
    pub fn reopen(&mut self) -> Result<(), EdgeError> {
        self.occupant = Occupant::Closed;
        self.occupant = match self.layout.installation()? {
            Installation::Absent => Occupant::Nobody { lock: WriterLock::acquire(&self.layout)? },
            Installation::Unfinished | Installation::Complete => {
                let mut device = Device::open(&self.layout)?;
                device.refresh_presence(&reading()?)?;
                if let Err(error) = device.refresh_seats() {
                    tracing::warn!(code = error.code(), %error, "the seats are not signed for this licence");
                }
                Occupant::Device(Box::new(device))
            }
        };
        Ok(())
    }

    /// Whether the request that waits for its answer is the activation with this code.
    #[must_use]
    pub fn waits_for(&self, code: &Secret) -> bool {
        let pending = self.held().and_then(|held| held.pending.as_ref());
        let kind = RequestKind::Activate { code: code.reveal().to_owned() };
        pending.and_then(plan::asked).is_some_and(|body| body.kind == kind)
    }

    /// Publishes again what is gone or was changed, and confirms presence. What that does not mend, opening the store
    /// again does: it also rebuilds the vault.
    pub fn repair(&mut self, reading: &Reading) -> Result<(), EdgeError> {
        if let Occupant::Device(device) = &mut self.occupant {
            let published = device.ensure_published().and_then(|_| device.refresh_presence(reading));
            match published {
                Ok(_) => return Ok(()),
                Err(error) => {
                    tracing::warn!(code = error.code(), %error, "cannot publish; opening the store again")
                }
            }
        }
        self.reopen()
    }

    /// Copies the clock's marks to the anchor, once an hour.
    pub fn remember_clock(&mut self, reading: &Reading) {
        if let Occupant::Device(device) = &mut self.occupant {
            device.remember_clock(reading);
        }
    }

    /// The same for a clean end.
    pub fn remember_at_the_end(&mut self) {
        if let Occupant::Device(device) = &mut self.occupant {
            device.remember_at_the_end();
        }
    }

    /// The device, if one lives here.
    #[must_use]
    pub fn resident(&self) -> Option<&Device> {
        match &self.occupant {
            Occupant::Device(device) => Some(device),
            Occupant::Nobody { .. } | Occupant::Closed => None,
        }
    }

    /// The device directory.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The store, if a device lives here.
    #[must_use]
    pub fn store(&self) -> Option<&DeviceStore> {
        self.resident().map(Device::store)
    }

    /// The exchange state, if a device lives here.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        self.store().map(DeviceStore::held)
    }

    /// Carries a command out from beginning to end, waiting for the network.
    pub fn perform(&mut self, command: &Command) -> Result<Reply, EdgeError> {
        match self.begin(command, &reading()?)? {
            Step::Done(reply) => Ok(reply),
            Step::Send(departure) => {
                let came = departure.send();
                self.finish(&departure, came, &reading()?)
            }
        }
    }

    /// Begins a command: everything but waiting for the network.
    pub fn begin(&mut self, command: &Command, reading: &Reading) -> Result<Step, EdgeError> {
        match command {
            Command::Init { trust } => self.init(trust).map(Step::Done),
            Command::ActivateOnline { code, issuer, ca_pem, again } => {
                let url = self.known_url(issuer.as_ref())?;
                let uplink = self.uplink(url.clone(), ca_pem.as_deref())?;
                let outgoing = self.activation(code, *again, Some(&url), reading)?;
                Ok(Step::Send(Departure { outgoing, uplink, moved_to: None }))
            }
            Command::ActivateExport { code, issuer, again } => {
                let outgoing = self.activation(code, *again, issuer.as_ref(), reading)?;
                Ok(Step::Done(exported(outgoing, "activation")))
            }
            Command::ExchangeOnline { issuer, ca_pem } => {
                let url = self.issuer_url(issuer.as_ref())?;
                let uplink = self.uplink(url, ca_pem.as_deref())?;
                let outgoing = self.request(reading)?;
                Ok(Step::Send(Departure { outgoing, uplink, moved_to: issuer.clone() }))
            }
            Command::ExchangeExport => {
                let outgoing = self.request(reading)?;
                Ok(Step::Done(exported(outgoing, "exchange")))
            }
            Command::ActivateImport { response } => {
                self.check_pending(PendingKind::Activate)?;
                self.accept(&response.0, reading).map(Step::Done)
            }
            Command::ExchangeImport { response } => {
                self.check_pending(PendingKind::Exchange)?;
                self.accept(&response.0, reading).map(Step::Done)
            }
            Command::Accept { notice } => {
                Ok(Step::Done(replies::taken(&self.device()?.accept_document(notice, reading)?)))
            }
            Command::AcceptTyped { text } => {
                Ok(Step::Done(replies::taken(&self.device()?.accept_typed(text, reading)?)))
            }
            Command::ClockChallenge => {
                Ok(Step::Done(replies::challenged(self.device()?.clock_challenge(reading)?)))
            }
            Command::SeatAssign { camera, packs } => {
                self.assign_seat(camera, packs.as_deref()).map(Step::Done)
            }
            Command::SeatRelease { camera } => self.release_seat(camera).map(Step::Done),
            Command::SeatList => self.list_seats().map(Step::Done),
            Command::Check(_) | Command::Status => {
                Err(EdgeError::Usage("check and status do not write: they are answered by a look".to_owned()))
            }
        }
    }

    /// Takes up what the network brought for a request that [`Writer::begin`] sent away.
    pub fn finish(
        &mut self,
        departure: &Departure,
        came: Result<Delivery, UplinkError>,
        reading: &Reading,
    ) -> Result<Reply, EdgeError> {
        let pending = self.held().and_then(|held| held.pending.as_ref());
        if pending.is_none_or(|pending| pending.bytes != departure.outgoing.bytes) {
            return Err(EdgeError::Overtaken);
        }
        match came {
            Ok(Delivery::Answered(response)) => {
                let reply = self.accept(&response, reading)?;
                if let (Some(url), Occupant::Device(device)) = (&departure.moved_to, &mut self.occupant) {
                    device.set_issuer_url(url.as_str())?;
                }
                Ok(reply)
            }
            Ok(Delivery::Carried) => Err(EdgeError::Overtaken),
            Err(error) => {
                if let Occupant::Device(device) = &mut self.occupant {
                    device.not_delivered(error.is_too_large())?;
                    if error.is_definite() {
                        device.refused_by_issuer(error.code(), &error.to_string(), reading)?;
                    }
                }
                Err(error.into())
            }
        }
    }

    fn init(&self, trust: &str) -> Result<Reply, EdgeError> {
        let lock = match &self.occupant {
            Occupant::Nobody { lock } => lock,
            Occupant::Device(device) => device.store().lock(),
            Occupant::Closed => return init(&self.layout, trust),
        };
        pinned(&self.layout, &self.layout.init_locked(trust.as_bytes(), lock)?)
    }

    /// The request of an activation: the one that waits if it is for the same code, or a new one. So starting over with
    /// one code is done once, however often it is asked for: its answer may be lost, and the code is spent by the key
    /// that was made first.
    fn activation(
        &mut self,
        code: &Secret,
        again: bool,
        issuer: Option<&IssuerUrl>,
        reading: &Reading,
    ) -> Result<Outgoing, EdgeError> {
        let again = again && !self.waits_for(code);
        let earlier = self.held().and_then(|held| held.identity.as_ref());
        if let (Some(identity), false) = (earlier, again) {
            return Err(EdgeError::AlreadyActivated { device: identity.device.to_string() });
        }
        let device = self.device_for_activation(again)?;
        if let Some(url) = issuer {
            device.set_issuer_url(url.as_str())?;
        }
        Ok(device.begin_activation(code.reveal(), reading)?)
    }

    /// The device that lives here, or a new one: where nobody lives, or where a person wants to start over.
    fn device_for_activation(&mut self, again: bool) -> Result<&mut Device, EdgeError> {
        if again || !matches!(self.occupant, Occupant::Device(_)) {
            // Gives the lock back; whoever makes the device takes it again.
            self.occupant = Occupant::Closed;
            let made =
                if again { Device::start_over(&self.layout) } else { Device::open_or_create(&self.layout) };
            self.occupant = Occupant::Device(Box::new(made?));
        }
        self.device()
    }

    /// The request that waits, or a new one. A device whose activation waits asks for that again.
    fn request(&mut self, reading: &Reading) -> Result<Outgoing, EdgeError> {
        let device = self.device()?;
        if let Held { identity: None, pending: Some(pending), .. } = device.store().held() {
            return Ok(Outgoing { path: ACTIVATE_PATH, bytes: pending.bytes.clone(), resent: true });
        }
        let flags = device.guarded(reading).flags.names().map(str::to_owned).collect();
        Ok(device.begin_exchange(flags, reading)?)
    }

    /// Where an exchange goes.
    fn issuer_url(&self, given: Option<&IssuerUrl>) -> Result<IssuerUrl, EdgeError> {
        match self.known_url(given) {
            Err(EdgeError::NoIssuerUrl) if self.held().is_none() => Err(self.not_activated()),
            known => known,
        }
    }

    /// The address that was given, or the one that the device here called last: whoever starts over need not know it.
    fn known_url(&self, given: Option<&IssuerUrl>) -> Result<IssuerUrl, EdgeError> {
        match (given, self.held().and_then(|held| held.issuer_url.as_deref())) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(url)) => Ok(IssuerUrl::parse(url)?),
            (None, None) => Err(EdgeError::NoIssuerUrl),
        }
    }

    fn check_pending(&self, asked: PendingKind) -> Result<(), EdgeError> {
        let Some(held) = self.held() else { return Err(self.not_activated()) };
        match &held.pending {
            Some(pending) if pending.kind != asked => {
                Err(EdgeError::OtherPending { pending: kind_name(pending.kind), asked: kind_name(asked) })
            }
            Some(_) => Ok(()),
            None => Err(EdgeError::NothingPending),
        }
    }

    fn accept(&mut self, response: &[u8], reading: &Reading) -> Result<Reply, EdgeError> {
        Ok(accepted(&self.device()?.complete(response, reading)?))
    }

    fn device(&mut self) -> Result<&mut Device, EdgeError> {
        if matches!(self.occupant, Occupant::Closed) {
            self.reopen()?;
        }
        match &mut self.occupant {
            Occupant::Device(device) => Ok(device),
            Occupant::Nobody { .. } | Occupant::Closed => {
                Err(brink_store::StoreError::NoStore { dir: self.layout.dir().to_owned() }.into())
            }
        }
    }

    fn not_activated(&self) -> EdgeError {
        brink_store::StoreError::NoStore { dir: self.layout.dir().to_owned() }.into()
    }
}

const fn kind_name(kind: PendingKind) -> &'static str {
    match kind {
        PendingKind::Activate => "activation",
        PendingKind::Exchange => "exchange",
    }
}

/// Pins the trust anchor where there may not even be a directory yet. Takes the lock while it does.
pub fn init(layout: &Layout, trust: &str) -> Result<Reply, EdgeError> {
    pinned(layout, &layout.init(trust.as_bytes())?)
}

fn pinned(layout: &Layout, findings: &[Finding]) -> Result<Reply, EdgeError> {
    let issuer = layout.trust_anchor()?.issuer().clone();
    let warnings: Vec<_> = findings.iter().map(Finding::to_string).collect();
    let document = json!({ "issuer": issuer, "data": layout.dir(), "warnings": warnings });
    let mut text = format!("{} trusts {issuer}; next: brink-edge activate", layout.dir().display());
    for warning in &warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    Ok(Reply::done(document, text))
}
