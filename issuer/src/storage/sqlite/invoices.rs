//! What is invoiced.

use super::columns::{bytes32, int, uint};
use super::{SqliteStorage, StorageError, note, subscriptions, tenants};
use crate::invoicing::document::{Document, DocumentKind, Status};
use crate::storage::invoice_rows::{self, body, newest_from};
use crate::storage::{
    BillingEvidence, BillingView, ClosingRow, CostRow, DocumentChange, DocumentQuery, DocumentView,
    InvoiceBooks, NewClosing, NewCost, NewDocumentChange, NewProfile, NewWalletEntry, Plan, ProfileOwner,
    ProfileRow, ProfileView, TenantRow, WalletRow, WalletView,
};
use brink_license::TenantId;
use chrono::NaiveDate;
use rusqlite::{Connection, Params, Row, params};
use std::collections::BTreeMap;

impl InvoiceBooks for SqliteStorage {
    fn profile(&self, owner: &ProfileOwner) -> Result<Option<ProfileRow>, StorageError> {
        self.read(|tx| {
            if let ProfileOwner::Tenant(tenant) = owner {
                tenants::row(tx, tenant)?;
            }
            profile(tx, owner.as_str())
        })
    }

    fn set_profile(
        &self,
        owner: &ProfileOwner,
        plan: Plan<'_, ProfileView, NewProfile>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let mut closed = Vec::new();
            if let ProfileOwner::Tenant(tenant) = owner {
                tenants::row(tx, tenant)?;
                closed = closings(tx, tenant)?;
            }
            let view = ProfileView { current: profile(tx, owner.as_str())?, closings: closed };
            let Some(new) = plan(&view) else { return Ok(()) };
            let revision = view.current.map_or(1, |current| current.revision + 1);
            let sql = "INSERT INTO billing_profiles (owner, revision, body, set_at, set_by) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (at, by) = (new.note.at.as_i64(), &new.note.actor.0);
            tx.prepare_cached(sql)?.execute(params![owner.as_str(), revision, new.body, at, by])?;
            if let ProfileOwner::Tenant(tenant) = owner {
                mark_anew(tx, tenant)?;
            }
            note(tx, &new.note)
        })
    }

    fn closings(&self, tenant: &TenantId) -> Result<Vec<ClosingRow>, StorageError> {
        self.read(|tx| closings(tx, tenant))
    }

    fn billing_view(&self, tenant: &TenantId, from: NaiveDate) -> Result<BillingView, StorageError> {
        self.read(|tx| {
            let timeline = subscriptions::timeline(tx, tenant)?;
            let sql =
                "SELECT * FROM invoices WHERE tenant = ?1 AND newest_from >= ?2 ORDER BY created_at, period_from, id";
            Ok(BillingView {
                tenant: timeline.tenant,
                versions: timeline.versions,
                profile: profile(tx, tenant.as_str())?,
                seller: profile(tx, "")?,
                closings: closings(tx, tenant)?,
                documents: all(tx, sql, params![tenant.as_str(), from.to_string()], |row| {
                    invoice_rows::document(row)
                })?,
                costs: costs(tx, tenant)?,
                catalogs: catalogs(tx)?,
                mark: mark(tx, tenant)?,
            })
        })
    }

    fn close_period(&self, tenant: &TenantId, new: &NewClosing) -> Result<bool, StorageError> {
        self.write(|tx| {
            if mark(tx, tenant)? != new.mark {
                return Ok(false);
            }
            let known = catalogs(tx)?;
            let is_other = |(version, text): &(&u64, &[u8; 32])| known.get(version) != Some(*text);
            let others: Vec<_> = new.catalogs.iter().filter(is_other).collect();
            if !new.accepts_catalogs && others.iter().any(|(version, _)| known.contains_key(version)) {
                return Ok(false);
            }
            let sql = "INSERT INTO invoiced_catalogs (version, sha256, at) VALUES (?1, ?2, ?3)";
            for (version, text) in others {
                tx.prepare_cached(sql)?.execute(params![int(*version), text, new.note.at.as_i64()])?;
            }
            mark_anew(tx, tenant)?;
            let (from, to) = (new.period.from.to_string(), new.period.to.to_string());
            let sql =
                "INSERT INTO closings (tenant, period_from, period_to, at, by) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
            let (at, by) = (new.note.at.as_i64(), &new.note.actor.0);
            tx.prepare_cached(sql)?.execute(params![tenant.as_str(), from, to, at, by])?;
            let sql = "INSERT INTO billing_evidence (digest, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            for evidence in &new.evidence {
                tx.prepare_cached(sql)?.execute(params![evidence.digest, evidence.body])?;
            }
            new.documents.iter().try_for_each(|document| add(tx, document))?;
            note(tx, &new.note)?;
            Ok(true)
        })
    }

    fn document(&self, name: &str) -> Result<Document, StorageError> {
        self.read(|tx| document(tx, name))
    }

    fn documents(&self, query: &DocumentQuery) -> Result<Vec<Document>, StorageError> {
        self.read(|tx| {
            let sql = "SELECT * FROM invoices
                WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR kind = ?3)
                  AND (?4 IS NULL OR period_from >= ?4) AND (?5 IS NULL OR period_from < ?5)
                  AND (?6 IS NULL OR (created_at, id) > (?6, ?7))
                ORDER BY created_at, id LIMIT ?8";
            let after = query.after.as_ref().map(|(at, id)| (at.as_i64(), id)).unzip();
            let values = params![
                query.tenant.as_ref().map(TenantId::as_str),
                query.status.map(Status::as_str),
                query.kind.map(DocumentKind::as_str),
                query.from.map(|day| day.to_string()),
                query.to.map(|day| day.to_string()),
                after.0,
                after.1,
                query.limit.unwrap_or(u32::MAX),
            ];
            all(tx, sql, values, |row| invoice_rows::document(row))
        })
    }

    fn change_document(
        &self,
        name: &str,
        plan: Plan<'_, DocumentView, NewDocumentChange>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = view(tx, name)?;
            let Some(new) = plan(&view) else { return Ok(()) };
            let tenant = &view.tenant.id;
            mark_anew(tx, tenant)?;
            match &new.change {
                DocumentChange::Discard => {
                    tx.execute("DELETE FROM invoice_lines WHERE invoice = ?1", [&view.document.id])?;
                    tx.execute("DELETE FROM invoices WHERE id = ?1", [&view.document.id])?;
                }
                DocumentChange::Issue { document, ordinal } => issue(tx, document, *ordinal)?,
                DocumentChange::Stands(document) => stands(tx, document)?,
            }
            if let Some(entry) = &new.wallet {
                add_entry(tx, tenant, entry)?;
            }
            note(tx, &new.note)
        })
    }

    fn billing_evidence(&self, digest: &[u8; 32]) -> Result<Option<BillingEvidence>, StorageError> {
        self.read(|tx| {
            let sql = "SELECT * FROM billing_evidence WHERE digest = ?1";
            Ok(all(tx, sql, params![digest], |row| invoice_rows::evidence(row))?.pop())
        })
    }

    fn wallet(&self, tenant: &TenantId) -> Result<Vec<WalletRow>, StorageError> {
        self.read(|tx| {
            tenants::row(tx, tenant)?;
            let sql = "SELECT * FROM wallet_entries WHERE tenant = ?1 ORDER BY seq";
            all(tx, sql, [tenant.as_str()], |row| invoice_rows::wallet_entry(row))
        })
    }

    fn add_to_wallet(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, WalletView, NewWalletEntry>,
    ) -> Result<(), StorageError> {
        self.write(|tx| {
            let view = WalletView { tenant: tenants::row(tx, tenant)?, balance_minor: balance(tx, tenant)? };
            let Some(new) = plan(&view) else { return Ok(()) };
            add_entry(tx, tenant, &new)?;
            note(tx, &new.note)
        })
    }

    fn add_cost(&self, tenant: &TenantId, plan: Plan<'_, TenantRow, NewCost>) -> Result<(), StorageError> {
        self.write(|tx| {
            let Some(new) = plan(&tenants::row(tx, tenant)?) else { return Ok(()) };
            let sql = "INSERT INTO usage_costs (tenant, seq, day, meter, amount, reason, actor, at)
                       SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 FROM usage_costs WHERE tenant = ?1";
            let (day, amount) = (new.on.to_string(), new.amount.to_string());
            let (actor, at) = (&new.note.actor.0, new.note.at.as_i64());
            let values =
                params![tenant.as_str(), day, new.meter.as_str(), amount, new.reason, actor, at];
            tx.prepare_cached(sql)?.execute(values)?;
            mark_anew(tx, tenant)?;
            note(tx, &new.note)
        })
    }
}

fn all<T>(
    tx: &Connection,
    sql: &str,
    values: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StorageError>,
) -> Result<Vec<T>, StorageError> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn profile(tx: &Connection, owner: &str) -> Result<Option<ProfileRow>, StorageError> {
    let sql = "SELECT * FROM billing_profiles WHERE owner = ?1 ORDER BY revision DESC LIMIT 1";
    Ok(all(tx, sql, [owner], |row| invoice_rows::profile(row))?.pop())
}

fn closings(tx: &Connection, tenant: &TenantId) -> Result<Vec<ClosingRow>, StorageError> {
    let sql = "SELECT * FROM closings WHERE tenant = ?1 ORDER BY period_from";
    all(tx, sql, [tenant.as_str()], |row| invoice_rows::closing(row))
}

fn costs(tx: &Connection, tenant: &TenantId) -> Result<Vec<CostRow>, StorageError> {
    let sql = "SELECT * FROM usage_costs WHERE tenant = ?1 ORDER BY seq";
    all(tx, sql, [tenant.as_str()], |row| invoice_rows::cost(row))
}

fn catalogs(tx: &Connection) -> Result<BTreeMap<u64, [u8; 32]>, StorageError> {
    let read = |row: &Row<'_>| Ok((uint(row, "version")?, bytes32(row, "sha256")?));
    Ok(all(tx, "SELECT version, sha256 FROM invoiced_catalogs ORDER BY id", [], read)?.into_iter().collect())
}

fn mark(tx: &Connection, tenant: &TenantId) -> Result<u64, StorageError> {
    let sql = "SELECT mark FROM billing_marks WHERE tenant = ?1";
    Ok(all(tx, sql, [tenant.as_str()], |row| uint(row, "mark"))?.pop().unwrap_or(0))
}

fn mark_anew(tx: &Connection, tenant: &TenantId) -> Result<(), StorageError> {
    let sql = "INSERT INTO billing_marks (tenant, mark) VALUES (?1, 1) ON CONFLICT (tenant) DO UPDATE SET mark = mark + 1";
    tx.prepare_cached(sql)?.execute([tenant.as_str()])?;
    Ok(())
}

fn add(tx: &Connection, document: &Document) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO invoices (id, tenant, kind, status, credits, period_from, newest_from, created_at, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let tenant = document.tenant.as_str();
    let values = params![
        document.id,
        tenant,
        document.kind.as_str(),
        document.status.as_str(),
        document.credits.as_ref().map(|credited| &credited.id),
        document.period.from.to_string(),
        newest_from(document).to_string(),
        document.created_at.as_i64(),
        body(document)?,
    ];
    tx.prepare_cached(sql)?.execute(values)?;
    let sql = "INSERT INTO invoice_lines (invoice, place, tenant, period_from, key, revision, net_minor)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = tx.prepare_cached(sql)?;
    for (place, line) in document.lines.iter().enumerate() {
        let from = line.period.from.to_string();
        let values =
            params![document.id, int(place as u64), tenant, from, line.key, line.revision, line.net_minor];
        statement.execute(values)?;
    }
    Ok(())
}

fn document(tx: &Connection, name: &str) -> Result<Document, StorageError> {
    let sql = "SELECT * FROM invoices WHERE id = ?1 OR number = ?1";
    let found = all(tx, sql, [name], |row| invoice_rows::document(row))?.pop();
    found.ok_or_else(|| StorageError::UnknownDocument(name.chars().take(64).collect()))
}

fn view(tx: &Connection, name: &str) -> Result<DocumentView, StorageError> {
    let document = document(tx, name)?;
    let credited = document.credits.as_ref().map(|credited| self::document(tx, &credited.id)).transpose()?;
    let notes = "SELECT coalesce(number, id) FROM invoices WHERE credits = ?1 AND status <> 'void' ORDER BY created_at, period_from, id";
    let last = "SELECT last FROM invoice_series WHERE kind = ?1";
    let last = all(tx, last, [document.kind.as_str()], |row| uint(row, "last"))?.pop();
    Ok(DocumentView {
        credited,
        notes: all(tx, notes, [&document.id], |row| Ok(row.get(0)?))?,
        seller: profile(tx, "")?,
        buyer: profile(tx, document.tenant.as_str())?,
        tenant: tenants::row(tx, &document.tenant)?,
        last_number: last.unwrap_or(0),
        wallet_minor: balance(tx, &document.tenant)?,
        document,
    })
}

fn issue(tx: &Connection, document: &Document, ordinal: u64) -> Result<(), StorageError> {
    let sql = "INSERT INTO invoice_series (kind, last) VALUES (?1, 1) ON CONFLICT (kind) DO UPDATE SET last = last + 1";
    tx.prepare_cached(sql)?.execute([document.kind.as_str()])?;
    let sql = "UPDATE invoices SET status = ?2, number = ?3, ordinal = ?4, body = ?5 WHERE id = ?1";
    let values =
        params![document.id, document.status.as_str(), document.number, int(ordinal), body(document)?];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn stands(tx: &Connection, document: &Document) -> Result<(), StorageError> {
    let sql = "UPDATE invoices SET status = ?2, paid_at = ?3, paid_by = ?4, voided_at = ?5 WHERE id = ?1";
    let values = params![
        document.id,
        document.status.as_str(),
        document.paid_at.map(brink_license::UnixSeconds::as_i64),
        document.paid_by,
        document.voided_at.map(brink_license::UnixSeconds::as_i64),
    ];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn balance(tx: &Connection, tenant: &TenantId) -> Result<i64, StorageError> {
    let sql = "SELECT coalesce(sum(minor), 0) FROM wallet_entries WHERE tenant = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([tenant.as_str()], |row| row.get(0))?)
}

fn add_entry(tx: &Connection, tenant: &TenantId, entry: &NewWalletEntry) -> Result<(), StorageError> {
    let sql = "INSERT INTO wallet_entries (tenant, seq, at, minor, invoice, reason, actor)
               SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM wallet_entries WHERE tenant = ?1";
    let (at, actor) = (entry.note.at.as_i64(), &entry.note.actor.0);
    let values = params![tenant.as_str(), at, entry.minor, entry.document, entry.reason, actor];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
