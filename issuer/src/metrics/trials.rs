//! What was said of the ends of trials.

use crate::trials::REMINDER_DAYS;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Before {
    days: u32,
}

/// What was said of the ends of trials.
#[derive(Clone, Debug)]
pub(crate) struct TrialMetrics {
    reminders: Family<Before, Counter>,
}

impl TrialMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let reminders = Family::<Before, Counter>::default();
        for days in REMINDER_DAYS {
            drop(reminders.get_or_create(&Before { days }));
        }
        let help = "What was said of the ends of trials, by the days before";
        registry.register("trial_reminders", help, reminders.clone());
        Self { reminders }
    }

    /// A reminder that is on record.
    pub(crate) fn reminded(&self, days: u32) {
        self.reminders.get_or_create(&Before { days }).inc();
    }
}
