//! A storage that stands inside of a transaction: whatever is done through it is a part of that, and happens with all the
//! other parts or not at all. Each of its own transactions is a savepoint.

use super::connection::Tx;
use super::settling::Settling;
use super::{PostgresStorage, StorageError, failure};
use deadpool_postgres::{Object, Transaction};
use self_cell::{MutBorrow, self_cell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_postgres::IsolationLevel;

/// `None` once it has ended.
type Underway<'c> = Option<Transaction<'c>>;

self_cell!(
    /// A transaction with the connection that it runs on.
    struct Held {
        owner: MutBorrow<Object>,
        #[not_covariant]
        dependent: Underway,
    }
);

/// The transaction that a storage stands in.
pub(super) struct Inside {
    held: Mutex<Held>,
    /// A part lost against another transaction, so that all of it is worth another try.
    conflicted: AtomicBool,
}

impl PostgresStorage {
    /// Begins a transaction, and stands inside of it. Dropped, nothing of it happens.
    pub(super) fn begin_inside(&self) -> Result<Arc<Self>, StorageError> {
        let client = MutBorrow::new(self.wait(self.client())?);
        let held = Held::try_new(client, |client| {
            let begin =
                client.borrow_mut().build_transaction().isolation_level(IsolationLevel::ReadCommitted);
            self.wait(async { Ok::<_, StorageError>(Some(begin.start().await?)) })
        })?;
        let inside = Inside { held: Mutex::new(held), conflicted: AtomicBool::new(false) };
        Ok(Arc::new(Self {
            runtime: None,
            handle: self.handle.clone(),
            pool: self.pool.clone(),
            settling: Settling::default(),
            name: Arc::clone(&self.name),
            inside: Some(inside),
        }))
    }

    /// A part of the transaction.
    pub(super) fn part<T>(
        &self,
        inside: &Inside,
        work: &mut impl AsyncFnMut(&Tx<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut held = inside.held.lock().unwrap_or_else(PoisonError::into_inner);
        let done = held.with_dependent_mut(|_, underway| {
            let Some(transaction) = underway else { return Err(failure::closed()) };
            self.wait(async {
                let part = Tx(transaction.savepoint("part").await?);
                match work(&part).await {
                    Ok(done) => part.0.commit().await.map_err(StorageError::from).map(|()| done),
                    Err(error) => {
                        let _ = part.0.rollback().await;
                        Err(error)
                    }
                }
            })
        });
        if done.as_ref().is_err_and(failure::may_be_tried_again) {
            inside.conflicted.store(true, Ordering::Relaxed);
        }
        done
    }

    /// Ends the transaction that it stands in.
    pub(super) fn commit_inside(&self) -> Result<(), StorageError> {
        let Some(inside) = &self.inside else { return Err(failure::closed()) };
        let mut held = inside.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.with_dependent_mut(|_, underway| {
            let transaction = underway.take().ok_or_else(failure::closed)?;
            self.wait(async { transaction.commit().await.map_err(failure::of_commit) })
        })
    }

    /// Whether a part of it lost against another transaction.
    pub(super) fn has_conflicted(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| inside.conflicted.load(Ordering::Relaxed))
    }
}
