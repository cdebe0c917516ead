//! A route: what it takes and gives, who may use it, and what it does. There is no other way to make one than to say which
//! scope it needs, and what it takes and gives are the types of its handler, so that the document cannot say anything else.

use super::etag::IfMatch;
use super::failure::Failure;
use super::input;
use super::place::{Located, Named};
use super::shape::Shape;
use crate::access::{Credential, Scope};
use crate::admin::Admin;
use crate::issuer::Issuer;
use axum::http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Largest body of most paths: a page of text.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What a key has to have for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// This scope.
    Scope(Scope),
    /// To be in force, whatever it may do.
    AnyKey,
}

/// What a route is about, for a key that is for one tenant alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Something that its path names, of one tenant.
    Named,
    /// What belongs to the key's tenant, or to all where it is for all.
    Own,
    /// The issuer as a whole: for keys that are for all tenants.
    Issuer,
}

/// What a handler works with.
pub(super) struct Context {
    /// The use cases, as whoever has the key. Its storage may stand inside of a transaction.
    pub(super) admin: Admin,
    /// What signs. Its own storage is beside any transaction.
    pub(super) issuer: Arc<Issuer>,
    pub(super) credential: Arc<Credential>,
    pub(super) if_match: IfMatch,
}

/// One call of a handler.
pub(super) struct Call<'c, At, Query, Body> {
    pub(super) context: &'c Context,
    pub(super) at: At,
    pub(super) query: Query,
    pub(super) body: Body,
}

/// What a handler gives.
pub(super) struct Reply<T> {
    pub(super) shown: T,
    pub(super) etag: Option<String>,
}

impl<T> From<T> for Reply<T> {
    fn from(shown: T) -> Self {
        Self { shown, etag: None }
    }
}

impl<T: Serialize> Reply<T> {
    /// With the version of what is shown.
    pub(super) fn versioned(shown: T) -> Self {
        Self { etag: super::etag::etag(&shown), shown }
    }
}

pub(super) type Handled<T> = Result<Reply<T>, Failure>;

/// An answer as it is sent, and remembered.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) body: String,
}

/// What came, beside the path.
pub(super) struct Input {
    pub(super) query: Option<String>,
    pub(super) body: axum::body::Bytes,
}

type Run = Box<dyn Fn(&Context, &Named, &Input) -> Result<Answer, Failure> + Send + Sync>;

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    /// Below `/v1/admin`.
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    pub(super) about: About,
    /// The operation's name in the document.
    pub(super) id: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    pub(super) body_max: usize,
    /// Whether it takes a body.
    pub(super) takes_body: bool,
    /// Whether it may overwrite something, and so takes `If-Match`.
    pub(super) is_conditional: bool,
    /// What it answers when all is well.
    pub(super) status: u16,
    pub(super) shape: Shape,
    /// The names that its handler wants of its path.
    pub(super) names: &'static [&'static str],
    run: Run,
}

/// A question.
pub(super) fn get<At: Located, Query, T>(
    path: &'static str,
    needs: impl Into<Needs>,
    handler: fn(Call<'_, At, Query, ()>) -> Handled<T>,
) -> Route
where
    Query: DeserializeOwned + IntoParams + 'static,
    T: Serialize + ToSchema + 'static,
{
    let run = Box::new(move |context: &Context, named: &Named, input: &Input| {
        let query = input::query(input.query.as_deref())?;
        written(handler(Call { context, at: at(named)?, query, body: () })?, 200)
    });
    let shape = Shape::of_question::<Query, T>();
    Route { names: At::NAMES, ..Route::new((Method::GET, path), needs.into(), shape, run) }
}

/// Something to be done with what comes in a body.
pub(super) fn with_body<At: Located, Body, T>(
    method: Method,
    path: &'static str,
    needs: impl Into<Needs>,
    handler: fn(Call<'_, At, (), Body>) -> Handled<T>,
) -> Route
where
    Body: DeserializeOwned + ToSchema + 'static,
    T: Serialize + ToSchema + 'static,
{
    let run = Box::new(move |context: &Context, named: &Named, input: &Input| {
        let NoQuery {} = input::query(input.query.as_deref())?;
        let body = input::json(&input.body)?;
        written(handler(Call { context, at: at(named)?, query: (), body })?, 200)
    });
    let shape = Shape::of_order::<Body, T>();
    Route { names: At::NAMES, takes_body: true, ..Route::new((method, path), needs.into(), shape, run) }
}

/// Something to be done about which the path says all.
pub(super) fn act<At: Located, T>(
    path: &'static str,
    needs: impl Into<Needs>,
    handler: fn(Call<'_, At, (), ()>) -> Handled<T>,
) -> Route
where
    T: Serialize + ToSchema + 'static,
{
    let run = Box::new(move |context: &Context, named: &Named, input: &Input| {
        let NoQuery {} = input::query(input.query.as_deref())?;
        if !input.body.is_empty() {
            return Err(Failure::malformed("MALFORMED", "this path takes no body"));
        }
        written(handler(Call { context, at: at(named)?, query: (), body: () })?, 200)
    });
    let shape = Shape::of_act::<T>();
    Route { names: At::NAMES, ..Route::new((Method::POST, path), needs.into(), shape, run) }
}

/// Something to be added, or done.
pub(super) fn post<At: Located, Body, T>(
    path: &'static str,
    needs: impl Into<Needs>,
    handler: fn(Call<'_, At, (), Body>) -> Handled<T>,
) -> Route
where
    Body: DeserializeOwned + ToSchema + 'static,
    T: Serialize + ToSchema + 'static,
{
    with_body(Method::POST, path, needs, handler)
}

fn at<At: Located>(named: &Named) -> Result<At, Failure> {
    At::of(named).ok_or_else(Failure::internal)
}

fn written<T: Serialize>(reply: Reply<T>, status: u16) -> Result<Answer, Failure> {
    let body = serde_json::to_string(&reply.shown).map_err(|error| {
        tracing::error!(%error, "an answer does not serialise");
        Failure::internal()
    })?;
    Ok(Answer { status, etag: reply.etag, body })
}

/// Every parameter is refused.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

impl IntoParams for NoQuery {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        Vec::new()
    }
}

impl From<Scope> for Needs {
    fn from(scope: Scope) -> Self {
        Self::Scope(scope)
    }
}

impl Needs {
    /// The word in documents and refusals.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Scope(scope) => scope.as_str(),
            Self::AnyKey => "any key",
        }
    }
}

impl Route {
    fn new((method, path): (Method, &'static str), needs: Needs, shape: Shape, run: Run) -> Self {
        let about = if path.contains('{') { About::Named } else { About::Issuer };
        Self {
            method,
            path,
            needs,
            about,
            id: "",
            summary: "",
            body_max: BODY_BYTES_MAX,
            takes_body: false,
            is_conditional: false,
            status: 200,
            shape,
            names: &[],
            run,
        }
    }

    /// What the document calls it.
    pub(super) const fn named(mut self, id: &'static str, summary: &'static str) -> Self {
        (self.id, self.summary) = (id, summary);
        self
    }

    /// For every key, which sees what belongs to its tenant.
    pub(super) const fn of_own(mut self) -> Self {
        self.about = About::Own;
        self
    }

    /// It makes something new.
    pub(super) const fn creates(mut self) -> Self {
        self.status = 201;
        self
    }

    /// It may overwrite something.
    pub(super) const fn conditional(mut self) -> Self {
        self.is_conditional = true;
        self
    }

    /// It takes more than a page of text.
    pub(super) const fn with_body_of(mut self, bytes_max: usize) -> Self {
        self.body_max = bytes_max;
        self
    }

    /// Whether a request that is sent again may be answered again.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.method == Method::POST
    }

    pub(super) fn run(&self, context: &Context, named: &Named, input: &Input) -> Result<Answer, Failure> {
        let answer = (self.run)(context, named, input)?;
        Ok(Answer { status: self.status, ..answer })
    }
}
