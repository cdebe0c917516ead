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
use brink_license::{DeviceId, TenantId, UnixSeconds};
use futures_util::future::{join_all, try_join_all};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Devices of one transaction: from some tens on, a commit is a small part of it, and what one holds up grows.
const DEVICES_MAX: usize = 32;
/// Transactions at once of one process: enough that the server always has one to work on while others plan.
const GROUPS_MAX: usize = 4;

/// Devices that are kept in mind between the look at their key and their exchange: many more than there are requests at once.
const COMING_MAX: usize = 4096;

/// Who waits, and how many groups there are; and whose the devices are that were just asked about.
#[derive(Default)]
pub(super) struct Settling {
    queue: Mutex<Queue>,
    coming: Mutex<BTreeMap<DeviceId, TenantId>>,
}

/// Somebody waits only while there are as many groups as there may be.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<Member>>,
    groups: usize,
}

/// One exchange.
struct Member {
    device: DeviceId,
    /// Whose it was when its key was looked at; who is not known shares with nobody.
    tenant: Option<TenantId>,
    now: UnixSeconds,
    asked: UsageAsked,
    turn: Mutex<Turn>,
    turned: Condvar,
}

/// Whose turn it is with a member.
enum Turn {
    /// Somebody else's.
    Waits,
    /// Its own: to lead the next group.
    Leads,
    /// Its own: to plan.
    Sees(Box<DeviceView>),
    /// It is at it.
    Plans,
    /// Its leader's: what it planned, on what.
    Planned(Box<(Box<DeviceView>, Option<Posting>)>),
    /// Nobody's: its plan has a fault.
    Broke,
    /// Its own, to go on.
    Ended(Ending),
}

/// What became of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    Settled,
    /// To be settled without the others; perhaps behind the lock of its tenant.
    Alone {
        concerns_others: bool,
    },
    Unknown(String),
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole before anything can panic.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Settling {
    /// A device whose key was looked at, which comes with an exchange now, or never.
    pub(super) fn comes(&self, device: &DeviceId, tenant: TenantId) {
        let mut coming = held(&self.coming);
        if coming.len() >= COMING_MAX {
            coming.clear();
        }
        coming.insert(device.clone(), tenant);
    }

    /// Whether the member leads at once.
    fn join(&self, member: &Arc<Member>) -> bool {
        let mut queue = held(&self.queue);
        let leads = queue.groups < GROUPS_MAX;
        if leads {
            queue.groups += 1;
        } else {
            queue.waiting.push_back(Arc::clone(member));
        }
        leads
    }

    /// The leader and those of its tenant who wait, each device once.
    fn gather(&self, leader: &Arc<Member>) -> Vec<Arc<Member>> {
        let (mut group, mut devices) = (vec![Arc::clone(leader)], BTreeSet::from([leader.device.clone()]));
        let mut queue = held(&self.queue);
        let mut rest = VecDeque::new();
        while let Some(member) = queue.waiting.pop_front() {
            let is_of_tenant = leader.tenant.is_some() && member.tenant == leader.tenant;
            if is_of_tenant && group.len() < DEVICES_MAX && devices.insert(member.device.clone()) {
                group.push(member);
            } else {
                rest.push_back(member);
            }
        }
        queue.waiting = rest;
        group
    }

    /// A group is over: the next one is led by whoever waits longest.
    fn pass_on(&self) {
        let mut queue = held(&self.queue);
        match queue.waiting.pop_front() {
            Some(next) => next.turn_to(Turn::Leads),
            None => queue.groups -= 1,
        }
    }
}

impl Member {
    fn turn_to(&self, turn: Turn) {
        *held(&self.turn) = turn;
        self.turned.notify_all();
    }

    /// Waits for a turn that is taken by `take`.
    fn wait<T>(&self, mut take: impl FnMut(&mut Turn) -> Option<T>) -> T {
        let mut turn = held(&self.turn);
        loop {
            if let Some(taken) = take(&mut turn) {
                return taken;
            }
            turn = self.turned.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next thing that its own thread has to do.
    fn own_turn(&self) -> Turn {
        self.wait(|turn| match turn {
            Turn::Leads | Turn::Ended(_) => Some(std::mem::replace(turn, Turn::Waits)),
            Turn::Sees(_) => Some(std::mem::replace(turn, Turn::Plans)),
            Turn::Waits | Turn::Plans | Turn::Planned(_) | Turn::Broke => None,
        })
    }

    /// What it planned; nothing of a plan with a fault.
    fn planned(&self) -> Option<(Box<DeviceView>, Option<Posting>)> {
        self.wait(|turn| match std::mem::replace(turn, Turn::Waits) {
            Turn::Planned(planned) => Some(Some(*planned)),
            Turn::Broke => {
                *turn = Turn::Broke;
                Some(None)
            }
            other @ (Turn::Waits | Turn::Leads | Turn::Sees(_) | Turn::Plans | Turn::Ended(_)) => {
                *turn = other;
                None
            }
        })
    }

    fn is_broken(&self) -> bool {
        matches!(*held(&self.turn), Turn::Broke)
    }

    fn plan(&self, view: Box<DeviceView>, plan: Plan<'_, DeviceView, Posting>) {
        let planning = Planning(self);
        let posting = plan(&view);
        planning.done(Turn::Planned(Box::new((view, posting))));
    }
}

/// A plan that runs. One that panics says so to its leader, which would wait for it otherwise.
struct Planning<'m>(&'m Member);

impl Planning<'_> {
    /// Unless the group is over already.
    fn done(&self, planned: Turn) {
        let mut turn = held(&self.0.turn);
        if matches!(*turn, Turn::Plans) {
            *turn = planned;
            self.0.turned.notify_all();
        }
    }
}

impl Drop for Planning<'_> {
    fn drop(&mut self) {
        self.done(Turn::Broke);
    }
}

/// A group that runs. However it ends, its members go on, and somebody leads the next one.
struct Leading<'s> {
    settling: &'s Settling,
    members: Vec<Arc<Member>>,
    endings: Vec<Ending>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let endings =
            self.endings.drain(..).chain(std::iter::repeat(Ending::Alone { concerns_others: false }));
        for (member, ending) in self.members.iter().zip(endings).skip(1) {
            member.turn_to(Turn::Ended(ending));
        }
        self.settling.pass_on();
    }
}

impl PostgresStorage {
    /// Settles together with whoever else is there, or alone.
    pub(super) fn settle_one(
        &self,
        (device, now): (&DeviceId, UnixSeconds),
        asked: &UsageAsked,
        plan: Plan<'_, DeviceView, Posting>,
    ) -> Result<(), StorageError> {
        let (turn, turned) = (Mutex::new(Turn::Waits), Condvar::new());
        let tenant = held(&self.settling.coming).remove(device);
        let member = Member { device: device.clone(), tenant, now, asked: asked.clone(), turn, turned };
        let member = Arc::new(member);
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
    let (found, elsewhere) = tokio::join!(join_all(members.iter().map(view)), elsewhere::of_rows(tx, asking));
    let mut elsewhere = elsewhere?;
    let mut views = Vec::with_capacity(members.len());
    for view in found {
        let mut view: Option<Box<DeviceView>> = match view {
            // The others' rows are as good as before.
            Err(StorageError::Damaged { .. }) => None,
            view => view?,
        };
        if let Some(view) = &mut view {
            view.elsewhere = elsewhere.remove(&view.device.id).unwrap_or_default();
        }
        views.push(view);
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
