//! Steps 7 and 8, and the states of step 10: payloads that are soundly signed and must be refused all the same.

use brink_license::Code::{self, BadClaims, Unsupported, WrongAudience, WrongDevice, WrongIssuer};

use super::raw::{self, DAY, ISSUED, LICENSE, Members, header, key, licence, licensed, quoted};
use super::{Family, Outcome, licence_subject};

pub(crate) fn family() -> Family {
    let mut family = Family::new("claims");
    payloads(&mut family);
    duplicates(&mut family);
    numbers(&mut family);
    absent(&mut family);
    spans(&mut family);
    sizes(&mut family);
    texts(&mut family);
    knowledge(&mut family);
    quotas(&mut family);
    grants(&mut family);
    family
}

/// A payload of raw text under a sound header and signature.
fn raw(payload: &str) -> String {
    let signer = key("license-1");
    raw::token(&header(LICENSE, signer.kid()).text(), payload, &signer)
}

fn payloads(family: &mut Family) {
    let text = licence().text();
    let bad = [
        ("payload-as-array", format!("[{text}]")),
        ("payload-as-text", "\"licence\"".to_owned()),
        ("payload-as-null", "null".to_owned()),
        ("payload-as-number", "1".to_owned()),
        ("payload-empty-object", "{}".to_owned()),
        ("payload-with-trailing-bytes", format!("{text}{{}}")),
        ("payload-with-byte-order-mark", format!("\u{feff}{text}")),
        ("payload-with-trailing-comma", text.replacen("}", ",}", 1)),
        ("payload-with-comment", format!("{text}/**/")),
    ];
    for (name, payload) in bad {
        family.refuses(&[35], name, raw(&payload), BadClaims);
    }
    family.accepts(&[35], "payload-with-white-space-around", raw(&format!(" {text}\n")));
}

fn duplicates(family: &mut Family) {
    let exp = (ISSUED + 30 * DAY).to_string();
    let jkt = key("device-1").kid();
    let bad = [
        ("exp-twice", licence().also("exp", &exp)),
        ("exp-twice-escaped", licence().also("\\u0065xp", &exp)),
        ("unknown-claim-twice", licence().also("x-new", "1").also("x-new", "1")),
        ("cnf-member-twice", licence().with("cnf", format!(r#"{{"jkt":"{jkt}","jkt":"{jkt}"}}"#))),
        (
            "cnf-member-twice-escaped",
            licence().with("cnf", format!(r#"{{"jkt":"{jkt}","\u006akt":"{jkt}"}}"#)),
        ),
        (
            "grant-member-twice",
            licence().with("grants", r#"[{"any":1,"packs":["base"],"packs":["base","advanced_analytics"]}]"#),
        ),
        (
            "pack-twice",
            licence().with("packs", r#"{"base":["a/b"],"advanced_analytics":["c/d"],"base":["c/d"]}"#),
        ),
        ("deep-in-an-unknown-claim", licence().also("x-new", r#"[{"a":{"b":1,"b":2}}]"#)),
    ];
    for (name, claims) in bad {
        family.refuses(&[36], name, licensed(&claims), BadClaims);
    }
}

fn numbers(family: &mut Family) {
    let bad = [
        ("fraction", "1802592000.0"),
        ("exponent", "1e10"),
        ("text", "\"1802592000\""),
        ("null", "null"),
        ("true", "true"),
        ("array", "[1802592000]"),
        ("negative", "-1"),
        ("negative-zero", "-0"),
        ("leading-zero", "01802592000"),
        ("2-to-the-53", "9007199254740992"),
        ("2-to-the-64", "18446744073709551616"),
        ("2-to-the-64-less-1", "18446744073709551615"),
        ("year-10000", "253402300800"),
        ("not-a-number", "NaN"),
    ];
    for (name, number) in bad {
        family.refuses(&[37], format!("exp-{name}"), licensed(&licence().with("exp", number)), BadClaims);
    }
    for claim in ["seq", "ks", "grace", "catalog"] {
        family.refuses(&[37], format!("{claim}-negative"), licensed(&licence().with(claim, "-1")), BadClaims);
    }
    family.refuses(
        &[52],
        "seq-2-to-the-64-less-1",
        licensed(&licence().with("seq", "18446744073709551615")),
        BadClaims,
    );
    family.refuses(&[37], "epoch-2-to-the-32", licensed(&licence().with("epoch", "4294967296")), BadClaims);
}

fn absent(family: &mut Family) {
    for claim in [
        "ver",
        "iss",
        "aud",
        "sub",
        "jti",
        "tenant",
        "dev",
        "cnf",
        "epoch",
        "seq",
        "iat",
        "nbf",
        "exp",
        "grace",
        "offline_max",
        "unattested",
        "mode",
        "enforce",
        "packs",
        "grants",
        "ks",
    ] {
        family.refuses(&[38], format!("{claim}-missing"), licensed(&licence().without(claim)), BadClaims);
    }
}

fn spans(family: &mut Family) {
    let end = 253_402_300_799_i64;
    let far = |grace: &str| {
        let begin = (end - 30 * DAY).to_string();
        licence()
            .with("iat", begin.clone())
            .with("nbf", begin)
            .with("exp", end.to_string())
            .with("grace", grace)
    };
    // The key's validity ends before the year 9999, so only what is looked at earlier can be shown there.
    family.refuses(
        &[39],
        "grace-2-to-the-53-less-1",
        licensed(&licence().with("grace", "9007199254740991")),
        BadClaims,
    );
    family.refuses(&[39], "grace-beyond-the-year-9999", licensed(&far("1")), BadClaims);
    family.refuses(
        &[39],
        "grace-of-31-days",
        licensed(&licence().with("grace", (31 * DAY).to_string())),
        BadClaims,
    );
    family.accepts(&[39], "grace-of-30-days", licensed(&licence().with("grace", (30 * DAY).to_string())));
    let at = |days: i64| (ISSUED + days * DAY).to_string();
    let nbf_late = licence().with("nbf", at(31));
    family.refuses(&[40], "exp-before-nbf", licensed(&nbf_late), BadClaims);
    let iat_late = licence().with("iat", at(20)).with("nbf", at(1)).with("exp", at(10));
    family.refuses(&[40], "exp-before-iat", licensed(&iat_late), BadClaims);
    family.accepts(&[40], "life-of-400-days", licensed(&licence().with("exp", at(400))));
    family.refuses(&[40], "life-of-401-days", licensed(&licence().with("exp", at(401))), BadClaims);
    let offline = licence().with("offline_max", (181 * DAY).to_string());
    family.refuses(&[40], "offline-for-181-days", licensed(&offline), BadClaims);
}

fn sizes(family: &mut Family) {
    let nested =
        |depth: usize| licence().also("x-new", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    family.accepts(&[44], "nested-7-deep", licensed(&nested(7)));
    family.refuses(&[44], "nested-8-deep", licensed(&nested(8)), BadClaims);
    family.refuses(&[44], "nested-200-deep", licensed(&nested(200)), BadClaims);
    let known = licence().text().matches("\":").count();
    assert!(known < 256, "the sample has room for more members");
    let wide = |count: usize| (0..count).fold(licence(), |claims, n| claims.also(&format!("m{n}"), "1"));
    family.refuses(&[44], "10000-members", licensed(&wide(10_000)), BadClaims);
    family.refuses(&[44], "257-members", licensed(&wide(257)), BadClaims);
    let items = format!("[{}0]", "0,".repeat(16_384));
    family.refuses(&[44], "16385-items", licensed(&licence().also("x-new", &items)), BadClaims);
    let long = quoted(&"x".repeat(1025));
    family.refuses(&[44], "text-of-1025-bytes", licensed(&licence().also("x-new", &long)), BadClaims);
}

fn texts(family: &mut Family) {
    let bad = [
        ("lone-surrogate", r#""dev\ud800""#),
        ("surrogates-reversed", r#""dev\udc00\ud800""#),
        ("nul-escaped", r#""dev\u0000""#),
        ("control-character", "\"dev\u{1}\""),
        ("newline-escaped", r#""dev\n""#),
        ("right-to-left-override", "\"dev\u{202e}\""),
        ("empty", "\"\""),
        ("number", "7"),
    ];
    for (name, id) in bad {
        family.refuses(&[45], format!("dev-{name}"), licensed(&licence().with("dev", id)), BadClaims);
    }
    let long = quoted(&"x".repeat(256));
    family.refuses(&[45], "dev-of-256-bytes", licensed(&licence().with("dev", long)), BadClaims);
    family.refuses(&[45], "lone-surrogate-in-a-name", licensed(&licence().also("\\ud800", "1")), BadClaims);
    family.refuses(&[45], "nul-in-a-name", licensed(&licence().also("\\u0000", "1")), BadClaims);
    let feature = licence().with("packs", r#"{"base":["Video/Live"],"advanced_analytics":[]}"#);
    family.refuses(&[45], "feature-in-capitals", licensed(&feature), BadClaims);
}

fn knowledge(family: &mut Family) {
    family.refuses(&[46], "must-unknown", licensed(&licence().also("must", r#"["x-new"]"#)), Unsupported);
    let known_and_not = licence().also("must", r#"["grants","x-new"]"#).also("x-new", "1");
    family.refuses(&[46], "must-known-and-unknown", licensed(&known_and_not), Unsupported);
    family.accepts(&[46], "must-known", licensed(&licence().also("must", r#"["grants","enforce"]"#)));
    family.accepts(
        &[46],
        "unknown-claim-without-must",
        licensed(&licence().also("x-new", r#"{"a":[1,null,"b"]}"#)),
    );
    family.refuses(&[46], "must-as-text", licensed(&licence().also("must", "\"grants\"")), BadClaims);
    family.refuses(&[46], "version-2", licensed(&licence().with("ver", "2")), Unsupported);
    family.refuses(&[46], "version-0", licensed(&licence().with("ver", "0")), Unsupported);
    for (claim, value) in [("mode", "\"gold\""), ("enforce", "\"maybe\"")] {
        family.refuses(&[46], format!("{claim}-unknown"), licensed(&licence().with(claim, value)), BadClaims);
    }
}

fn quotas(family: &mut Family) {
    let quota =
        |limit: &str| format!(r#"{{"meter":"events","limit":{limit},"period":"month","over":"warn"}}"#);
    let with = |items: &str| licensed(&licence().with("quotas", format!("[{items}]")));
    family.accepts(&[47], "quota-2-to-the-53-less-1", with(&quota("9007199254740991")));
    family.refuses(&[47], "quota-2-to-the-53", with(&quota("9007199254740992")), BadClaims);
    family.refuses(&[47], "quota-meter-twice", with(&format!("{},{}", quota("1"), quota("2"))), BadClaims);
    family.refuses(&[47], "quota-period-unknown", with(&quota("1").replace("month", "year")), BadClaims);
}

fn grants(family: &mut Family) {
    let with = |grants: &str| licensed(&licence().with("grants", grants));
    family.refuses(&[], "grant-of-a-pack-unresolved", with(r#"[{"any":1,"packs":["retail"]}]"#), BadClaims);
    let twice = r#"[{"cameras":["cam-001"],"packs":["base"]},{"cameras":["cam-001"],"packs":[]}]"#;
    family.refuses(&[], "grant-camera-twice", with(twice), BadClaims);
    family.refuses(&[], "grant-cameras-and-any", with(r#"[{"cameras":[],"any":1,"packs":[]}]"#), BadClaims);
    family.refuses(&[], "grant-of-nobody", with(r#"[{"packs":["base"]}]"#), BadClaims);
}

/// Step 8: sound, and meant for somebody else.
pub(crate) fn addressees() -> Family {
    let mut family = Family::new("addressee");
    let other_key = key("device-2").kid();
    let cases: [(&'static [u32], &str, &str, String, Code); 15] = [
        (&[41], "aud-array-with-us", "aud", r#"["brink-edge"]"#.into(), BadClaims),
        (&[41], "aud-number", "aud", "1".into(), BadClaims),
        (&[41], "aud-other", "aud", quoted("brink-cloud"), WrongAudience),
        (&[41], "aud-in-capitals", "aud", quoted("Brink-Edge"), WrongAudience),
        (&[41], "aud-empty", "aud", quoted(""), WrongAudience),
        (&[42], "iss-other", "iss", quoted("umbrella"), WrongIssuer),
        (&[42], "iss-with-slash", "iss", quoted("acme/"), WrongIssuer),
        (&[42], "iss-prefixed", "iss", quoted("dev-acme"), WrongIssuer),
        (&[42], "iss-in-capitals", "iss", quoted("ACME"), WrongIssuer),
        (&[42], "iss-homoglyph", "iss", quoted("\u{430}cme"), WrongIssuer),
        (&[43], "tenant-other", "tenant", quoted("tenant-124"), WrongDevice),
        (&[43], "tenant-in-capitals", "tenant", quoted("Tenant-123"), WrongDevice),
        (&[43], "dev-other", "dev", quoted("dev-7f3b"), WrongDevice),
        (&[43], "epoch-old", "epoch", (raw::EPOCH - 1).to_string(), WrongDevice),
        (&[43], "jkt-other", "cnf", format!(r#"{{"jkt":"{other_key}"}}"#), WrongDevice),
    ];
    for (numbers, name, claim, value, code) in cases {
        family.refuses(numbers, name, licensed(&licence().with(claim, value)), code);
    }
    let unbound = licence().with("cnf", "{}");
    family.refuses(&[43], "jkt-missing", licensed(&unbound), BadClaims);
    family
}

/// Step 10: a state, not an error.
pub(crate) fn states() -> Family {
    let mut family = Family::new("state");
    let mut add = |cases: &'static [u32], name: &str, claims: Members, at: i64, state: &'static str| {
        family.add(cases, name, licence_subject(licensed(&claims)), Outcome::State(at, state));
    };
    let (nbf, exp) = (ISSUED + 10 * DAY, ISSUED + 30 * DAY);
    let later = || licence().with("nbf", nbf.to_string());
    add(&[48], "long-before-nbf", later(), nbf - DAY, "not_yet_valid");
    add(&[48], "one-second-beyond-the-skew", later(), nbf - 301, "not_yet_valid");
    add(&[48], "within-the-skew", later(), nbf - 300, "active");
    add(&[48], "at-nbf", later(), nbf, "active");
    add(&[48], "last-second", licence(), exp - 1, "active");
    add(&[48], "at-exp", licence(), exp, "grace");
    add(&[48], "last-second-of-grace", licence(), exp + 7 * DAY - 1, "grace");
    add(&[48], "after-grace", licence(), exp + 7 * DAY, "expired");
    add(&[48], "at-exp-without-grace", licence().with("grace", "0"), exp, "expired");
    add(&[49], "clock-before-iat", licence(), ISSUED - 3600, "active");
    add(&[49], "clock-long-before-iat", licence(), ISSUED - 300 * DAY, "active");
    add(&[59], "held-under-an-expired-keyset", licence(), raw::MANIFEST_EXPIRES + DAY, "active");
    family
}
