//! The document of the API (OpenAPI 3.1), and the tables of the guide: both from the table of routes.

use super::ROOT;
use super::route::{About, Needs, Route};
use super::table::table;
use axum::http::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, Ref, Required, ServerBuilder,
};

const SECURITY: &str = "api_key";
const PROBLEM: &str = "Problem";

/// The document, as it is served and committed.
pub fn document() -> serde_json::Value {
    let mut value = serde_json::to_value(openapi()).unwrap_or_default();
    close(&mut value);
    value
}

/// What a body takes is all that it takes. The types say so to the reader, and here to whoever reads the document.
fn close(document: &mut serde_json::Value) {
    let routes = table();
    let taken: Vec<_> = routes.iter().filter(|route| route.takes_body).collect();
    for route in taken {
        let pointer = format!(
            "/paths/{}/{}/requestBody/content/application~1json/schema/$ref",
            format!("{ROOT}{}", route.path).replace('~', "~0").replace('/', "~1"),
            route.method.as_str().to_ascii_lowercase()
        );
        let named = document.pointer(&pointer).and_then(|named| named.as_str());
        let Some(name) = named.map(|named| named.trim_start_matches('#').to_owned()) else { continue };
        if let Some(schema) = document.pointer_mut(&name) {
            schema["additionalProperties"] = json!(false);
        }
    }
}

fn openapi() -> OpenApi {
    let (mut paths, mut schemas) = (BTreeMap::<String, PathItem>::new(), BTreeMap::new());
    for route in table() {
        let operation = operation(&route);
        schemas.extend(route.shape.schemas);
        let item = PathItem::new(http_method(&route.method), operation);
        paths.entry(format!("{ROOT}{}", route.path)).or_default().merge_operations(item);
    }
    schemas.insert(PROBLEM.to_owned(), problem().into());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("brk_<id>_<secret>");
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(SECURITY, SecurityScheme::Http(bearer.build()))
        .build();
    let info = InfoBuilder::new()
        .title("Brink issuer: admin API")
        .description(Some("What an admin of an issuer does. docs/HTTP_API.md explains its use."))
        .version("1");
    let paths = paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .paths(paths.build())
        .components(Some(components))
        .build()
}

fn operation(route: &Route) -> Operation {
    let needs: &[&str] = match &route.needs {
        Needs::Scope(scope) => &[scope.as_str()],
        Needs::AnyKey => &[],
    };
    let parameters =
        path_parameters(route).chain(route.shape.parameters.iter().cloned()).chain(headers(route));
    let body = route.shape.body.clone().map(|schema| {
        let content = ContentBuilder::new().schema(Some(schema)).build();
        RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build()
    });
    let tag = route.path.rsplit('/').find(|part| !part.contains('{')).unwrap_or("");
    let operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary))
        .description(Some(format!("Needs {}.", needed(route))))
        .tag(tag.trim_end_matches(".json"))
        .parameters(Some(parameters))
        .request_body(body)
        .security(SecurityRequirement::new(SECURITY, needs.iter().copied()));
    responses(route, operation).build()
}

fn needed(route: &Route) -> String {
    match route.needs {
        Needs::Scope(scope) => format!("the scope `{scope}`"),
        Needs::AnyKey => "any key".to_owned(),
    }
}

fn responses(route: &Route, operation: OperationBuilder) -> OperationBuilder {
    let content = ContentBuilder::new().schema(Some(route.shape.answer.clone())).build();
    let mut done = ResponseBuilder::new().description("Done.").content("application/json", content);
    for (name, what) in [
        ("x-request-id", "The request's id, under which the issuer's log speaks of it."),
        ("ratelimit", "What is left to the key: `r` requests, all again in `t` seconds."),
    ] {
        done = done.header(name, HeaderBuilder::new().schema(Some(text())).description(Some(what)).build());
    }
    let operation = operation.response(route.status.to_string(), done.build());
    refusals(route).into_iter().fold(operation, |operation, (status, what)| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
        let refused = ResponseBuilder::new().description(what).content("application/problem+json", content);
        operation.response(status.to_string(), refused.build())
    })
}

/// What a route may refuse with.
fn refusals(route: &Route) -> Vec<(u16, &'static str)> {
    let mut refusals = vec![
        (400, "The path, the query, a header or the body is not what this path takes."),
        (401, "No key, or none that is in force."),
        (403, "The key lacks the scope, or is for one tenant alone."),
        (408, "The request took too long."),
        (429, "Too many requests; Retry-After says when."),
        (500, "The issuer failed."),
        (503, "The issuer is busy; Retry-After says when."),
    ];
    if route.about == About::Named {
        refusals.push((404, "There is no such thing, or none for this key."));
    }
    if !route.method.is_safe() {
        refusals.push((404, "What the body names is not there, or not for this key."));
        refusals.push((409, "It contradicts what is on record."));
        refusals.push((413, "The body is too large."));
        refusals.push((422, "The body breaks a rule."));
    }
    if route.takes_body {
        refusals.push((415, "The body does not say that it is JSON."));
    }
    if route.path.ends_with("/usage") {
        refusals.push((422, "The query breaks a rule."));
    }
    if route.is_conditional {
        refusals.push((412, "It has changed since it was looked at; ETag says what it is now."));
        refusals.push((428, "It would overwrite something; send If-Match."));
    }
    refusals
}

fn path_parameters(route: &Route) -> impl Iterator<Item = Parameter> {
    route.names.iter().map(|name| {
        let schema = match *name {
            "number" => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Int64)))
                .minimum(Some(1)),
            "key" => ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{12}$")),
            _ => ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)),
        };
        ParameterBuilder::new()
            .name(*name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(schema.build()))
            .build()
    })
}

fn headers(route: &Route) -> impl Iterator<Item = Parameter> {
    let named = |name: &str, what: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(what))
            .schema(Some(schema.build()))
            .build()
    };
    let line = || ObjectBuilder::new().schema_type(Type::String);
    let repeated = route.may_be_repeated().then(|| {
        let schema = line().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
        let what =
            "What this request calls itself: sent again within a day, it is answered again and done once.";
        named("Idempotency-Key", what, schema)
    });
    let conditional = route.is_conditional.then(|| {
        let schema = line().pattern(Some("^(\\*|\"[!#-~]*\")$"));
        named("If-Match", "The ETag of what was looked at.", schema)
    });
    repeated.into_iter().chain(conditional)
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

/// RFC 9457, with a stable code.
fn problem() -> Object {
    let integer = ObjectBuilder::new().schema_type(Type::Integer).build();
    let members = [
        ("type", "Always about:blank: the code says what it is."),
        ("title", "The status in words."),
        ("code", "A stable word for programs."),
        ("detail", "What was wrong, and what helps."),
        ("instance", "The request's id as a URN, under which the issuer's log speaks of it."),
    ];
    let problem = members.into_iter().fold(ObjectBuilder::new(), |problem, (name, what)| {
        let member = ObjectBuilder::new().schema_type(Type::String).description(Some(what));
        problem.property(name, member.build()).required(name)
    });
    problem.property("status", integer).required("status").description(Some("Why it was not done.")).build()
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        _ => HttpMethod::Get,
    }
}

/// The tables of docs/HTTP_API.md: every route, and what it answers to whom.
pub fn guide_tables() -> String {
    let mut text = String::from(
        "| Method | Path | Scope | No key | Another scope | A key of another tenant |\n|---|---|---|---|---|---|\n",
    );
    for route in table() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | `{ROOT}{}` | `{}` | 401 | {} | {} |",
            route.method,
            route.path,
            route.needs.as_str(),
            if route.needs == Needs::AnyKey { "–" } else { "403" },
            foreign(&route)
        );
    }
    text
}

/// What a key of another tenant gets.
pub(super) fn foreign(route: &Route) -> &'static str {
    match route.about {
        About::Named => "404",
        About::Own => "its own",
        About::Issuer => "403",
    }
}
