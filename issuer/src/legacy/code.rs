//! A device that stands for an old client: it has a code as every other device, which nobody knows, and which had ended before
//! it was made. So it never shares unnamed seats and is never activated, and cameras can sit on it.

use crate::admin::fresh_device_id;
use crate::minting::fresh_token_id;
use crate::secret::{NoRandom, random, sha256};
use crate::storage::{Actor, AuditNote, LegacyName, NewCode, NewLegacyDevice, Tier};
use brink_license::UnixSeconds;

pub(super) fn ended(
    name: &LegacyName,
    (now, actor): (UnixSeconds, &Actor),
    max: u32,
) -> Result<NewLegacyDevice, NoRandom> {
    let device = fresh_device_id()?;
    let note = AuditNote {
        tenant: Some(name.tenant.clone()),
        at: now,
        actor: actor.clone(),
        action: "legacy.device",
        subject: device.to_string(),
        detail: serde_json::json!({ "key": name.api_key, "name": name.name }),
    };
    let code = NewCode {
        code_sha256: sha256(&*random::<32>()?),
        tenant: name.tenant.clone(),
        // It has no licence, and so no price: a class is only what the table wants.
        tier: Tier::Basic,
        expires_at: now,
        created_at: now,
        devices: vec![(device, fresh_token_id()?)],
    };
    Ok(NewLegacyDevice { code, max, note })
}
