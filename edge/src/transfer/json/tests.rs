use super::*;
use brink_databases::{Database as Fresh, try_ask};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// What the server keeps of a text, or that it refuses.
fn kept(url: &str, texts: &[String]) -> Vec<Option<String>> {
    let quoted = |text: &String| {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("convert_from('\\x{hex}', 'UTF8')")
    };
    let all: Vec<String> = texts.iter().map(quoted).collect();
    let sql = format!(
        "SELECT pg_temp.kept(t) FROM unnest(ARRAY[{}]::text[]) WITH ORDINALITY u (t, n) ORDER BY n",
        all.join(",")
    );
    let made = "CREATE FUNCTION pg_temp.kept(t text) RETURNS text LANGUAGE plpgsql AS $$
                BEGIN RETURN t::jsonb::text; EXCEPTION WHEN OTHERS THEN RETURN NULL; END $$;";
    try_ask(url, &format!("{made}{sql}")).unwrap().into_iter().map(|row| row[0].clone()).collect()
}

/// Holds every text against the server: the same are refused, and what is kept has the same digest.
fn compare(url: &str, texts: &[String]) {
    for (text, kept) in texts.iter().zip(kept(url, texts)) {
        match (check(text), kept) {
            (Ok(()), Some(kept)) => assert_eq!(digest(text), digest(&kept), "{text} became {kept}"),
            (Err(_), None) => {}
            (ours, theirs) => panic!("{text:?}: {ours:?} here, {theirs:?} there"),
        }
        assert_eq!(check(text).err(), digest(text).err());
    }
}

/// Of every kind: whole and broken, near each of the bounds.
const TEXTS: &[&str] = &[
    "{}",
    "[]",
    " [ ] ",
    "null",
    "true",
    "false",
    "nul",
    "truex",
    "\"\"",
    "\"a\\u0041\\n\\/\"",
    "\"\\u0000\"",
    "{\"a\\u0000\":1}",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83dx\"",
    "\"\\udc00\"",
    "\"\\ud83d\\u0041\"",
    "1",
    "-0",
    "-0.0",
    "0.10",
    "1e2",
    "1E+2",
    "1e-2",
    "100",
    "1.00",
    "01",
    "1.",
    ".5",
    "-",
    "1e",
    "1e400",
    "1e131071",
    "1e131072",
    "9e131071",
    "1e-16383",
    "1e-16384",
    "0e99999999999",
    "1e99999999999",
    "{\"b\":1,\"a\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"a\":{\"x\":[1,2,3]},\"b\":[]}",
    "{\"a\":1,}",
    "[1,]",
    "[1 2]",
    "{\"a\" 1}",
    "{1:2}",
    "\"\t\"",
    "\"\\x\"",
    "\"",
    "[",
    "{",
    "",
    " ",
    "1 1",
    "\u{feff}1",
    "{\"\":\"\"}",
    "\"\u{7f}\u{10ffff}\"",
    "[[[]],{}]",
    "0.000000000000000000000000000000000001",
];

#[test]
fn the_server_agrees_on_every_kind_of_text() {
    let fresh = Fresh::empty();
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    let mut texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    texts.extend([
        deep(200),
        deep(DEPTH_MAX - 1),
        format!("0.{}1", "0".repeat(16_382)),
        format!("0.{}1", "0".repeat(16_383)),
        "9".repeat(5000),
    ]);
    compare(&fresh.url(), &texts);
}

#[test]
fn each_refusal_has_its_word() {
    for (text, fault) in [
        ("\"\\u0000\"", JsonFault::Nul),
        ("\"\\ud800\"", JsonFault::Surrogate),
        ("1e200000", JsonFault::Number),
        ("{", JsonFault::Malformed),
    ] {
        assert_eq!(check(text), Err(fault));
    }
    assert_eq!(check(&"[".repeat(5000)), Err(JsonFault::Deep));
}

fn any_json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:e}")),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
    ];
    let string = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        number,
        string.clone(),
        "\"(\\\\u[0-9a-fd][0-9a-f]{3}){1,3}\""
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let name = prop_oneof!["\"[a-c]\"", "\"[a-c]{2}\"", string.clone()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(name, value)| format!("{name} : {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn the_server_agrees_on_whatever_is_made_up() {
    let fresh = Fresh::empty();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(any_json(), 200);
    for _ in 0..10 {
        let texts = strategy.new_tree(&mut runner).unwrap().current();
        compare(&fresh.url(), &texts);
    }
}
