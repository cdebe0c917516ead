//! How the mirrors are: what they copied, how far they are behind, and what is wrong.

use super::{Sources, shown};
use crate::mirror::{Standing, State};
use crate::words::span;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Mirror {
    #[serde(flatten)]
    standing: Standing,
    /// Seconds that the oldest record which is not copied waits by now.
    lag_seconds: i64,
}

pub(super) fn of(sources: &Sources<'_>) -> Vec<Mirror> {
    let now = sources.snapshot.standing().now;
    let one =
        |standing: &Standing| Mirror { lag_seconds: standing.lag_seconds(now), standing: standing.clone() };
    sources.mirrors.iter().map(one).collect()
}

impl Mirror {
    pub(super) fn lines(&self) -> Vec<String> {
        let Standing { mirror, address, state, last_success, lag_records, gaps, .. } = &self.standing;
        let behind = match lag_records {
            Some(0) => "everything is copied".to_owned(),
            Some(records) => {
                format!("{records} records are not copied, the oldest for {}", span(self.lag_seconds))
            }
            None => "how far it is behind is not known".to_owned(),
        };
        let since = match state {
            State::Up | State::Starting => String::new(),
            State::Down | State::Refused => format!("; last at {}", shown(last_success.as_ref())),
        };
        let gone =
            if *gaps > 0 { format!("; {gaps} had left before they were copied") } else { String::new() };
        let (kind, state) = (mirror.as_str(), state.as_str());
        let mut lines = vec![format!("mirror:    {kind} {state} ({address}): {behind}{gone}{since}")];
        if let (Some(code), Some(problem)) = (&self.standing.code, &self.standing.problem) {
            lines.push(format!("           {code}: {problem}"));
        }
        lines.extend(self.standing.mend.as_ref().map(|mend| format!("           mend: {mend}")));
        lines
    }
}
