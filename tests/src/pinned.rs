//! The world that `tests/vectors` lives in, as a verifier sees it: what is pinned, the keysets, and who reads.

use std::collections::BTreeMap;

use brink_license::keyset::{Keyset, TrustAnchor};
use brink_license::token::LicenceExpected;
use brink_license::{DeviceId, IssuerName, Kid, TenantId};
use serde_json::Value;

/// What `tests/vectors/world.json` says.
#[derive(Debug)]
pub struct Pinned {
    /// The pinned roots.
    pub anchor: TrustAnchor,
    /// The keysets by name.
    pub keysets: BTreeMap<String, Keyset>,
    /// The device that reads.
    pub reader: LicenceExpected,
}

impl Pinned {
    /// Reads the file as it was when this was compiled.
    pub fn of_vectors() -> Pinned {
        Pinned::read(include_str!("../vectors/world.json"))
    }

    /// Reads the text of such a file.
    pub fn read(file: &str) -> Pinned {
        let file: Value = serde_json::from_str(file).expect("world.json is JSON");
        let anchor = TrustAnchor::from_json(file["trust"].to_string().as_bytes()).expect("a sound anchor");
        let named = file["keysets"].as_object().expect("keysets by name").iter();
        let keysets = named.map(|(name, manifests)| {
            let manifests: Vec<_> = manifests.as_array().expect("manifests").iter().map(text).collect();
            (name.clone(), Keyset::bootstrap(&anchor, &manifests).expect("a sound keyset"))
        });
        let keysets = keysets.collect();
        let reader = &file["reader"];
        let reader = LicenceExpected {
            issuer: IssuerName::parse(text(&reader["issuer"])).expect("an issuer"),
            tenant: Some(TenantId::parse(text(&reader["tenant"])).expect("a tenant")),
            device: Some(DeviceId::parse(text(&reader["device"])).expect("a device")),
            epoch: reader["epoch"].as_u64().and_then(|epoch| u32::try_from(epoch).ok()),
            jkt: Kid::parse(text(&reader["jkt"])),
        };
        Pinned { anchor, keysets, reader }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
