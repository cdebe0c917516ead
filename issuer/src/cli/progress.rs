//! How far something long is, for a person who waits at a terminal; a program sees nothing of it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of so many steps.
    pub(super) fn begin(steps: u64) -> Self {
        // Without a terminal it hides itself.
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {eta}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(super) fn step(&mut self) {
        self.0.inc(1);
    }

    pub(super) fn end(self) {
        self.0.finish_and_clear();
    }
}
