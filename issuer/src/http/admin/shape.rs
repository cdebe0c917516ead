//! What a route takes and gives, as the document says it: from the types of its handler.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, ToSchema};

/// The name and the schema of a type.
pub(super) type Named = (String, RefOr<Schema>);

/// What goes in and comes out.
pub(super) struct Shape {
    /// What may stand behind the question mark.
    pub(super) parameters: Vec<Parameter>,
    /// What the body is.
    pub(super) body: Option<RefOr<Schema>>,
    /// What the answer is.
    pub(super) answer: RefOr<Schema>,
    /// Every type that these name.
    pub(super) schemas: Vec<Named>,
}

impl Shape {
    pub(super) fn of_question<Query: IntoParams, T: ToSchema>() -> Self {
        let parameters = Query::into_params(|| Some(ParameterIn::Query));
        Self { parameters, ..Self::of_act::<T>() }
    }

    pub(super) fn of_order<Body: ToSchema, T: ToSchema>() -> Self {
        let mut shape = Self::of_act::<T>();
        shape.body = Some(named::<Body>(&mut shape.schemas));
        shape
    }

    pub(super) fn of_act<T: ToSchema>() -> Self {
        let mut schemas = Vec::new();
        let answer = named::<T>(&mut schemas);
        Self { parameters: Vec::new(), body: None, answer, schemas }
    }
}

fn named<T: ToSchema>(schemas: &mut Vec<Named>) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}
