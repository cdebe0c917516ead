//! How far a run is: a bar on a terminal, and elsewhere a line for each of its parts.

use crate::life::Phase;
use crate::tally::Counts;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;

/// One bar: devices while they are activated, records afterwards.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    devices: u64,
    said: Cell<Option<Phase>>,
}

impl Progress {
    /// A bar on standard error, if that is a terminal.
    #[must_use]
    pub fn new(devices: u32) -> Self {
        let bar = ProgressBar::with_draw_target(Some(u64::from(devices)), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {pos}/{len} {msg}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, devices: u64::from(devices), said: Cell::new(None) }
    }

    /// Shows where the run is.
    pub fn show(&self, phase: Phase, counts: &Counts) {
        if self.bar.is_hidden() {
            if self.said.replace(Some(phase)) != Some(phase) {
                say(phase);
            }
            return;
        }
        let (length, position, doing) = match phase {
            Phase::Activating => (self.devices, counts.activated, "devices activated"),
            Phase::Running => (counts.recorded, counts.records, "records acknowledged"),
            Phase::Draining | Phase::Over => (counts.recorded, counts.records, "records drained"),
        };
        self.bar.set_length(length);
        self.bar.set_position(position);
        let Counts { exchanges, retries, .. } = counts;
        self.bar.set_message(format!("{doing}, {exchanges} exchanges, {retries} made again"));
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[allow(clippy::print_stderr, reason = "for whoever waits for a part to begin")]
fn say(phase: Phase) {
    let doing = match phase {
        Phase::Activating => "activating",
        Phase::Running => "running",
        Phase::Draining => "draining",
        Phase::Over => "over",
    };
    eprintln!("brink-fleet: {doing}");
}
