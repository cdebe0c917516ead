//! Exchanges that are settled together: while a few transactions run, whoever comes waits for the next one and shares it with
//! others of its tenant, so that many devices pay for one commit and for one statement of each kind. Nobody waits while there
//! is nothing to wait for. No transaction is about two tenants.
//!
//! The first of a group leads: its thread runs the transaction, and hands each of the others what was read of its device;
//! their threads run their own plans meanwhile. A device that somebody else has locked is not waited for, so that groups
//! never wait for each other. What concerns more than its device, or writes to the audit, leaves the group and is settled
//! alone; so does everybody when the transaction fails, so that one device's trouble stays its own.

use super::connection::Tx;
use super::usage::Brought;
use super::{PostgresStorage, StorageError, devices, elsewhere, locks, postings, usage};
use crate::storage::{DeviceView, Plan, Posting, UsageAsked};
use brink_license::{DeviceId, UnixSeconds};
use futures_util::future::{join_all, try_join_all};
use queue::{Ending, Leading, Member, Turn};
use std::sync::Arc;

pub(super) use queue::Settling;

mod queue;

impl PostgresStorage {
    /// Settles together with whoever else is there, or alone.
    pub(super) fn settle_one(
        &self,
        (device, now): (&DeviceId, UnixSeconds),
        asked: &UsageAsked,
        plan: Plan<'_, DeviceView, Posting>,
    ) -> Result<(), StorageError> {
        let member = self.settling.member((device, now), asked);
        if self.inside.is_some() {
            // There is nobody else in its transaction. The tenant first, because a part gives no lock back.
            return self.settle_alone(&member, plan, true);
        }
        let ending = match self.settling.join(&member) {
            true => self.lead(&member, plan),
            false => self.follow(&member, plan),
        };
        match ending {
            Ending::Settled => Ok(()),
            Ending::Unknown(problem) => Err(StorageError::OutcomeUnknown { problem }),
            Ending::Alone { concerns_others } => self.settle_alone(&member, plan, concerns_others),
        }
    }

    fn follow(&self, member: &Arc<Member>, plan: Plan<'_, DeviceView, Posting>) -> Ending {
        loop {
            match member.own_turn() {
                Turn::Leads => return self.lead(member, plan),
                Turn::Sees(view) => member.plan(view, plan),
                Turn::Ended(ending) => return ending,
                Turn::Waits | Turn::Plans | Turn::Planned(_) | Turn::Broke => {}
            }
        }
    }

    fn lead(&self, leader: &Arc<Member>, plan: Plan<'_, DeviceView, Posting>) -> Ending {
        let members = self.settling.gather(leader);
        let mut leading = Leading { settling: &self.settling, members, endings: Vec::new() };
        let members = &leading.members;
        let count = members.len();
        let ended = self.write(async |tx| together(tx, members, plan).await);
        leading.endings = match ended {
            Ok(endings) => endings,
            Err(StorageError::OutcomeUnknown { problem }) => vec![Ending::Unknown(problem); count],
            Err(error) => {
                if count > 1 {
                    tracing::warn!(%error, devices = count, "a group is not settled; each of it is tried alone");
                }
                vec![Ending::Alone { concerns_others: false }; count]
            }
        };
        leading.endings.first().cloned().unwrap_or(Ending::Alone { concerns_others: false })
    }

    /// Behind its own lock; or, where it concerns the tenant's other devices, behind the tenant's as well, with nothing
    /// recorded of what was planned before.
    fn settle_alone(
        &self,
        member: &Member,
        plan: Plan<'_, DeviceView, Posting>,
        concerns_others: bool,
    ) -> Result<(), StorageError> {
        if !concerns_others && self.write(async |tx| alone(tx, member, plan, false).await)? {
            return Ok(());
        }
        self.write(async |tx| {
            locks::tenant_of(tx, &member.device).await?;
            alone(tx, member, plan, true).await.map(drop)
        })
    }
}

/// Whether all is done.
async fn alone(
    tx: &Tx<'_>,
    member: &Member,
    plan: Plan<'_, DeviceView, Posting>,
    behind_tenant: bool,
) -> Result<bool, StorageError> {
    let mut view = devices::locked_view(tx, &member.device, member.now).await?;
    view.usage = usage::views(tx, &[(&view.device, &member.asked)]).await?.pop().unwrap_or_default();
    let Some(posting) = plan(&view) else { return Ok(true) };
    if !behind_tenant && postings::concerns_others(&posting) {
        return Ok(false);
    }
    let brought = posting.usage.as_ref();
    let brought = brought.map(|usage| Brought { device: &member.device, before: &view.usage, usage });
    usage::record(tx, brought.as_slice()).await?;
    postings::record(tx, (&view, view.device.epoch), member.now, &posting).await?;
    Ok(true)
}

/// What a member planned, on what; `None` where it is not in the transaction.
type Planned = Option<(Box<DeviceView>, Option<Posting>)>;

/// A transaction of a group, whose first member leads; answers what becomes of each.
async fn together(
    tx: &Tx<'_>,
    members: &[Arc<Member>],
    plan: Plan<'_, DeviceView, Posting>,
) -> Result<Vec<Ending>, StorageError> {
    let planned = planned(members, views(tx, members).await?, plan);
    let mut entries = Vec::new();
    let mut endings = Vec::new();
    for (member, planned) in members.iter().zip(&planned) {
        endings.push(match planned {
            None => Ending::Alone { concerns_others: false },
            Some((_, None)) => Ending::Settled,
            Some((view, Some(posting))) => match postings::concerns_others(posting) {
                true => Ending::Alone { concerns_others: true },
                // The head of the audit's chain would stay locked until all of the group is written.
                false if !posting.notes.is_empty() => Ending::Alone { concerns_others: false },
                false => {
                    entries.push((member, view, posting));
                    Ending::Settled
                }
            },
        });
    }
    let brought = entries.iter().filter_map(|(member, view, posting)| {
        let usage = posting.usage.as_ref()?;
        Some(Brought { device: &member.device, before: &view.usage, usage })
    });
    usage::record(tx, &brought.collect::<Vec<_>>()).await?;
    let postings = entries
        .iter()
        .map(|(member, view, posting)| postings::record(tx, (view, view.device.epoch), member.now, posting));
    try_join_all(postings).await?;
    Ok(endings)
}

/// Every plan in the thread of its own member.
fn planned(
    members: &[Arc<Member>],
    views: Vec<Option<Box<DeviceView>>>,
    plan: Plan<'_, DeviceView, Posting>,
) -> Vec<Planned> {
    let mut views = views.into_iter();
    let own = views.next().flatten();
    let shown: Vec<bool> = members[1..]
        .iter()
        .zip(views)
        .map(|(member, view)| view.map(|view| member.turn_to(Turn::Sees(view))).is_some())
        .collect();
    let own = own.map(|view| {
        let posting = plan(&view);
        (view, posting)
    });
    let others = members[1..].iter().zip(shown);
    let others = others.map(|(member, is_shown)| if is_shown { member.planned() } else { None });
    std::iter::once(own).chain(others).collect()
}

/// What is on record of each whose device could be locked.
async fn views(tx: &Tx<'_>, members: &[Arc<Member>]) -> Result<Vec<Option<Box<DeviceView>>>, StorageError> {
    let ids: Vec<&DeviceId> = members.iter().map(|member| &member.device).collect();
    let rows = devices::locked_rows(tx, &ids).await?;
    let view = |member: &Arc<Member>| {
        let row = rows.get(member.device.as_str()).filter(|_| !member.is_broken());
        let now = member.now;
        async move {
            match row {
                Some(row) => devices::view_alone(tx, row, now).await.map(|view| Some(Box::new(view))),
                None => Ok(None),
            }
        }
    };
    let asking = members.iter().filter_map(|member| Some((rows.get(member.device.as_str())?, member.now)));
    let (found, around) = tokio::join!(join_all(members.iter().map(view)), elsewhere::of_rows(tx, asking));
    let mut around = around?;
    let mut views = Vec::with_capacity(members.len());
    for view in found {
        let view: Option<Box<DeviceView>> = match view {
            // The others' rows are as good as before.
            Err(StorageError::Damaged { .. }) => None,
            view => view?,
        };
        views.push(view.and_then(|mut view| {
            around.remove(&view.device.id)?.put(&mut view);
            Some(view)
        }));
    }
    let present = views.iter_mut().zip(members);
    let mut present: Vec<_> = present.filter_map(|(view, member)| Some((view.as_mut()?, member))).collect();
    let asked: Vec<_> = present.iter().map(|(view, member)| (&view.device, &member.asked)).collect();
    let usage = usage::views(tx, &asked).await?;
    for ((view, _), usage) in present.iter_mut().zip(usage) {
        view.usage = usage;
    }
    Ok(views)
}

#[cfg(test)]
mod tests;
