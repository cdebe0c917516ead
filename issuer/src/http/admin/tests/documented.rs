//! The document, the guide and the router say the same.

use super::super::table::table;
use super::super::{ROOT, document, guide_tables};
use super::Api;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the tables of the guide begin and end.
const TABLES: (&str, &str) = ("<!-- routes: made from the router, and checked -->\n", "<!-- /routes -->");

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// Compares, and leaves the fresh one where it can be copied from.
fn insist_fresh(name: &str, fresh: &str) {
    if std::fs::read_to_string(docs(name)).is_ok_and(|committed| committed == fresh) {
        return;
    }
    let folder = tempfile::Builder::new().prefix("brink-docs").disable_cleanup(true).tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, fresh).unwrap();
    panic!("docs/{name} is not what the routes say; copy {} over it", file.display());
}

#[test]
fn the_committed_document_is_fresh() {
    let fresh = serde_json::to_string_pretty(&document()).unwrap();
    insist_fresh("admin-api.openapi.json", &format!("{fresh}\n"));
}

#[test]
fn the_table_of_the_guide_is_fresh() {
    let guide = std::fs::read_to_string(docs("HTTP_API.md")).unwrap();
    let (head, rest) = guide.split_once(TABLES.0).expect("the guide marks where the table begins");
    let (_, tail) = rest.split_once(TABLES.1).expect("the guide marks where the table ends");
    let fresh = format!("{head}{}{}{}{tail}", TABLES.0, guide_tables(), TABLES.1);
    insist_fresh("HTTP_API.md", &fresh);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn router_and_document_agree_route_by_route() {
    let api = Api::new().await;
    let served = api.get("/openapi.json").await.done(200);
    assert_eq!(served, document());
    assert_eq!(served["openapi"], "3.1.0");
    let paths = served["paths"].as_object().unwrap();
    let documented: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    let routed: BTreeSet<_> = table()
        .iter()
        .map(|route| (format!("{ROOT}{}", route.path), route.method.as_str().to_lowercase()))
        .collect();
    assert_eq!(documented, routed);
    for (path, item) in paths {
        let real = path.trim_start_matches(ROOT).replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let is_there = item.get(method.to_lowercase()).is_some();
            let got = api.raw(method, &real, &[], None).await;
            api.bench.pass(60);
            if is_there {
                assert_eq!(got.status, 401, "{method} {path}");
                continue;
            }
            assert_eq!(got.code(405), "METHOD_NOT_ALLOWED", "{method} {path}");
            let allowed: BTreeSet<_> = got.headers["allow"].split(',').map(str::to_lowercase).collect();
            let listed: BTreeSet<_> = item.as_object().unwrap().keys().cloned().collect();
            assert!(listed.is_subset(&allowed), "{path}: {allowed:?}");
            assert!(allowed.difference(&listed).all(|more| more == "head"), "{path}: {allowed:?}");
        }
    }
}

#[test]
fn every_name_that_the_document_uses_is_in_it() {
    fn walk<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| walk(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(found.len() > 80, "{}", found.len());
    for name in found {
        assert!(document.pointer(name.trim_start_matches('#')).is_some(), "{name}");
    }
}

#[test]
fn every_body_is_closed_and_every_operation_says_what_it_needs() {
    let document = document();
    for route in table() {
        let item = &document["paths"][format!("{ROOT}{}", route.path)];
        let operation = &item[route.method.as_str().to_lowercase()];
        assert_eq!(operation["operationId"], route.id);
        assert!(operation["description"].as_str().unwrap().contains(route.needs.as_str()), "{}", route.id);
        assert!(operation["security"][0].get("api_key").is_some(), "{}", route.id);
        assert_eq!(operation.get("requestBody").is_some(), route.takes_body, "{}", route.id);
        if let Some(name) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
        {
            let schema = document.pointer(name.trim_start_matches('#')).unwrap();
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }
}
