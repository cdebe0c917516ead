//! The door: what may come in at all, who it is from, and what a browser is told.
//!
//! The loopback is shared by everybody on the machine and by every page in a browser on it. So a request has to be meant for
//! this machine (a name that was made to lead here is refused), come from no page but the console's, and show the token.

use super::desk::Desk;
use super::options::Origin;
use super::refusal::Refusal;
use super::route::Needs;
use crate::command::Secret;
use crate::local::Peer;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, HOST, ORIGIN, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What a page may ask for.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// By which way a connection came. It is set by the listener, and comes from nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The loopback: anybody on this machine.
    Loopback,
    /// The socket, whose permissions let the caller in; the kernel's word on who it is.
    Socket(Peer),
}

/// What is asked of whoever comes.
#[derive(Debug)]
pub(super) struct Door {
    /// The token, and who can have read it.
    pub(super) token: Option<(Secret, Peer)>,
    pub(super) origin: Option<Origin>,
}

impl Door {
    /// Whether a request is meant for this machine, and from no page of anybody's.
    fn check(&self, way: Way, head: &Parts) -> Result<(), Refusal> {
        if way == Way::Loopback && !is_for_this_machine(head) {
            let error = "the Host of the request is not this machine";
            let mend = "ask 127.0.0.1, [::1] or localhost by that name";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "FOREIGN_HOST", error, mend));
        }
        if head.headers.contains_key(ORIGIN) && !self.is_console(&head.headers) {
            let error = "pages from this origin may not ask";
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "FOREIGN_ORIGIN",
                error,
                "start the agent with --cors-origin and that origin",
            ));
        }
        Ok(())
    }

    /// Whether the one page that may ask asks.
    fn is_console(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (&self.origin, origins.next(), origins.next()) {
            (Some(console), Some(origin), None) => origin.as_bytes() == console.as_str().as_bytes(),
            (Some(_) | None, _, _) => false,
        }
    }

    /// Who asks, if they may ask for this.
    pub(super) fn admit(&self, way: Way, head: &HeaderMap, needs: Needs) -> Result<Peer, Refusal> {
        if let Way::Socket(peer) = way {
            return Ok(peer);
        }
        let shown = bearer(head);
        match (&self.token, shown, needs) {
            (Some((token, readers)), Some(shown), _) if is_same(token, shown) => Ok(*readers),
            // Whoever may read this page may do nothing by it.
            (_, _, Needs::Nothing) => Ok(Peer::Host),
            (_, None, Needs::Console) if self.is_console(head) => Ok(Peer::Host),
            (_, None, Needs::Caller | Needs::Console) => {
                Err(unauthorised("TOKEN_MISSING", "no token was shown"))
            }
            (_, Some(_), Needs::Caller | Needs::Console) => {
                Err(unauthorised("TOKEN_WRONG", "the token that was shown is not this agent's"))
            }
        }
    }

    /// What a browser has to be told about an answer.
    fn tell(&self, console: bool, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.origin.is_some() {
            headers.insert(VARY, HeaderValue::from_static("origin"));
        }
        let origin = self.origin.as_ref().filter(|_| console);
        if let Some(Ok(origin)) = origin.map(|origin| HeaderValue::from_str(origin.as_str())) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

fn unauthorised(code: &'static str, error: &str) -> Refusal {
    let mend = "send Authorization: Bearer and what the file of --api-token-file holds";
    Refusal::new(StatusCode::UNAUTHORIZED, code, error, mend)
}

/// Every request goes through here, also one for a path that there is not.
pub(super) async fn enter(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let way = head.extensions.get::<Way>().copied().unwrap_or(Way::Loopback);
    let door = &desk.door;
    let console = door.is_console(&head.headers);
    let mut response = match door.check(way, &head) {
        Err(refusal) => refusal.into_response(),
        Ok(()) if is_preflight(&head) => preflight(),
        Ok(()) => next.run(Request::from_parts(head, body)).await,
    };
    door.tell(console, response.headers_mut());
    desk.tally.answered(response.status());
    response
}

/// A page's question whether it may ask (Fetch, section 3.3.2). One from elsewhere has been refused by now.
fn is_preflight(head: &Parts) -> bool {
    let asks = |name: HeaderName| head.headers.contains_key(name);
    head.method == Method::OPTIONS && asks(ORIGIN) && asks(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers, Body::empty()).into_response()
}

/// The scheme in any case, and blanks around the token (RFC 9110, section 11.4). An empty token is none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, shown) = text.trim().split_once(' ')?;
    let shown = shown.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !shown.is_empty()).then_some(shown)
}

/// Takes as long for every token of the right length, so that nobody finds it a character at a time.
fn is_same(token: &Secret, shown: &str) -> bool {
    token.reveal().as_bytes().ct_eq(shown.as_bytes()).into()
}

/// Whether every name that the request gives its target is one of the loopback: a page whose name was made to lead to
/// 127.0.0.1 still says that name.
fn is_for_this_machine(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let target = head.uri.authority().map(|authority| authority.as_str());
    host.to_str().is_ok_and(is_loopback) && target.is_none_or(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()),
        None if host.eq_ignore_ascii_case("localhost") => true,
        None => host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() && ip.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const CONSOLE: &str = "http://localhost:5173";

    fn door(readers: Peer, origin: Option<&str>) -> Door {
        let origin = origin.map(|origin| Origin::parse(origin).unwrap());
        Door { token: Some((Secret::new(TOKEN), readers)), origin }
    }

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder().uri("/api/v1/license");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn code<T>(answer: Result<T, Refusal>) -> String {
        answer.err().map_or_else(String::new, |refusal| refusal.said.code)
    }

    #[test]
    fn only_this_machine_is_asked_by_its_names() {
        let door = door(Peer::Host, None);
        for good in ["localhost", "LocalHost:80", "127.0.0.1:8090", "127.9.9.9", "[::1]", "[::1]:8090"] {
            assert!(door.check(Way::Loopback, &head(&[("host", good)])).is_ok(), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:8090",
            "localhost.evil.example",
            "localhost.",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "::1",
            "0.0.0.0",
            "localhost:x",
            "a@localhost",
            "[::1]x:80",
        ] {
            let head = head(&[("host", bad)]);
            assert_eq!(code(door.check(Way::Loopback, &head)), "FOREIGN_HOST", "{bad}");
            assert!(door.check(Way::Socket(Peer::Host), &head).is_ok(), "no name leads to a socket");
        }
        assert_eq!(code(door.check(Way::Loopback, &head(&[]))), "FOREIGN_HOST");
        let twice = head(&[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(code(door.check(Way::Loopback, &twice)), "FOREIGN_HOST");
        let mut elsewhere = head(&[("host", "localhost")]);
        elsewhere.uri = "http://evil.example/health".parse().unwrap();
        assert_eq!(code(door.check(Way::Loopback, &elsewhere)), "FOREIGN_HOST");
    }

    #[test]
    fn pages_ask_from_the_one_origin_alone() {
        for (configured, sent, may) in [
            (Some(CONSOLE), Some(CONSOLE), true),
            (Some(CONSOLE), None, true),
            (None, None, true),
            (None, Some(CONSOLE), false),
            (Some(CONSOLE), Some("http://localhost:5174"), false),
            (Some(CONSOLE), Some("http://localhost"), false),
            (Some(CONSOLE), Some("null"), false),
            (Some(CONSOLE), Some("http://evil.example"), false),
        ] {
            let mut headers = vec![("host", "localhost")];
            headers.extend(sent.map(|sent| ("origin", sent)));
            let answer = door(Peer::Host, configured).check(Way::Loopback, &head(&headers));
            assert_eq!(code(answer), if may { "" } else { "FOREIGN_ORIGIN" }, "{configured:?} {sent:?}");
        }
        let twice = head(&[("host", "localhost"), ("origin", CONSOLE), ("origin", "http://evil.example")]);
        assert_eq!(code(door(Peer::Host, Some(CONSOLE)).check(Way::Loopback, &twice)), "FOREIGN_ORIGIN");
    }

    #[test]
    fn the_token_says_who_asks_and_a_wrong_one_nothing() {
        let door = door(Peer::Owner, Some(CONSOLE));
        let ask = |headers: &[(&str, &str)], needs| door.admit(Way::Loopback, &head(headers).headers, needs);
        let bearer = format!("Bearer {TOKEN}");
        for good in [bearer.clone(), format!("bearer   {TOKEN} "), format!("BEARER {TOKEN}")] {
            assert_eq!(ask(&[("authorization", &good)], Needs::Caller).unwrap(), Peer::Owner, "{good}");
        }
        for bad in ["Bearer 0", &bearer[..bearer.len() - 1], &format!("{bearer}0"), &bearer.replace('f', "g")]
        {
            for needs in [Needs::Caller, Needs::Console] {
                let refused = ask(&[("authorization", bad), ("origin", CONSOLE)], needs);
                assert_eq!(code(refused), "TOKEN_WRONG", "{bad}");
            }
            assert_eq!(ask(&[("authorization", bad)], Needs::Nothing).unwrap(), Peer::Host);
        }
        for none in ["", "Bearer", "Bearer ", "Basic abc", TOKEN] {
            assert_eq!(code(ask(&[("authorization", none)], Needs::Caller)), "TOKEN_MISSING", "{none}");
        }
    }

    #[test]
    fn the_console_shows_no_token_and_gets_what_is_the_consoles_alone() {
        let from = [("host", "localhost"), ("origin", CONSOLE)];
        let with = door(Peer::Owner, Some(CONSOLE));
        let ask = |door: &Door, headers: &[(&str, &str)], needs| {
            door.admit(Way::Loopback, &head(headers).headers, needs).map(|_| ())
        };
        assert!(ask(&with, &from, Needs::Console).is_ok());
        assert_eq!(code(ask(&with, &from, Needs::Caller)), "TOKEN_MISSING");
        assert_eq!(code(ask(&with, &from[..1], Needs::Console)), "TOKEN_MISSING", "no page at all");
        assert_eq!(code(ask(&door(Peer::Owner, None), &from, Needs::Console)), "TOKEN_MISSING");
    }

    #[test]
    fn over_the_socket_the_kernel_says_who_asks() {
        let door = Door { token: None, origin: None };
        for peer in [Peer::Owner, Peer::Host] {
            assert_eq!(door.admit(Way::Socket(peer), &HeaderMap::new(), Needs::Caller).unwrap(), peer);
        }
        assert_eq!(code(door.admit(Way::Loopback, &HeaderMap::new(), Needs::Caller)), "TOKEN_MISSING");
    }
}
