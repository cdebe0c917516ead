//! Whether an answer is what an OpenAPI document says of it. Stricter than the document: what it does not name is refused,
//! so that nothing is answered that nobody has written down.
//!
//! The tests of the edge have this file as well, and so it names nothing of the kit's.

use serde_json::{Map, Value};

/// Checks an answer to a request for `path` against the document; `body` is `None` for what is no JSON.
pub fn check_answer(
    document: &Value,
    (method, path): (&str, &str),
    status: u16,
    body: Option<&Value>,
) -> Result<(), String> {
    let paths = document["paths"].as_object().ok_or("the document has no paths")?;
    let method = method.to_ascii_lowercase();
    let bare = path.split('?').next().unwrap_or_default();
    let found = paths.iter().filter(|(template, item)| fits(template, bare) && item.get(&method).is_some());
    // One without a name stands before one with.
    let found = found.min_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = found.ok_or_else(|| format!("{method} {bare} is not documented"))?;
    let answer = &item[&method]["responses"][status.to_string()];
    if answer.is_null() {
        return Err(format!("{method} {template} may not answer {status}"));
    }
    let Some(body) = body else { return Ok(()) };
    let schema = &answer["content"]["application/json"]["schema"];
    check(document, schema, body, "body")
        .map_err(|why| format!("{method} {template} {status}: {why}\n{body}"))
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found))
                if wanted == found || wanted.starts_with('{') && !found.is_empty() => {}
            _ => return false,
        }
    }
}

/// The members that a schema names, with all that it is made of; `None` where it is open.
fn members<'d>(document: &'d Value, schema: &'d Value) -> Option<Map<String, Value>> {
    let schema = resolved(document, schema);
    let mut named = schema["properties"].as_object().cloned();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        named.get_or_insert_default().extend(members(document, part)?);
    }
    named
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(named) => document.pointer(named.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => schema,
    }
}

/// Checks a value against a schema.
pub fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    check_parts(document, schema, value, at)?;
    let (Some(object), Some(named)) = (value.as_object(), members(document, schema)) else { return Ok(()) };
    match object.keys().find(|name| !named.contains_key(*name)) {
        Some(stray) => Err(format!("{at}.{stray} is not documented")),
        None => Ok(()),
    }
}

fn check_parts(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check_parts(document, part, value, at)?;
    }
    for kind in ["oneOf", "anyOf"] {
        let Some(ways) = schema[kind].as_array() else { continue };
        if !ways.iter().any(|way| check(document, way, value, at).is_ok()) {
            return Err(format!("{at} is none of what it may be"));
        }
    }
    check_type(schema, value, at)?;
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            return Err(format!("{at}.{name} is missing"));
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(found) = value.get(name) {
            check(document, member, found, &format!("{at}.{name}"))?;
        }
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}[{place}]"))?;
    }
    let least = schema["minimum"].as_f64().unwrap_or(f64::NEG_INFINITY);
    if value.as_f64().is_some_and(|number| number < least) {
        return Err(format!("{at} is below {least}"));
    }
    Ok(())
}

fn check_type(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let is_of = |kind: &Value| match kind.as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => false,
    };
    let kind = &schema["type"];
    let fits = kind.is_null() || kind.as_array().map_or_else(|| is_of(kind), |kinds| kinds.iter().any(is_of));
    if fits { Ok(()) } else { Err(format!("{at} is no {}", schema["type"])) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        let answer = |schema: Value| json!({"200": {"content": {"application/json": {"schema": schema}}}});
        json!({
            "paths": {
                "/a/{id}": {"get": {"responses": answer(json!({"$ref": "#/components/schemas/Both"}))}},
                "/a/b": {"get": {"responses": answer(json!({"type": "array", "items": {"type": "integer", "minimum": 1}}))}},
            },
            "components": {"schemas": {
                "One": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}},
                "Both": {"allOf": [
                    {"$ref": "#/components/schemas/One"},
                    {"type": "object", "properties": {"y": {"type": ["number", "null"]}}},
                ]},
            }},
        })
    }

    #[test]
    fn what_the_document_says_is_let_through_and_nothing_else() {
        let check = |path, status, body: Value| check_answer(&document(), ("GET", path), status, Some(&body));
        assert_eq!(check("/a/7?q=1", 200, json!({"x": "1", "y": 1.5})), Ok(()));
        assert_eq!(check("/a/7", 200, json!({"x": "1", "y": null})), Ok(()));
        assert_eq!(check("/a/b", 200, json!([1, 2])), Ok(()));
        for (path, status, body, why) in [
            ("/a/7", 404, json!({}), "may not answer"),
            ("/a/7/8", 200, json!({}), "not documented"),
            ("/a/7", 200, json!({"y": 1}), "body.x is missing"),
            ("/a/7", 200, json!({"x": 1}), "body.x is no"),
            ("/a/7", 200, json!({"x": "1", "z": 1}), "body.z is not documented"),
            ("/a/7", 200, json!({"x": "1", "y": "1"}), "body.y is no"),
            ("/a/b", 200, json!([1, 1.5]), "body[1] is no"),
            ("/a/b", 200, json!([0]), "below"),
            ("/a/b", 200, json!({}), "body is no"),
        ] {
            let found = check(path, status, body).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
    }
}
