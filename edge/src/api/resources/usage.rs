//! Recording uses: durable when the answer comes, and to each its own answer.

use super::event::{Event, Rejection, UsageEvent};
use super::journal_refusal;
use crate::api::desk::Desk;
use crate::api::input::{self, FromBody, NoQuery};
use crate::api::refusal::Refusal;
use crate::api::remembered::Known;
use crate::api::route::{Call, Handled, Named, schema_of};
use crate::api::tally::Brought;
use crate::error::EdgeError;
use crate::words::rfc3339;
use axum::body::Bytes;
use axum::http::StatusCode;
use brink_store::journal::{Recorded, UsageError};
use brink_store::meter::Use;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// Largest body.
pub(in crate::api) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most uses of one request: the batch of the old product.
const EVENTS_MAX: usize = 1000;

/// What a body may be: one use, or many.
#[derive(ToSchema)]
#[schema(as = UsageBody)]
#[serde(untagged)]
#[allow(
    dead_code,
    clippy::large_enum_variant,
    reason = "the document says it; each use is read by itself, so that one that is not clear refuses no other"
)]
enum Body {
    /// Many.
    Many(Events),
    /// One.
    One(UsageEvent),
}

/// Many uses.
#[derive(ToSchema)]
#[schema(as = UsageEvents)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "see Body")]
struct Events {
    /// At most 1000.
    #[schema(min_items = 1, max_items = 1000)]
    events: Vec<UsageEvent>,
}

/// The uses of a body, not looked at yet.
pub(in crate::api) struct Uses(Vec<Value>);

impl FromBody for Uses {
    const IS_OPTIONAL: bool = false;

    fn read(bytes: &Bytes) -> Result<Self, Refusal> {
        let malformed = |error: &str| Refusal::malformed("MALFORMED", error, "see /api/v1/openapi.json");
        let mut members: Map<String, Value> = input::json(bytes)?;
        let uses = match members.remove("events") {
            None => vec![Value::Object(members)],
            Some(_) if !members.is_empty() => {
                return Err(malformed("beside events there is nothing else in the body"));
            }
            Some(Value::Array(uses)) if uses.is_empty() => return Err(malformed("events is empty")),
            Some(Value::Array(uses)) => uses,
            Some(_) => return Err(malformed("events is no list")),
        };
        if uses.len() > EVENTS_MAX {
            let error = format!("{} uses at once, and {EVENTS_MAX} are taken", uses.len());
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "TOO_MANY_EVENTS",
                error,
                "send them in parts",
            ));
        }
        Ok(Self(uses))
    }

    fn schema(schemas: &mut Vec<Named>) -> Option<RefOr<Schema>> {
        Some(schema_of::<Body>(schemas))
    }
}

/// What became of the uses.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Accepted {
    /// How many are durable now, those among them that were before.
    accepted_count: usize,
    /// How many are not.
    rejected_count: usize,
    /// Why not, one text each.
    errors: Vec<String>,
    /// Each use, in its order.
    results: Vec<Outcome>,
    /// The guarded time at which they were recorded, RFC 3339.
    recorded_at: Option<String>,
}

/// What became of one.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::api) struct Outcome {
    /// Its place in the body, from 0.
    index: usize,
    /// Its name, if it has one.
    id: Option<String>,
    /// Whether it is durable.
    accepted: bool,
    /// Whether it was before: recorded under this name already.
    duplicate: bool,
    /// The meter that it counts to.
    meter: Option<String>,
    /// How much, as a decimal.
    quantity: Option<String>,
    /// The number of its record.
    seq: Option<u64>,
    /// What the meter has come to with that record, as a decimal.
    total: Option<String>,
    /// How it stands to its quota: `within`, `over` or `flagged`.
    quota: Option<&'static str>,
    /// Why it was not recorded: a stable word.
    code: Option<String>,
    /// The same in words.
    error: Option<String>,
    /// What helps.
    mend: Option<String>,
}

/// A use on its way.
enum Stage {
    Rejected(Rejection),
    /// Recorded before.
    Known(Event, Recorded),
    /// To be recorded.
    New(Event),
}

pub(in crate::api) fn record(desk: &Desk, call: Call<NoQuery, Uses>) -> Handled<Accepted> {
    let view = desk.view()?;
    let read = |value| match Event::read(value, view.claims()) {
        Ok(event) => staged(desk, event),
        Err(rejection) => Stage::Rejected(rejection),
    };
    let stages: Vec<Stage> = call.body.0.into_iter().map(read).collect();
    let uses: Vec<Use> = stages.iter().filter_map(new).map(|event| event.used.clone()).collect();
    let written = desk.sight.opened().meter().record_all(uses);
    let written = written.map_err(|error| {
        stages.iter().filter_map(new).for_each(|event| settle(desk, event, None));
        journal_refusal(&view, error)
    })?;
    let mut written = written.into_iter();
    let mut broken = None;
    let results: Vec<_> = stages
        .into_iter()
        .enumerate()
        .map(|(index, stage)| {
            let outcome = finished(desk, stage, || written.next(), &mut broken);
            Outcome { index, ..outcome }
        })
        .collect();
    let accepted_count = results.iter().filter(|outcome| outcome.accepted).count();
    if let (0, Some(error)) = (accepted_count, broken) {
        return Err(journal_refusal(&view, error));
    }
    let errors = results.iter().filter_map(Outcome::line).collect();
    let rejected_count = results.len() - accepted_count;
    let recorded_at = rfc3339(view.standing().now);
    Ok(Accepted { accepted_count, rejected_count, errors, results, recorded_at }.into())
}

fn new(stage: &Stage) -> Option<&Event> {
    match stage {
        Stage::New(event) => Some(event),
        Stage::Rejected(_) | Stage::Known(..) => None,
    }
}

/// Where a use stands by the name that it was given.
fn staged(desk: &Desk, event: Event) -> Stage {
    let known = event.id.as_ref().map_or(Known::Taken, |id| desk.remembered.take(id, &event.used));
    let reject = |id, code, error| Stage::Rejected(Rejection { id, ..Rejection::new(code, error) });
    match known {
        Known::Taken => Stage::New(event),
        Known::Recorded(recorded) => Stage::Known(event, recorded),
        Known::UnderWay => reject(
            event.id,
            "ID_IN_USE",
            "a use of this id is being recorded: send it again when that is done",
        ),
        Known::Other => reject(event.id, "ID_REUSED", "another use has this id: give each its own"),
    }
}

fn settle(desk: &Desk, event: &Event, recorded: Option<&Recorded>) {
    if let Some(id) = &event.id {
        desk.remembered.settle(id, recorded);
    }
}

/// The outcome of one; `written` is the journal's word on the next new one. What the journal itself is short of goes into
/// `broken`.
fn finished(
    desk: &Desk,
    stage: Stage,
    written: impl FnOnce() -> Option<Result<Recorded, UsageError>>,
    broken: &mut Option<UsageError>,
) -> Outcome {
    let (event, recorded, brought) = match stage {
        Stage::Rejected(rejection) => {
            desk.tally.brought(Brought::Rejected);
            return Outcome::rejected(rejection);
        }
        Stage::Known(event, recorded) => (event, Ok(recorded), Brought::Repeated),
        Stage::New(event) => {
            let recorded = written().unwrap_or(Err(UsageError::NotActivated));
            settle(desk, &event, recorded.as_ref().ok());
            (event, recorded, Brought::Recorded)
        }
    };
    match recorded {
        Ok(recorded) => {
            desk.tally.brought(brought);
            Outcome::recorded(event, &recorded, brought == Brought::Repeated)
        }
        Err(error) => {
            desk.tally.brought(Brought::Rejected);
            let is_of_this_use = matches!(error, UsageError::Denied(_) | UsageError::Quantity { .. });
            let said = EdgeError::from(error.clone());
            let rejection = Rejection {
                id: event.id,
                code: error.code().to_owned(),
                error: said.to_string(),
                mend: said.mend(),
            };
            if !is_of_this_use {
                *broken = Some(error);
            }
            Outcome::rejected(rejection)
        }
    }
}

impl Outcome {
    fn rejected(Rejection { id, code, error, mend }: Rejection) -> Self {
        Self { id, code: Some(code), error: Some(error), mend, ..Self::default() }
    }

    fn recorded(Event { id, used }: Event, recorded: &Recorded, duplicate: bool) -> Self {
        let (meter, _, quantity) = used;
        Self {
            id,
            accepted: true,
            duplicate,
            meter: Some(meter.to_string()),
            quantity: Some(quantity.to_string()),
            seq: Some(recorded.seq),
            total: Some(recorded.total.to_string()),
            quota: Some(recorded.overage.as_str()),
            ..Self::default()
        }
    }

    /// Why it was not recorded, in a line.
    fn line(&self) -> Option<String> {
        let (code, error) = (self.code.as_ref()?, self.error.as_ref()?);
        Some(format!("events[{}]: {code}: {error}", self.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_many_and_nothing_beside_them() {
        let count =
            |body: &str| Uses::read(&Bytes::copy_from_slice(body.as_bytes())).map(|uses| uses.0.len());
        assert_eq!(count(r#"{"event_type":"sms"}"#).unwrap(), 1);
        assert_eq!(count(r#"{"events":[{},{}]}"#).unwrap(), 2);
        for body in ["[]", "1", "", r#"{"events":[]}"#, r#"{"events":{}}"#, r#"{"events":[{}],"more":1}"#] {
            assert_eq!(count(body).unwrap_err().said.code, "MALFORMED", "{body}");
        }
        let many = format!(r#"{{"events":[{}{{}}]}}"#, "{},".repeat(EVENTS_MAX));
        assert_eq!(count(&many).unwrap_err().said.code, "TOO_MANY_EVENTS");
    }
}
