//! What the meter goes by: the licence that its gate has verified, and the gate's time.

use crate::bundle::VerifiedBundle;
use crate::gate::GateRef;
use crate::journal::Terms;
use crate::sharing::held;
use brink_license::usage::Quotas;
use std::sync::{Arc, Mutex};

/// The terms of a gate, as of its last answer. A gate that is closed while somebody records leaves its last ones.
#[derive(Debug)]
pub(super) struct InForce {
    gate: GateRef,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    /// Which bundle the quotas are of.
    bundle: Option<Arc<VerifiedBundle>>,
    terms: Terms,
}

impl InForce {
    pub(super) fn of(gate: GateRef) -> Self {
        Self { gate, last: Mutex::new(Last { bundle: None, terms: Terms::none() }) }
    }

    pub(super) fn terms(&self) -> Terms {
        let mut last = held(&self.last);
        if let Some((bundle, standing)) = self.gate.metered_by() {
            let is_same = match (&bundle, &last.bundle) {
                (Some(found), Some(known)) => Arc::ptr_eq(found, known),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !is_same {
                last.terms.quotas = bundle.as_ref().map(|bundle| Arc::new(Quotas::of(bundle.licence())));
                last.bundle = bundle;
            }
            last.terms.state = standing.state;
            last.terms.now = standing.now;
        }
        last.terms.clone()
    }
}
