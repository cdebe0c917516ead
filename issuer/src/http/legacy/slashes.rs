//! A base address that ends with a slash gives paths with two: they are the same paths, and never a redirect, because the client
//! that follows one sends its body no more.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use std::convert::Infallible;
use std::task::{Context, Poll};
use tower_service::Service;

/// A router that takes several slashes for one.
#[derive(Clone, Debug)]
pub(in crate::http) struct Slashes(pub(in crate::http) Router);

impl Service<Request> for Slashes {
    type Response = Response;
    type Error = Infallible;
    type Future = axum::routing::future::RouteFuture<Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        <Router as Service<Request>>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Some(uri) = single(request.uri()) {
            *request.uri_mut() = uri;
        }
        self.0.call(request)
    }
}

/// The same with single slashes in its path; `None` where it has these already.
fn single(uri: &Uri) -> Option<Uri> {
    if !uri.path().contains("//") {
        return None;
    }
    let mut path = String::with_capacity(uri.path().len());
    for letter in uri.path().chars() {
        if letter != '/' || !path.ends_with('/') {
            path.push(letter);
        }
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_single_in_paths_and_left_alone_in_queries() {
        let of = |text: &str| single(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(of("/api/v1//licenses/validate").as_deref(), Some("/api/v1/licenses/validate"));
        assert_eq!(of("//health").as_deref(), Some("/health"));
        assert_eq!(of("/a///b//?x=//").as_deref(), Some("/a/b/?x=//"));
        assert_eq!(of("/api/v1/health?a=//"), None);
    }
}
