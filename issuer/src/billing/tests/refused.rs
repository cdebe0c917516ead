//! What a quote refuses: the place, the code, and that it says what helps.

use super::rated;

const WHOLE: &str = r#"{ "timezone":"America/New_York", "currency":"USD", "period":{"from":"2026-03-01","to":"2026-04-01"},
  "anchor": null, "start": "2026-03-03",
  "prices": {"base_camera":{"amount":"60","per":1}, "retail":{"amount":"49.50"}},
  "changes":[ {"at":"2026-02-01T00:00:00Z","price":"base_camera","delta":8},
    {"at":"2026-03-10T09:00:00","price":"base_camera","delta":3},
    {"at":"2026-03-16","price":"base_camera","amount":"66"},
    {"at":"2026-03-11T00:00:00Z","resource":"dev-1","price":"device_managed"},
    {"at":"2026-03-20T00:00:00Z","resource":"dev-1","price":null} ],
  "trials":[ {"price":"base_camera","quantity":2,"start":"2026-01-15"} ],
  "usage":[ {"meter":"api_call","quantity":"1234567","included":"1000000"}, {"meter":"sms_sent","quantity":"7","cost":"0.35"} ],
  "discounts":[ {"name":"launch","percent":"10","on":["base_camera"]} ],
  "tax":[ {"rate":"0.0825","on":"all"} ], "wallet":"0",
  "billed":[ {"price":"base_camera","net":"300.00"} ] }"#;

#[test]
fn the_whole_form_is_taken() {
    let quote = rated(WHOLE).unwrap().document();
    let keys: Vec<_> = quote["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["key"].as_str().unwrap().to_owned())
        .collect();
    // Of the 300 that were billed 185.81 are what the first part comes to, so there is no line of it.
    assert_eq!(
        keys,
        ["api_call_overage", "base_camera@2026-03-16", "device_managed", "sms", "launch"],
        "{quote:#}"
    );
    // 29 of 31 days: ceil(1000000 * 29 / 31) are included.
    assert_eq!(quote["lines"][0]["detail"][0]["included"], 935_484);
    // Nine are charged on each of 16 days at 66.
    assert_eq!(quote["lines"][1]["unit_days"], 144);
    assert_eq!(quote["lines"][1]["kind"], "adjustment");
    // Eight until the 10th, then eleven, two of them free: 7 days of 6 and 6 of 9 are 96 of 31 at 60.
    let detail = quote["lines"][1]["detail"].as_array().unwrap().last().unwrap();
    assert_eq!(*detail, serde_json::json!({ "desired": "306.58", "billed": "114.19" }));
    // Of 185.81 and 306.58 a tenth: 49.24, and the tax is on what is left.
    assert_eq!(quote["lines"][4]["net"], "-49.24");
    assert_eq!(
        (&quote["net"], &quote["tax"], &quote["due"]),
        (&"179.42".into(), &"14.80".into(), &"194.22".into())
    );
}

/// What is written in place of what, where that is refused, and by which code.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("\"timezone\":", "\"timezon\":", "timezon", "QUOTE_MALFORMED"),
    ("\"delta\":8", "\"dleta\":8", "changes[0].dleta", "QUOTE_MALFORMED"),
    ("America/New_York", "Mars/Base", "timezone", "TIME_ZONE"),
    ("\"USD\"", "\"usd\"", "currency", "CURRENCY"),
    ("\"from\":\"2026-03-01\"", "\"from\":\"2026-02-30\"", "period.from", "DATE"),
    ("\"from\":\"2026-03-01\"", "\"from\":\"2026-3-1\"", "period.from", "DATE"),
    ("\"from\":\"2026-03-01\"", "\"from\":\"2026-03-02\"", "period", "BILLING_PERIOD"),
    ("\"anchor\": null", "\"anchor\": \"2026-01-31\"", "period", "BILLING_PERIOD"),
    ("\"anchor\": null", "\"anchor\": \"2027-01-31\"", "period", "BILLING_PERIOD"),
    ("\"start\": \"2026-03-03\"", "\"start\": \"2026-04-01\"", "start", "BILLING_PERIOD"),
    ("\"amount\":\"60\"", "\"amount\":60.0", "prices.base_camera.amount", "QUOTE_MALFORMED"),
    ("\"amount\":\"60\"", "\"amount\":\"-60\"", "prices.base_camera.amount", "PRICE"),
    ("\"amount\":\"60\"", "\"amount\":\"99999999999999999999\"", "prices.base_camera.amount", "PRICE"),
    ("\"per\":1}", "\"per\":0}", "prices.base_camera.per", "PRICE"),
    ("{\"amount\":\"49.50\"}", "{\"per\":1}", "prices.retail.amount", "PRICE"),
    ("\"retail\"", "\"base_camera\"", "prices", "QUOTE_MALFORMED"),
    ("\"retail\":{\"amount\"", "\"retail\":{\"meter\":\"api_call\",\"amount\"", "prices.retail", "PRICE"),
    (
        "\"price\":\"base_camera\",\"delta\":8",
        "\"price\":\"camera\",\"delta\":8",
        "changes[0].price",
        "UNKNOWN_PRICE",
    ),
    (
        "\"price\":\"base_camera\",\"delta\":8",
        "\"price\":\"sms\",\"delta\":8",
        "changes[0].price",
        "OTHER_CHARGE",
    ),
    ("\"delta\":8", "\"delta\":9223372036854775808", "changes[0].delta", "QUOTE_MALFORMED"),
    ("\"delta\":8", "\"delta\":1000000000001", "changes[0].delta", "QUANTITY"),
    ("\"delta\":8", "\"delta\":1.5", "changes[0].delta", "QUOTE_MALFORMED"),
    ("\"delta\":3", "\"delta\":-9", "changes[1]", "BELOW_ZERO"),
    ("\"delta\":3", "\"delta\":3,\"amount\":\"5\"", "changes[1]", "CHANGE"),
    ("2026-03-10T09:00:00", "2026-03-08T02:30:00", "changes[1].at", "TIME_GAP"),
    ("2026-03-10T09:00:00", "2026-11-01T01:30:00", "changes[1].at", "TIME_TWICE"),
    ("2026-03-10T09:00:00", "2026-03-10T09:00:00.5Z", "changes[1].at", "BAD_INSTANT"),
    ("2026-03-10T09:00:00", "2026-03-10T25:00:00Z", "changes[1].at", "BAD_INSTANT"),
    ("2026-03-10T09:00:00", "1900-03-10T09:00:00Z", "changes[1].at", "BAD_INSTANT"),
    ("\"resource\":\"dev-1\",\"price\":\"device_managed\"", "\"resource\":\"dev-1\"", "changes[3]", "CHANGE"),
    (
        "\"resource\":\"dev-1\",\"price\":\"device_managed\"",
        "\"resource\":\"dev-2\",\"price\":\"device_managed\"",
        "changes[4]",
        "BELOW_ZERO",
    ),
    ("2026-03-20T00:00:00Z", "2026-03-11T00:00:00Z", "changes[4]", "CONTRADICTION"),
    ("\"quantity\":2", "\"quantity\":-2", "trials[0].quantity", "QUOTE_MALFORMED"),
    ("\"start\":\"2026-01-15\"", "\"start\":\"soon\"", "trials[0].start", "DATE"),
    ("\"meter\":\"api_call\"", "\"meter\":\"tea\"", "usage[0].meter", "UNKNOWN_METER"),
    ("\"1234567\"", "\"-1\"", "usage[0].quantity", "QUANTITY"),
    ("\"1234567\"", "\"99999999999999999999999999\"", "usage[0]", "AMOUNT_TOO_LARGE"),
    (",\"cost\":\"0.35\"", "", "usage[1]", "OTHER_CHARGE"),
    ("\"percent\":\"10\"", "\"percent\":\"101\"", "discounts[0]", "DISCOUNT"),
    ("\"percent\":\"10\",", "", "discounts[0]", "DISCOUNT"),
    ("\"name\":\"launch\"", "\"name\":\"sms\"", "discounts[0]", "DISCOUNT"),
    ("\"on\":[\"base_camera\"]", "\"on\":[\"sms\",\"tea\"]", "discounts[0].on[1]", "UNKNOWN_PRICE"),
    ("\"on\":\"all\"", "\"on\":\"everything\"", "tax[0].on", "QUOTE_MALFORMED"),
    ("0.0825", "8.25", "tax[0].rate", "TAX"),
    ("\"wallet\":\"0\"", "\"wallet\":\"-1\"", "wallet", "AMOUNT"),
    ("\"300.00\"", "\"300.001\"", "billed[0].net", "AMOUNT"),
    ("\"300.00\"", "\"92233720368547758.08\"", "billed[0].net", "AMOUNT_TOO_LARGE"),
    ("\"300.00\"", "\"-300.00\"", "billed[0].net", "BILLED"),
    ("\"price\":\"base_camera\",\"net\"", "\"price\":\"lunch\",\"net\"", "billed[0].price", "UNKNOWN_PRICE"),
    ("\"name\":\"launch\"", "\"name\":\"base_camera@2026-03-16\"", "discounts[0]", "DISCOUNT"),
    ("\"name\":\"launch\"", "\"name\":\"sms@home\"", "discounts[0]", "DISCOUNT"),
    (
        "\"rate\":\"0.0825\",\"on\":\"all\"",
        "\"rate\":\"0.0825\",\"reason\":\"state\",\"on\":\"all\"},{\"rate\":\"0.08250\",\"reason\":\"city\",\"on\":\"all\"",
        "tax[1]",
        "TAX",
    ),
    (
        "\"rate\":\"0.0825\",\"on\":\"all\"",
        "\"rate\":\"0.0825\",\"on\":\"all\"},{\"rate\":\"0.0825\",\"reason\":\"city\",\"on\":\"all\"",
        "tax[1]",
        "TAX",
    ),
    ("2026-03-10T09:00:00", "2026-3-10", "changes[1].at", "BAD_INSTANT"),
    ("2026-03-10T09:00:00", "2026-3-10T09:00:00", "changes[1].at", "BAD_INSTANT"),
    ("2026-03-10T09:00:00", "now", "changes[1].at", "BAD_INSTANT"),
    ("2026-03-10T09:00:00", "2200-02-01", "changes[1].at", "BAD_INSTANT"),
    (
        "\"included\":\"1000000\"}",
        "\"included\":\"1000000\",\"date\":\"2026-03-02\"}",
        "usage[0].date",
        "DATE",
    ),
    ("} ] }", "} ] } x", ".", "QUOTE_MALFORMED"),
];

#[test]
fn everything_that_is_wrong_is_refused_with_its_place_its_code_and_a_mend() {
    for (from, to, path, code) in CASES {
        assert_eq!(WHOLE.matches(from).count().min(1), 1, "{from}");
        let error = rated(&WHOLE.replacen(from, to, 1)).map(|quote| quote.document()).expect_err(to);
        assert_eq!((error.path.as_str(), error.code.as_str()), (*path, *code), "{to}: {error}");
        assert!(!error.mend.is_empty() && !error.problem.is_empty(), "{error}");
    }
}

#[test]
fn prices_in_another_currency_have_to_be_stated() {
    let euros = WHOLE.replacen("USD", "EUR", 1);
    let error = rated(&euros).map(|quote| quote.document()).unwrap_err();
    assert_eq!((error.path.as_str(), error.code.as_str()), ("changes[3].price", "UNKNOWN_PRICE"));
    assert!(error.problem.contains("USD") && error.mend.contains("in EUR"), "{error}");
}

#[test]
fn usage_of_a_price_that_changes_needs_its_days() {
    let changed = r#"{"period":{"from":"2026-03-01","to":"2026-04-01"},
      "changes":[{"at":"2026-03-11","price":"api_call_overage","amount":"0.10"}],
      "usage":[{"meter":"api_call","quantity":"1500000","included":"1000000"},{"meter":"api_call","quantity":"1000000"}]}"#;
    let error = rated(changed).map(|quote| quote.document()).unwrap_err();
    assert_eq!((error.path.as_str(), error.code.as_str()), ("usage[0]", "OTHER_CHARGE"));
    let dated = changed.replacen("\"1500000\"", "\"1500000\",\"date\":\"2026-03-10\"", 1).replacen(
        "\"1000000\"}]",
        "\"1000000\",\"date\":\"2026-03-11\"}]",
        1,
    );
    let document = rated(&dated).unwrap().document();
    let nets: Vec<_> = document["lines"].as_array().unwrap().iter().map(|line| &line["net"]).collect();
    assert_eq!(nets, ["25.00", "100.00"], "what is included is used up first: {document:#}");
}

#[test]
fn a_discount_is_found_by_its_whole_name() {
    let huge = r#"{"period":{"from":"2026-03-01","to":"2026-04-01"},
      "prices":{"base_camera":{"amount":"900000000000"},"retail":{"amount":"900000000000"}},
      "changes":[{"at":"2026-02-01","price":"base_camera","delta":90000},{"at":"2026-02-01","price":"retail","delta":90000}],
      "discounts":[{"name":"launch@home","percent":"10","on":"all"}]}"#;
    let error = rated(huge).map(|quote| quote.document()).unwrap_err();
    assert_eq!((error.path.as_str(), error.code.as_str()), ("discounts[0]", "AMOUNT_TOO_LARGE"), "{error}");
}

#[test]
fn a_change_is_named_by_its_place_in_the_file_and_not_by_its_instant() {
    let two = r#"{"period":{"from":"2026-03-01","to":"2026-04-01"},
      "changes":[{"at":"2026-03-10","price":"api_call_overage","amount":"0.02","per":50},
        {"at":"2026-03-10","price":"api_call_overage","amount":"0.02"},
        {"at":"2026-03-02","price":"api_call_overage","amount":"0.01","per":100}]}"#;
    let error = rated(two).map(|quote| quote.document()).unwrap_err();
    assert_eq!((error.path.as_str(), error.code.as_str()), ("changes[1]", "CONTRADICTION"), "{error}");
    assert!(error.problem.contains("changes[0]"), "{error}");
    let bad = two.replacen("\"0.01\"", "\"-1\"", 1);
    let error = rated(&bad).map(|quote| quote.document()).unwrap_err();
    assert_eq!((error.path.as_str(), error.code.as_str()), ("changes[2].amount", "PRICE"), "{error}");
}

/// What is an object, and the list of its members that a derived reader would take in its place.
const LISTS: &[(&str, &str, &str)] = &[
    (r#"{"from":"2026-03-01","to":"2026-04-01"}"#, r#"["2026-03-01","2026-04-01"]"#, "period"),
    (r#"{"amount":"49.50"}"#, r#"["49.50",null,null,null,null,null]"#, "prices.retail"),
    (
        r#"{"at":"2026-02-01T00:00:00Z","price":"base_camera","delta":8}"#,
        r#"["2026-02-01T00:00:00Z","base_camera",8,null,null,null]"#,
        "changes[0]",
    ),
    (
        r#"{"price":"base_camera","quantity":2,"start":"2026-01-15"}"#,
        r#"["base_camera",2,"2026-01-15"]"#,
        "trials[0]",
    ),
    (
        r#"{"meter":"sms_sent","quantity":"7","cost":"0.35"}"#,
        r#"["sms_sent","7",null,"0.35",null]"#,
        "usage[1]",
    ),
    (
        r#"{"name":"launch","percent":"10","on":["base_camera"]}"#,
        r#"["launch","10",null,["base_camera"]]"#,
        "discounts[0]",
    ),
    (r#"{"rate":"0.0825","on":"all"}"#, r#"["0.0825",null,"all"]"#, "tax[0]"),
    (r#"{"price":"base_camera","net":"300.00"}"#, r#"["base_camera","300.00"]"#, "billed[0]"),
];

#[test]
fn a_list_in_place_of_an_object_is_refused() {
    for (from, to, path) in LISTS {
        assert!(WHOLE.contains(from), "{from}");
        let error = rated(&WHOLE.replacen(from, to, 1)).map(|quote| quote.document()).expect_err(to);
        assert_eq!((error.path.as_str(), error.code.as_str()), (*path, "QUOTE_MALFORMED"), "{to}: {error}");
    }
    let whole = r#"[null,null,{"from":"2026-03-01","to":"2026-04-01"},null,null,{},[],[],[],[],[],null,[]]"#;
    let error = rated(whole).map(|quote| quote.document()).unwrap_err();
    assert_eq!((error.path.as_str(), error.code.as_str()), (".", "QUOTE_MALFORMED"), "{error}");
}

#[test]
fn a_day_that_the_zone_left_out_is_none() {
    let of = |more: &str| {
        let file = format!(
            r#"{{"timezone":"Pacific/Apia","period":{{"from":"2011-12-01","to":"2012-01-01"}},{more}}}"#
        );
        let error = rated(&file).map(|quote| quote.document()).unwrap_err();
        (error.path, error.code.as_str())
    };
    let at = r#""changes":[{"at":"2011-12-30","price":"base_camera","delta":1}]"#;
    assert_eq!(of(at), ("changes[0].at".into(), "TIME_GAP"));
    let used = r#""usage":[{"meter":"api_call","quantity":"1","date":"2011-12-30"}]"#;
    assert_eq!(of(used), ("usage[0].date".into(), "TIME_GAP"));
}

#[test]
fn what_is_named_is_what_is_meant() {
    let changed = r#"{"period":{"from":"2026-03-01","to":"2026-04-01"},
      "changes":[{"at":"2026-03-11","price":"api_call_overage","amount":"0.10"}],
      "usage":[{"meter":"api_call","quantity":"1","date":"2026-03-02"},{"meter":"sms","quantity":"1","cost":"1"},
        {"meter":"api_call","quantity":"1"}]}"#;
    let error = rated(changed).map(|quote| quote.document()).unwrap_err();
    assert_eq!(
        (error.path.as_str(), error.code.as_str()),
        ("usage[2]", "OTHER_CHARGE"),
        "the one without a date"
    );
    let of =
        |from: &str, to: &str| rated(&WHOLE.replacen(from, to, 1)).map(|quote| quote.document()).unwrap_err();
    let price = of("\"amount\":\"60\"", "\"amount\":\"4: 5\"");
    assert_eq!(price.problem, "\"4: 5\" is not a price");
    assert_eq!(price.mend, crate::price::PriceError::MEND);
    let amount = of("\"300.00\"", "\"3,00\"");
    assert!(!amount.problem.contains("write") && amount.mend.contains("49.00"), "{amount}; {}", amount.mend);
}
