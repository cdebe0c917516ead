//! Every document that was signed for devices, whichever table it is recorded in.

use super::super::StorageError;
use super::super::columns::int;
use super::super::connection::Tx;
use super::Conditions;
use crate::storage::readers;
use crate::storage::{IssuedDocument, IssuedKind, IssuedQuery};
use brink_license::{DeviceId, TenantId};

/// The order of documents, the newest first.
const PLACE: [&str; 7] = ["iat", "tenant", "device", "kind", "epoch", "number", "jti"];

pub(super) const DOCUMENT: &str = "tenant, device, kind, epoch, number, jti, kid, iat, until, token";

pub(in super::super) async fn issued(
    tx: &Tx<'_>,
    query: &IssuedQuery,
) -> Result<Vec<IssuedDocument>, StorageError> {
    let mut asked = Conditions::default();
    let wanted = [
        ("tenant =", query.tenant.as_ref().map(TenantId::as_str)),
        ("device =", query.device.as_ref().map(DeviceId::as_str)),
        ("kind =", query.kind.map(IssuedKind::as_str)),
    ];
    for (clause, text) in wanted {
        if let Some(text) = text {
            asked.also(clause, text);
        }
    }
    if let Some(place) = &query.before {
        let (iat, epoch, number) = (place.iat.as_i64(), i64::from(place.epoch), int(place.number));
        asked.behind(
            &PLACE,
            vec![
                Box::new(iat),
                Box::new(place.tenant.as_str()),
                Box::new(place.device.as_str()),
                Box::new(place.kind.as_str()),
                Box::new(epoch),
                Box::new(number),
                Box::new(place.id.as_str()),
            ],
        );
    }
    let select = format!("SELECT {DOCUMENT} FROM issued");
    asked.rows(tx, &select, &PLACE, query.limit).await?.iter().map(readers::document).collect()
}
