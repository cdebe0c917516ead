//! The document of the API (OpenAPI 3.1), from the table of routes.

use super::refusal::Refused;
use super::route::{Needs, Route, schema_of};
use super::table::table;
use axum::http::Method;
use std::collections::BTreeMap;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, RefOr,
    Required, ServerBuilder,
};

const SECURITY: &str = "token";
const JSON: &str = "application/json";

/// The document, as it is served and committed.
#[must_use]
pub fn document() -> serde_json::Value {
    serde_json::to_value(openapi()).unwrap_or_default()
}

fn openapi() -> OpenApi {
    let (mut paths, mut schemas) = (BTreeMap::<String, PathItem>::new(), BTreeMap::new());
    let mut refused = Vec::new();
    let refusal = schema_of::<Refused>(&mut refused);
    for route in table() {
        let operation = operation(&route, &refusal);
        schemas.extend(route.shape.schemas);
        let item = PathItem::new(http_method(&route.method), operation);
        paths.entry(route.path.to_owned()).or_default().merge_operations(item);
    }
    schemas.extend(refused);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(SECURITY, SecurityScheme::Http(bearer))
        .build();
    let info = InfoBuilder::new()
        .title("Brink agent: local API")
        .description(Some("What programs on a device ask its agent. docs/LOCAL_API.md explains its use."))
        .version("1");
    let paths = paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths.build())
        .components(Some(components))
        .build()
}

fn operation(route: &Route, refusal: &RefOr<Schema>) -> Operation {
    let parameters = path_parameters(route).chain(route.shape.parameters.iter().cloned());
    let body = route.shape.body.clone().map(|schema| {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let required = if route.shape.body_is_optional { Required::False } else { Required::True };
        RequestBodyBuilder::new().content(JSON, content).required(Some(required)).build()
    });
    let tag = route.path.trim_start_matches("/api/v1").split('/').nth(1).unwrap_or("agent");
    let operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .description(Some(needed(route.needs)))
        .tag(tag)
        .parameters(Some(parameters))
        .request_body(body);
    let operation = match route.needs {
        Needs::Nothing => operation,
        Needs::Caller | Needs::Console => {
            operation.security(SecurityRequirement::new(SECURITY, [] as [&str; 0]))
        }
    };
    responses(route, refusal, operation).build()
}

const fn needed(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "Needs no token.",
        Needs::Caller => "Needs the token on the loopback; the agent's socket needs none.",
        Needs::Console => {
            "Needs the token on the loopback, unless a page of --cors-origin asks; the agent's socket needs none."
        }
    }
}

fn responses(route: &Route, refusal: &RefOr<Schema>, operation: OperationBuilder) -> OperationBuilder {
    let answer = route.shape.answer.clone();
    let operation = route.statuses.iter().fold(operation, |operation, (status, what)| {
        let content = ContentBuilder::new().schema(answer.clone()).build();
        let done = ResponseBuilder::new().description(*what).content(route.media_type, content);
        operation.response(status.to_string(), done.build())
    });
    // What the console's billing server refuses with is its own.
    let is_foreign =
        |status: u16| route.needs == Needs::Console && matches!(status, 400 | 404 | 409 | 422 | 429);
    refusals(route).into_iter().fold(operation, |operation, (status, what)| {
        let schema = if is_foreign(status) { None } else { Some(refusal.clone()) };
        let content = ContentBuilder::new().schema(schema).build();
        let refused = ResponseBuilder::new().description(what).content(JSON, content);
        operation.response(status.to_string(), refused.build())
    })
}

/// What a route may refuse with, its own words last.
fn refusals(route: &Route) -> BTreeMap<u16, &'static str> {
    let mut refusals = BTreeMap::from([
        (403, "A page of another origin asks."),
        (421, "The Host is not this machine."),
        (500, "The agent failed."),
        (503, "The agent is busy; Retry-After says when to ask again."),
    ]);
    if route.needs != Needs::Nothing {
        refusals.insert(401, "No token, or another one.");
    }
    refusals.insert(400, "The path, the query or the body is not what this path takes.");
    if route.takes_body() {
        refusals.extend([
            (408, "The body did not arrive in time."),
            (413, "The body is too large."),
            (415, "The body does not say that it is JSON."),
        ]);
    }
    refusals.extend(route.refusals.iter().copied());
    refusals
}

fn path_parameters(route: &Route) -> impl Iterator<Item = Parameter> {
    route.names().map(|name| {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(schema.build()))
            .build()
    })
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}
