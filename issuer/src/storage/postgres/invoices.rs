//! What is invoiced. Whoever records something of it holds the tenant; whoever gives a number then holds its series.

use super::columns::{bytes32, column, int, uint};
use super::connection::{Tx, Values};
use super::{PostgresStorage, StorageError, locks, note, subscriptions, tenants};
use crate::invoicing::document::{Document, DocumentKind, Status};
use crate::storage::invoice_rows::{self, body, newest_from};
use crate::storage::{
    BillingEvidence, BillingView, ClosingRow, CostRow, DocumentChange, DocumentQuery, DocumentView,
    InvoiceBooks, NewClosing, NewCost, NewDocumentChange, NewProfile, NewWalletEntry, Plan, ProfileOwner,
    ProfileRow, ProfileView, TenantRow, WalletRow, WalletView,
};
use brink_license::{TenantId, UnixSeconds};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use tokio_postgres::Row;

impl InvoiceBooks for PostgresStorage {
    fn profile(&self, owner: &ProfileOwner) -> Result<Option<ProfileRow>, StorageError> {
        self.read(async |tx| {
            if let ProfileOwner::Tenant(tenant) = owner {
                tenants::row(tx, tenant).await?;
            }
            profile(tx, owner.as_str()).await
        })
    }

    fn set_profile(
        &self,
        owner: &ProfileOwner,
        plan: Plan<'_, ProfileView, NewProfile>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            let mut closed = Vec::new();
            match owner {
                ProfileOwner::Seller => locks::issuer(tx).await?,
                ProfileOwner::Tenant(tenant) => {
                    locks::tenant(tx, tenant).await?;
                    closed = closings(tx, tenant).await?;
                }
            }
            let view = ProfileView { current: profile(tx, owner.as_str()).await?, closings: closed };
            let Some(new) = plan(&view) else { return Ok(()) };
            let revision = view.current.map_or(1, |current| i64::from(current.revision) + 1);
            let sql = "INSERT INTO billing_profiles (owner, revision, body, set_at, set_by) VALUES ($1, $2, $3, $4, $5)";
            let (at, by) = (new.note.at.as_i64(), &new.note.actor.0);
            tx.execute(sql, &[&owner.as_str(), &revision, &new.body, &at, by]).await?;
            if let ProfileOwner::Tenant(tenant) = owner {
                mark_anew(tx, tenant).await?;
            }
            note(tx, &new.note).await
        })
    }

    fn closings(&self, tenant: &TenantId) -> Result<Vec<ClosingRow>, StorageError> {
        self.read(async |tx| closings(tx, tenant).await)
    }

    fn billing_view(&self, tenant: &TenantId, from: NaiveDate) -> Result<BillingView, StorageError> {
        self.read(async |tx| {
            let timeline = subscriptions::timeline(tx, tenant).await?;
            let sql =
                "SELECT * FROM invoices WHERE tenant = $1 AND newest_from >= $2 ORDER BY created_at, period_from, id";
            let documents = tx.rows(sql, &[&tenant.as_str(), &from.to_string()]).await?;
            Ok(BillingView {
                tenant: timeline.tenant,
                versions: timeline.versions,
                profile: profile(tx, tenant.as_str()).await?,
                seller: profile(tx, "").await?,
                closings: closings(tx, tenant).await?,
                documents: documents.iter().map(invoice_rows::document).collect::<Result<_, _>>()?,
                costs: costs(tx, tenant).await?,
                catalogs: catalogs(tx).await?,
                mark: mark(tx, tenant).await?,
            })
        })
    }

    fn close_period(&self, tenant: &TenantId, new: &NewClosing) -> Result<bool, StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            if mark(tx, tenant).await? != new.mark {
                return Ok(false);
            }
            let known = catalogs(tx).await?;
            let is_other = |(version, text): &(&u64, &[u8; 32])| known.get(version) != Some(*text);
            let others: Vec<_> = new.catalogs.iter().filter(is_other).collect();
            if !new.accepts_catalogs && others.iter().any(|(version, _)| known.contains_key(version)) {
                return Ok(false);
            }
            let sql = "INSERT INTO invoiced_catalogs (version, sha256, at) VALUES ($1, $2, $3)";
            for (version, text) in others {
                tx.execute(sql, &[&int(*version), &&text[..], &new.note.at.as_i64()]).await?;
            }
            mark_anew(tx, tenant).await?;
            let (from, to) = (new.period.from.to_string(), new.period.to.to_string());
            let sql =
                "INSERT INTO closings (tenant, period_from, period_to, at, by) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
            let (at, by) = (new.note.at.as_i64(), &new.note.actor.0);
            tx.execute(sql, &[&tenant.as_str(), &from, &to, &at, by]).await?;
            let sql = "INSERT INTO billing_evidence (digest, body) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            for evidence in &new.evidence {
                tx.execute(sql, &[&&evidence.digest[..], &evidence.body]).await?;
            }
            for document in &new.documents {
                add(tx, document).await?;
            }
            note(tx, &new.note).await?;
            Ok(true)
        })
    }

    fn document(&self, name: &str) -> Result<Document, StorageError> {
        self.read(async |tx| document(tx, name).await)
    }

    fn documents(&self, query: &DocumentQuery) -> Result<Vec<Document>, StorageError> {
        self.read(async |tx| {
            let sql = "SELECT * FROM invoices
                WHERE ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR status = $2) AND ($3::text IS NULL OR kind = $3)
                  AND ($4::text IS NULL OR period_from >= $4) AND ($5::text IS NULL OR period_from < $5)
                  AND ($6::bigint IS NULL OR (created_at, id) > ($6, $7))
                ORDER BY created_at, id LIMIT $8";
            let after = query.after.as_ref().map(|(at, id)| (at.as_i64(), id)).unzip();
            let values: Values<'_> = &[
                &query.tenant.as_ref().map(TenantId::as_str),
                &query.status.map(Status::as_str),
                &query.kind.map(DocumentKind::as_str),
                &query.from.map(|day| day.to_string()),
                &query.to.map(|day| day.to_string()),
                &after.0,
                &after.1,
                &query.limit.map(i64::from),
            ];
            tx.rows(sql, values).await?.iter().map(invoice_rows::document).collect()
        })
    }

    fn change_document(
        &self,
        name: &str,
        plan: Plan<'_, DocumentView, NewDocumentChange>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, &document(tx, name).await?.tenant).await?;
            let view = view(tx, name).await?;
            let Some(new) = plan(&view) else { return Ok(()) };
            let tenant = &view.tenant.id;
            mark_anew(tx, tenant).await?;
            match &new.change {
                DocumentChange::Discard => {
                    tx.execute("DELETE FROM invoice_lines WHERE invoice = $1", &[&view.document.id]).await?;
                    tx.execute("DELETE FROM invoices WHERE id = $1", &[&view.document.id]).await?;
                }
                DocumentChange::Issue { document, ordinal } => issue(tx, document, *ordinal).await?,
                DocumentChange::Stands(document) => stands(tx, document).await?,
            }
            if let Some(entry) = &new.wallet {
                add_entry(tx, tenant, entry).await?;
            }
            note(tx, &new.note).await
        })
    }

    fn billing_evidence(&self, digest: &[u8; 32]) -> Result<Option<BillingEvidence>, StorageError> {
        self.read(async |tx| {
            let sql = "SELECT * FROM billing_evidence WHERE digest = $1";
            tx.optional(sql, &[&&digest[..]]).await?.as_ref().map(invoice_rows::evidence).transpose()
        })
    }

    fn wallet(&self, tenant: &TenantId) -> Result<Vec<WalletRow>, StorageError> {
        self.read(async |tx| {
            tenants::row(tx, tenant).await?;
            let sql = "SELECT * FROM wallet_entries WHERE tenant = $1 ORDER BY seq";
            tx.rows(sql, &[&tenant.as_str()]).await?.iter().map(invoice_rows::wallet_entry).collect()
        })
    }

    fn add_to_wallet(
        &self,
        tenant: &TenantId,
        plan: Plan<'_, WalletView, NewWalletEntry>,
    ) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let view = WalletView {
                tenant: tenants::row(tx, tenant).await?,
                balance_minor: balance(tx, tenant).await?,
            };
            let Some(new) = plan(&view) else { return Ok(()) };
            add_entry(tx, tenant, &new).await?;
            note(tx, &new.note).await
        })
    }

    fn add_cost(&self, tenant: &TenantId, plan: Plan<'_, TenantRow, NewCost>) -> Result<(), StorageError> {
        self.write(async |tx| {
            locks::tenant(tx, tenant).await?;
            let Some(new) = plan(&tenants::row(tx, tenant).await?) else { return Ok(()) };
            let sql = "INSERT INTO usage_costs (tenant, seq, day, meter, amount, reason, actor, at)
                       SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7 FROM usage_costs WHERE tenant = $1";
            let (day, amount) = (new.on.to_string(), new.amount.to_string());
            let (meter, actor, at) = (new.meter.as_str(), &new.note.actor.0, new.note.at.as_i64());
            let values: Values<'_> =
                &[&tenant.as_str(), &day, &meter, &amount, &new.reason, actor, &at];
            tx.execute(sql, values).await?;
            mark_anew(tx, tenant).await?;
            note(tx, &new.note).await
        })
    }
}

async fn profile(tx: &Tx<'_>, owner: &str) -> Result<Option<ProfileRow>, StorageError> {
    let sql = "SELECT * FROM billing_profiles WHERE owner = $1 ORDER BY revision DESC LIMIT 1";
    tx.optional(sql, &[&owner]).await?.as_ref().map(invoice_rows::profile).transpose()
}

async fn closings(tx: &Tx<'_>, tenant: &TenantId) -> Result<Vec<ClosingRow>, StorageError> {
    let sql = "SELECT * FROM closings WHERE tenant = $1 ORDER BY period_from";
    tx.rows(sql, &[&tenant.as_str()]).await?.iter().map(invoice_rows::closing).collect()
}

async fn costs(tx: &Tx<'_>, tenant: &TenantId) -> Result<Vec<CostRow>, StorageError> {
    let sql = "SELECT * FROM usage_costs WHERE tenant = $1 ORDER BY seq";
    tx.rows(sql, &[&tenant.as_str()]).await?.iter().map(invoice_rows::cost).collect()
}

async fn catalogs(tx: &Tx<'_>) -> Result<BTreeMap<u64, [u8; 32]>, StorageError> {
    let rows = tx.rows("SELECT version, sha256 FROM invoiced_catalogs ORDER BY id", &[]).await?;
    rows.iter().map(|row| Ok((uint(row, "version")?, bytes32(row, "sha256")?))).collect()
}

async fn mark(tx: &Tx<'_>, tenant: &TenantId) -> Result<u64, StorageError> {
    let sql = "SELECT mark FROM billing_marks WHERE tenant = $1";
    tx.optional(sql, &[&tenant.as_str()]).await?.map_or(Ok(0), |row| uint(&row, "mark"))
}

async fn mark_anew(tx: &Tx<'_>, tenant: &TenantId) -> Result<(), StorageError> {
    let sql = "INSERT INTO billing_marks (tenant, mark) VALUES ($1, 1)
               ON CONFLICT (tenant) DO UPDATE SET mark = billing_marks.mark + 1";
    tx.execute(sql, &[&tenant.as_str()]).await.map(drop)
}

async fn add(tx: &Tx<'_>, document: &Document) -> Result<(), StorageError> {
    let sql =
        "INSERT INTO invoices (id, tenant, kind, status, credits, period_from, newest_from, created_at, body)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values: Values<'_> = &[
        &document.id,
        &document.tenant.as_str(),
        &document.kind.as_str(),
        &document.status.as_str(),
        &document.credits.as_ref().map(|credited| credited.id.as_str()),
        &document.period.from.to_string(),
        &newest_from(document).to_string(),
        &document.created_at.as_i64(),
        &body(document)?,
    ];
    tx.execute(sql, values).await?;
    let places: Vec<i64> = (0..document.lines.len() as u64).map(int).collect();
    let from: Vec<String> = document.lines.iter().map(|line| line.period.from.to_string()).collect();
    let keys: Vec<&str> = document.lines.iter().map(|line| &*line.key).collect();
    let revisions: Vec<i64> = document.lines.iter().map(|line| i64::from(line.revision)).collect();
    let nets: Vec<i64> = document.lines.iter().map(|line| line.net_minor).collect();
    let sql = "INSERT INTO invoice_lines (invoice, place, tenant, period_from, key, revision, net_minor)
               SELECT $1, l.place, $2, l.period_from, l.key, l.revision, l.net_minor
               FROM unnest($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
                 AS l (place, period_from, key, revision, net_minor)";
    let values: Values<'_> =
        &[&document.id, &document.tenant.as_str(), &places, &from, &keys, &revisions, &nets];
    tx.execute(sql, values).await.map(drop)
}

async fn document(tx: &Tx<'_>, name: &str) -> Result<Document, StorageError> {
    let sql = "SELECT * FROM invoices WHERE id = $1 OR number = $1";
    let found = tx.optional(sql, &[&name]).await?;
    let unknown = || StorageError::UnknownDocument(name.chars().take(64).collect());
    invoice_rows::document(&found.ok_or_else(unknown)?)
}

async fn view(tx: &Tx<'_>, name: &str) -> Result<DocumentView, StorageError> {
    let document = document(tx, name).await?;
    let credited = match &document.credits {
        Some(credited) => Some(self::document(tx, &credited.id).await?),
        None => None,
    };
    let notes = "SELECT coalesce(number, id) AS name FROM invoices WHERE credits = $1 AND status <> 'void'
                 ORDER BY created_at, period_from, id";
    let notes = tx.rows(notes, &[&document.id]).await?;
    // Nobody else gives a number of the series until this is over.
    let last = "SELECT last FROM invoice_series WHERE kind = $1 FOR UPDATE";
    let last = tx.optional(last, &[&document.kind.as_str()]).await?;
    Ok(DocumentView {
        credited,
        notes: notes.iter().map(|row: &Row| column(row, "name")).collect::<Result<_, _>>()?,
        seller: profile(tx, "").await?,
        buyer: profile(tx, document.tenant.as_str()).await?,
        tenant: tenants::row(tx, &document.tenant).await?,
        last_number: last.map_or(Ok(0), |row| uint(&row, "last"))?,
        wallet_minor: balance(tx, &document.tenant).await?,
        document,
    })
}

async fn issue(tx: &Tx<'_>, document: &Document, ordinal: u64) -> Result<(), StorageError> {
    let sql = "INSERT INTO invoice_series (kind, last) VALUES ($1, 1) ON CONFLICT (kind) DO UPDATE SET last = invoice_series.last + 1
               RETURNING last";
    let given = uint(&tx.one(sql, &[&document.kind.as_str()]).await?, "last")?;
    if given != ordinal {
        // The first number of all was given meanwhile: there was no row yet to hold.
        return Err(StorageError::Conflict);
    }
    let sql = "UPDATE invoices SET status = $2, number = $3, ordinal = $4, body = $5 WHERE id = $1";
    let values: Values<'_> =
        &[&document.id, &document.status.as_str(), &document.number, &int(ordinal), &body(document)?];
    tx.execute(sql, values).await.map(drop)
}

async fn stands(tx: &Tx<'_>, document: &Document) -> Result<(), StorageError> {
    let sql = "UPDATE invoices SET status = $2, paid_at = $3, paid_by = $4, voided_at = $5 WHERE id = $1";
    let values: Values<'_> = &[
        &document.id,
        &document.status.as_str(),
        &document.paid_at.map(UnixSeconds::as_i64),
        &document.paid_by,
        &document.voided_at.map(UnixSeconds::as_i64),
    ];
    tx.execute(sql, values).await.map(drop)
}

async fn balance(tx: &Tx<'_>, tenant: &TenantId) -> Result<i64, StorageError> {
    let sql = "SELECT coalesce(sum(minor), 0)::bigint AS balance FROM wallet_entries WHERE tenant = $1";
    column(&tx.one(sql, &[&tenant.as_str()]).await?, "balance")
}

async fn add_entry(tx: &Tx<'_>, tenant: &TenantId, entry: &NewWalletEntry) -> Result<(), StorageError> {
    let sql = "INSERT INTO wallet_entries (tenant, seq, at, minor, invoice, reason, actor)
               SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6 FROM wallet_entries WHERE tenant = $1";
    let (at, actor) = (entry.note.at.as_i64(), &entry.note.actor.0);
    let values: Values<'_> = &[&tenant.as_str(), &at, &entry.minor, &entry.document, &entry.reason, actor];
    tx.execute(sql, values).await.map(drop)
}
