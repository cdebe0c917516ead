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
        let behind = match (lag_records, state) {
            (Some(0), State::Up) => "everything is copied".to_owned(),
            // Of licences nobody knows then.
            (Some(0), State::Starting | State::Down | State::Refused) => {
                "no record waits to be copied".to_owned()
            }
            (Some(records), _) => {
                format!("{records} records are not copied, the oldest for {}", span(self.lag_seconds))
            }
            (None, _) => "how far it is behind is not known".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Kind;

    #[test]
    fn everything_is_copied_only_where_the_mirror_copies() {
        let line = |state, lag_records| {
            let standing = Standing {
                mirror: Kind::Postgres,
                address: "postgres://brink@localhost/edge".to_owned(),
                state,
                code: None,
                problem: None,
                mend: None,
                last_success: None,
                lag_records,
                oldest_ms: None,
                copied: 0,
                failures: 0,
                gaps: 0,
            };
            Mirror { standing, lag_seconds: 0 }.lines().remove(0)
        };
        for state in [State::Starting, State::Up, State::Down, State::Refused] {
            let is_said = line(state, Some(0)).contains("everything is copied");
            assert_eq!(is_said, state == State::Up, "{state:?}");
            assert!(line(state, None).contains("is not known"));
        }
        assert!(line(State::Up, Some(2)).contains("2 records are not copied"));
    }
}
