//! Who waits for a transaction, who leads one, and whose turn it is with each.

use crate::storage::{DeviceView, Plan, Posting, UsageAsked};
use brink_license::{DeviceId, TenantId, UnixSeconds};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Devices of one transaction: from some tens on, a commit is a small part of it, and what one holds up grows.
const DEVICES_MAX: usize = 32;
/// Transactions at once of one process: enough that the server always has one to work on while others plan.
pub(super) const GROUPS_MAX: usize = 4;

/// Devices that are kept in mind between the look at their key and their exchange: many more than there are requests at once.
const COMING_MAX: usize = 4096;

/// Who waits, and how many groups there are; and whose the devices are that were just asked about.
#[derive(Default)]
pub(in super::super) struct Settling {
    pub(super) queue: Mutex<Queue>,
    coming: Mutex<BTreeMap<DeviceId, TenantId>>,
}

/// Somebody waits only while there are as many groups as there may be.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Arc<Member>>,
    pub(super) groups: usize,
}

/// One exchange.
pub(super) struct Member {
    pub(super) device: DeviceId,
    /// Whose it was when its key was looked at; who is not known shares with nobody.
    tenant: Option<TenantId>,
    pub(super) now: UnixSeconds,
    pub(super) asked: UsageAsked,
    turn: Mutex<Turn>,
    turned: Condvar,
}

/// Whose turn it is with a member.
pub(super) enum Turn {
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
pub(super) enum Ending {
    Settled,
    /// To be settled without the others; perhaps behind the lock of its tenant.
    Alone {
        concerns_others: bool,
    },
    Unknown(String),
}

pub(super) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole before anything can panic.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Settling {
    /// A device whose key was looked at, which comes with an exchange now, or never.
    pub(in super::super) fn comes(&self, device: &DeviceId, tenant: TenantId) {
        let mut coming = held(&self.coming);
        if coming.len() >= COMING_MAX {
            coming.clear();
        }
        coming.insert(device.clone(), tenant);
    }

    /// An exchange of that device.
    pub(super) fn member(&self, (device, now): (&DeviceId, UnixSeconds), asked: &UsageAsked) -> Arc<Member> {
        let tenant = held(&self.coming).remove(device);
        let (turn, turned) = (Mutex::new(Turn::Waits), Condvar::new());
        Arc::new(Member { device: device.clone(), tenant, now, asked: asked.clone(), turn, turned })
    }

    /// Whether the member leads at once.
    pub(super) fn join(&self, member: &Arc<Member>) -> bool {
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
    pub(super) fn gather(&self, leader: &Arc<Member>) -> Vec<Arc<Member>> {
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
    pub(super) fn pass_on(&self) {
        let mut queue = held(&self.queue);
        match queue.waiting.pop_front() {
            Some(next) => next.turn_to(Turn::Leads),
            None => queue.groups -= 1,
        }
    }
}

impl Member {
    pub(super) fn turn_to(&self, turn: Turn) {
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
    pub(super) fn own_turn(&self) -> Turn {
        self.wait(|turn| match turn {
            Turn::Leads | Turn::Ended(_) => Some(std::mem::replace(turn, Turn::Waits)),
            Turn::Sees(_) => Some(std::mem::replace(turn, Turn::Plans)),
            Turn::Waits | Turn::Plans | Turn::Planned(_) | Turn::Broke => None,
        })
    }

    /// What it planned; nothing of a plan with a fault.
    pub(super) fn planned(&self) -> Option<(Box<DeviceView>, Option<Posting>)> {
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

    pub(super) fn is_broken(&self) -> bool {
        matches!(*held(&self.turn), Turn::Broke)
    }

    pub(super) fn plan(&self, view: Box<DeviceView>, plan: Plan<'_, DeviceView, Posting>) {
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
pub(super) struct Leading<'s> {
    pub(super) settling: &'s Settling,
    pub(super) members: Vec<Arc<Member>>,
    pub(super) endings: Vec<Ending>,
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
