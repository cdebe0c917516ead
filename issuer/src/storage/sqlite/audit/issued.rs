//! Every document that was signed for devices, whichever table it is recorded in.

use super::super::StorageError;
use super::super::columns::int;
use crate::storage::readers;
use crate::storage::{IssuedDocument, IssuedQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// The order of documents, the newest first.
const PLACE: [&str; 7] = ["iat", "tenant", "device", "kind", "epoch", "number", "jti"];

pub(super) fn issued(tx: &Connection, query: &IssuedQuery) -> Result<Vec<IssuedDocument>, StorageError> {
    let (mut wheres, mut values) = (vec!["true".to_owned()], Vec::<Value>::new());
    let wanted = [
        ("tenant", query.tenant.as_ref().map(ToString::to_string)),
        ("device", query.device.as_ref().map(ToString::to_string)),
        ("kind", query.kind.map(|kind| kind.as_str().to_owned())),
    ];
    for (column, text) in wanted {
        if let Some(text) = text {
            wheres.push(format!("{column} = ?"));
            values.push(text.into());
        }
    }
    if let Some(place) = &query.before {
        wheres.push(format!("({}) < (?, ?, ?, ?, ?, ?, ?)", PLACE.join(", ")));
        values.extend([
            place.iat.as_i64().into(),
            place.tenant.clone().into(),
            place.device.clone().into(),
            place.kind.clone().into(),
            i64::from(place.epoch).into(),
            int(place.number).into(),
            place.id.clone().into(),
        ]);
    }
    values.push(i64::from(query.limit).into());
    let order = PLACE.map(|column| format!("{column} DESC")).join(", ");
    let sql = format!("SELECT * FROM issued WHERE {} ORDER BY {order} LIMIT ?", wheres.join(" AND "));
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut documents = Vec::new();
    while let Some(row) = rows.next()? {
        documents.push(readers::document(row)?);
    }
    Ok(documents)
}
