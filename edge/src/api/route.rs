//! A route: what it takes and gives, who may use it, and what it waits for. What it takes and gives are the types of its
//! handler, so that the document cannot say anything else.

use super::desk::Desk;
use super::input::{self, FromBody};
use super::refusal::Refusal;
use crate::local::Peer;
use crate::view::View;
use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, ToSchema};

/// Largest body of most paths.
const BODY_BYTES_MAX: usize = 64 * 1024;
const JSON: &str = "application/json";

/// What whoever asks has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// The token, or a socket that let them in.
    Caller,
    /// The same, or to be a page of the console, which shows nothing.
    Console,
}

/// What a handler waits for: so many at once may wait for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// The journal and its disk.
    Journal,
    /// The agent's loop, and whoever it asks.
    Agent,
    /// The billing server.
    Network,
}

/// One call of a handler.
pub(super) struct Call<Query, Body> {
    pub(super) peer: Peer,
    /// What the path names, in its order.
    pub(super) named: Vec<String>,
    pub(super) query: Query,
    pub(super) body: Body,
}

impl<Query, Body> Call<Query, Body> {
    /// The one thing that the path names.
    pub(super) fn name(&self) -> &str {
        self.named.first().map_or("", String::as_str)
    }
}

/// What a handler gives.
pub(super) struct Reply<T> {
    pub(super) status: StatusCode,
    pub(super) shown: T,
}

impl<T> From<T> for Reply<T> {
    fn from(shown: T) -> Self {
        Self { status: StatusCode::OK, shown }
    }
}

pub(super) type Handled<T> = Result<Reply<T>, Refusal>;

/// An answer as it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
}

/// What came.
pub(super) struct Input {
    pub(super) peer: Peer,
    pub(super) named: Vec<String>,
    pub(super) query: Option<String>,
    pub(super) body: Bytes,
}

type Look = Box<dyn Fn(&Desk, &View, Input) -> Result<Answer, Refusal> + Send + Sync>;
type Wait = Box<dyn Fn(&Desk, Input) -> Result<Answer, Refusal> + Send + Sync>;

/// How an answer is come by.
pub(super) enum Work {
    /// From the licence, in memory; `fresh` has the file looked at.
    Look { fresh: bool, answer: Look },
    /// From what has to be waited for.
    Wait { room: Room, answer: Wait },
}

/// A type's name and schema.
pub(super) type Named = (String, RefOr<Schema>);

/// What goes in and comes out, as the document says it.
#[derive(Default)]
pub(super) struct Shape {
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<RefOr<Schema>>,
    /// Whether the body may be left out.
    pub(super) body_is_optional: bool,
    /// `None` for what is no JSON, or somebody else's.
    pub(super) answer: Option<RefOr<Schema>>,
    pub(super) schemas: Vec<Named>,
}

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    pub(super) work: Work,
    pub(super) body_max: usize,
    /// The operation's name in the document.
    pub(super) id: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// What it answers when all is well.
    pub(super) statuses: &'static [(u16, &'static str)],
    /// What it may refuse with, beside what every route may.
    pub(super) refusals: &'static [(u16, &'static str)],
    pub(super) media_type: &'static str,
    pub(super) shape: Shape,
}

/// A question that the licence answers.
pub(super) fn look<Query, T>(
    path: &'static str,
    handler: fn(&Desk, &View, Call<Query, ()>) -> Handled<T>,
) -> Route
where
    Query: DeserializeOwned + IntoParams + 'static,
    T: Serialize + ToSchema + 'static,
{
    let answer = Box::new(move |desk: &Desk, view: &View, input: Input| {
        let query = input::query(input.query.as_deref())?;
        written(handler(desk, view, Call { peer: input.peer, named: input.named, query, body: () })?)
    });
    let mut shape = Shape::of::<Query>();
    shape.answers::<T>();
    Route::new((Method::GET, path), Work::Look { fresh: false, answer }, shape)
}

/// Something that has to be waited for.
pub(super) fn wait<Query, B, T>(
    (method, path): (Method, &'static str),
    room: Room,
    handler: fn(&Desk, Call<Query, B>) -> Handled<T>,
) -> Route
where
    Query: DeserializeOwned + IntoParams + 'static,
    B: FromBody + 'static,
    T: Serialize + ToSchema + 'static,
{
    let answer = Box::new(move |desk: &Desk, input: Input| {
        let query = input::query(input.query.as_deref())?;
        let body = B::read(&input.body)?;
        written(handler(desk, Call { peer: input.peer, named: input.named, query, body })?)
    });
    let mut shape = Shape::of::<Query>();
    shape.takes::<B>();
    shape.answers::<T>();
    Route::new((method, path), Work::Wait { room, answer }, shape)
}

/// A page that is there already.
pub(super) fn page(path: &'static str, handler: fn(&Desk, &View) -> Answer) -> Route {
    let answer = Box::new(move |desk: &Desk, view: &View, _: Input| Ok(handler(desk, view)));
    Route::new((Method::GET, path), Work::Look { fresh: false, answer }, Shape::default())
}

/// Something whose answer is not made of a type of ours. The handler is told the path as the table has it.
pub(super) fn raw(
    (method, path): (Method, &'static str),
    room: Room,
    handler: fn(&Desk, &'static str, Input) -> Result<Answer, Refusal>,
) -> Route {
    let answer = Box::new(move |desk: &Desk, input: Input| handler(desk, path, input));
    Route::new((method, path), Work::Wait { room, answer }, Shape::default())
}

fn written<T: Serialize>(reply: Reply<T>) -> Result<Answer, Refusal> {
    let body = serde_json::to_vec(&reply.shown).map_err(|error| {
        tracing::error!(%error, "an answer does not serialise");
        Refusal::internal("the answer could not be written")
    })?;
    Ok(Answer { status: reply.status, media_type: JSON, body: body.into() })
}

impl Route {
    fn new((method, path): (Method, &'static str), work: Work, shape: Shape) -> Self {
        Self {
            method,
            path,
            needs: Needs::Caller,
            work,
            body_max: BODY_BYTES_MAX,
            id: "",
            summary: "",
            statuses: &[(200, "Done.")],
            refusals: &[],
            media_type: JSON,
            shape,
        }
    }

    /// What the document calls it.
    pub(super) const fn named(mut self, id: &'static str, summary: &'static str) -> Self {
        (self.id, self.summary) = (id, summary);
        self
    }

    /// For others than callers with a token.
    pub(super) const fn for_whom(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// Something to be done rather than asked.
    pub(super) fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The file is looked at for it.
    pub(super) fn afresh(mut self) -> Self {
        if let Work::Look { fresh, .. } = &mut self.work {
            *fresh = true;
        }
        self
    }

    /// It takes more, or less, than a page of text.
    pub(super) const fn with_body_of(mut self, bytes_max: usize) -> Self {
        self.body_max = bytes_max;
        self
    }

    /// What it answers, where that is not 200 alone.
    pub(super) const fn answering(mut self, statuses: &'static [(u16, &'static str)]) -> Self {
        self.statuses = statuses;
        self
    }

    /// What it may refuse with.
    pub(super) const fn refusing(mut self, refusals: &'static [(u16, &'static str)]) -> Self {
        self.refusals = refusals;
        self
    }

    /// It takes an object that is somebody else's.
    pub(super) fn taking_an_object(mut self) -> Self {
        self.shape.body = Some(ObjectBuilder::new().schema_type(Type::Object).build().into());
        self
    }

    /// What it gives is no JSON.
    pub(super) const fn giving(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self
    }

    /// The names in its path.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether a body is taken.
    pub(super) const fn takes_body(&self) -> bool {
        self.shape.body.is_some()
    }
}

impl Shape {
    fn of<Query: IntoParams>() -> Self {
        Self { parameters: Query::into_params(|| Some(ParameterIn::Query)), ..Self::default() }
    }

    fn takes<B: FromBody>(&mut self) {
        (self.body, self.body_is_optional) = (B::schema(&mut self.schemas), B::IS_OPTIONAL);
    }

    fn answers<T: ToSchema>(&mut self) {
        self.answer = Some(schema_of::<T>(&mut self.schemas));
    }
}

/// A reference to a type, which is put among the schemas with all that it names.
pub(super) fn schema_of<T: ToSchema>(schemas: &mut Vec<Named>) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}
