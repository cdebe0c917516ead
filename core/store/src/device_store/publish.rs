//! Publishing: the bundle follows from what is in force and from nothing else, so it can always be made again.

use super::{BundleHealth, DeviceStore};
use crate::StoreError;
use crate::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError};
use crate::durable::{read_if_present, write_atomically};

/// Readable by every host, whoever it runs as: what is in it is signed, not secret.
const BUNDLE_MODE: u32 = 0o644;

impl DeviceStore {
    /// Publishes with another presence: made once per boot, and for every new licence.
    pub fn publish(&mut self, presence: &str) -> Result<(), StoreError> {
        let in_force = self.in_force.as_ref().ok_or(StoreError::NothingToPublish)?;
        if in_force.fitting_presence(Some(presence), &self.device_key).is_none() {
            let problem = "it does not speak of the licence in force".to_owned();
            return Err(StoreError::Unstorable { what: "the presence", problem });
        }
        self.state.set_presence(presence)?;
        self.held.presence = Some(presence.to_owned());
        self.publish_bundle()
    }

    /// Does what could not be done earlier, and publishes again if somebody deleted or changed the bundle. Cheap when
    /// there is nothing to do; says whether there was.
    pub fn ensure_published(&mut self) -> Result<bool, StoreError> {
        if let Some(inbox) = self.state.inbox()? {
            self.apply(&inbox, None)?;
            return Ok(true);
        }
        let Some(bytes) = self.bundle_bytes()? else { return Ok(false) };
        let path = self.layout().bundle();
        let reason = match read_if_present(&path, BUNDLE_BYTES_MAX) {
            Ok(Some(found)) if found == bytes => return Ok(false),
            Ok(Some(_)) => "it was not the newest".to_owned(),
            Ok(None) => "it was gone".to_owned(),
            Err(error) => error.to_string(),
        };
        let known = std::mem::replace(&mut self.health.bundle, BundleHealth::Sound);
        self.write_bundle(&bytes)?;
        self.health.bundle = match known {
            BundleHealth::Republished { reason } => BundleHealth::Republished { reason },
            BundleHealth::Absent
            | BundleHealth::Sound
            | BundleHealth::SetAside { .. }
            | BundleHealth::Unwritable { .. } => BundleHealth::Republished { reason },
        };
        Ok(true)
    }

    pub(super) fn publish_bundle(&mut self) -> Result<(), StoreError> {
        let bytes = self.bundle_bytes()?.ok_or(StoreError::NothingToPublish)?;
        self.write_bundle(&bytes)?;
        self.health.bundle = BundleHealth::Sound;
        Ok(())
    }

    fn write_bundle(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        write_atomically(&self.layout().bundle(), bytes, BUNDLE_MODE).map_err(|problem| {
            self.health.bundle = BundleHealth::Unwritable { reason: problem.to_string() };
            StoreError::NotPublished { problem: Box::new(problem) }
        })
    }

    /// The file that hosts should see: it follows from what is in force and from nothing else.
    fn bundle_bytes(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(in_force) = &self.in_force else { return Ok(None) };
        let presence = in_force.fitting_presence(self.held.presence.as_deref(), &self.device_key);
        let mut sections = self.notices_to_publish();
        sections.extend(self.seats_to_publish(in_force));
        let bundle = Bundle {
            manifests: in_force.documents.manifests.clone(),
            licence: in_force.documents.licence.clone(),
            // A receipt of a revoked key would spoil the whole bundle.
            receipt: in_force.receipt.as_ref().map(|receipt| receipt.token().to_owned()),
            presence: presence.map(|presence| presence.token().to_owned()),
            device_key: *self.device_key.as_bytes(),
            sections,
        };
        let unstorable = |problem: BundleError| StoreError::Unstorable {
            what: "the bundle",
            problem: problem.to_string(),
        };
        bundle.encode().map(Some).map_err(unstorable)
    }
}
