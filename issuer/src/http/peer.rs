//! Who is at the other end of a connection, for the requests that come over it.

use axum::Router;
use axum::extract::Request;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tower_service::Service;

/// The address that a connection came from: a client's, or its proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer(pub(super) SocketAddr);

/// An application on one connection.
#[derive(Clone)]
pub(super) struct OnConnection {
    app: Router,
    peer: Peer,
}

impl OnConnection {
    pub(super) const fn new(app: Router, peer: SocketAddr) -> Self {
        Self { app, peer: Peer(peer) }
    }
}

impl<B> Service<axum::http::Request<B>> for OnConnection
where
    B: axum::body::HttpBody<Data = axum::body::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = axum::routing::future::RouteFuture<Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        <Router as Service<Request>>::poll_ready(&mut self.app, context)
    }

    fn call(&mut self, mut request: axum::http::Request<B>) -> Self::Future {
        // What a client sends is in its headers; an extension comes from nowhere but here.
        request.extensions_mut().insert(self.peer);
        self.app.call(request)
    }
}
