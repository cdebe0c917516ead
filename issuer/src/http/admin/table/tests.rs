use super::super::place::Located;
use super::super::route::{About, Needs};
use super::*;
use std::collections::BTreeSet;

#[test]
fn every_route_stands_there_once_and_says_what_it_is() {
    let routes = table();
    let ids: BTreeSet<_> = routes.iter().map(|route| route.id).collect();
    let places: BTreeSet<_> = routes.iter().map(|route| (route.method.as_str(), route.path)).collect();
    assert_eq!((ids.len(), places.len()), (routes.len(), routes.len()));
    for route in &routes {
        assert!(!route.id.is_empty() && !route.summary.is_empty(), "{}", route.path);
        assert!(route.path.starts_with('/') && !route.path.ends_with('/'), "{}", route.path);
    }
}

#[test]
fn a_handler_gets_what_its_path_names_and_the_guard_knows_every_name() {
    let known: BTreeSet<&str> = [
        <brink_license::TenantId as Located>::NAMES,
        <brink_license::DeviceId as Located>::NAMES,
        <crate::access::KeyId as Located>::NAMES,
        <(brink_license::TenantId, i64) as Located>::NAMES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect();
    for route in table() {
        let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let named: Vec<_> = parts.collect();
        assert_eq!(named, route.names, "{}", route.path);
        assert!(named.iter().all(|name| known.contains(name)), "{}", route.path);
        assert_eq!(named.is_empty(), route.about != About::Named, "{}", route.path);
    }
}

#[test]
fn a_route_needs_a_scope_of_its_kind_or_is_one_of_two_that_every_key_may_see() {
    let free: Vec<_> =
        table().iter().filter(|route| route.needs == Needs::AnyKey).map(|route| route.path).collect();
    assert_eq!(free, ["/openapi.json", "/self"]);
    for route in table() {
        let Needs::Scope(scope) = route.needs else { continue };
        let right = if route.method.is_safe() { ":read" } else { ":write" };
        assert!(scope.as_str().ends_with(right), "{} {} takes {scope}", route.method, route.path);
    }
}

#[test]
fn every_scope_opens_something() {
    let used: BTreeSet<_> = table().iter().map(|route| route.needs.as_str()).collect();
    for scope in Scope::all().filter(|scope| ![Scope::Everything, Scope::Legacy].contains(scope)) {
        assert!(used.contains(scope.as_str()), "{scope} opens nothing");
    }
}
