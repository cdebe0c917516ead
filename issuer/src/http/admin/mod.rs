//! The admin API under `/v1/admin`: parses, asks who it is, calls the use case, maps. Rules live elsewhere.
//!
//! [`table`] has every route once; the router, the document and the table of who may do what are made of it.

mod denials;
mod desk;
mod document;
mod etag;
mod failure;
mod input;
mod limits;
mod page;
mod place;
mod repeat;
mod resources;
mod route;
mod shape;
mod table;

use super::observe::observed;
use crate::config::AdminConfig;
use crate::issuer::Issuer;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use desk::Desk;
pub use document::{document, guide_tables};
use failure::Failure;
use std::sync::Arc;
use table::table;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// What every path of the admin API begins with.
pub const ROOT: &str = "/v1/admin";

/// The admin API. There is no CORS: a browser's script from elsewhere has no business here.
pub fn admin_router(issuer: Arc<Issuer>, config: &AdminConfig) -> Router {
    let metrics = issuer.metrics().clone();
    let desk = Arc::new(Desk::new(issuer, config));
    let mut router = Router::new();
    for route in table() {
        let (desk, path, filter) =
            (Arc::clone(&desk), format!("{ROOT}{}", route.path), filter(&route.method));
        let route = Arc::new(route);
        let handler = move |request: Request| Arc::clone(&desk).answer(Arc::clone(&route), request);
        router = router.route(&path, on(filter, handler));
    }
    let router = router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::map_response(careful))
        .layer(RequestBodyTimeoutLayer::new(config.serve.body_timeout));
    observed(router, &metrics, "admin")
}

/// What every answer says: nobody keeps it, and nobody takes it for anything but what it says it is.
async fn careful(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

const fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        _ => MethodFilter::GET,
    }
}

async fn not_found(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    Failure::unknown("NOT_FOUND", format!("there is no such path; {ROOT}/openapi.json names all"))
        .answer(desk::request_id(&parts))
}

async fn method_not_allowed(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    Failure::method_not_allowed().answer(desk::request_id(&parts))
}
