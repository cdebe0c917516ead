//! How far a transfer has come: a bar with rate and time left on a terminal, nothing anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};

const TEMPLATE: &str = "{prefix} [{bar:24}] {pos} of {len} rows, {per_sec}, {eta} left  {msg}";

/// One bar for all files.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// `all`: rows that there are, as far as it is known.
    pub(super) fn begin(doing: &'static str, all: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::hidden());
        // The template is ours, and right.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("##."));
        }
        bar.set_prefix(doing);
        if stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        Self(bar)
    }

    /// The file that it is at.
    pub(super) fn at(&self, file: &str) {
        self.0.set_message(file.to_owned());
    }

    /// Rows that are done.
    pub(super) fn add(&self, rows: u64) {
        self.0.inc(rows);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
