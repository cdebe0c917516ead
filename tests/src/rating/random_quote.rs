//! A random quote of a seed.

use crate::fault::Random;
use brink_issuer::billing::Cycle;
use chrono::{Days, NaiveDate};
use serde_json::{Map, Value, json};

/// Zones with and without summer time, with clocks that are turned at midnight, by half an hour, and over a whole day.
const ZONES: [&str; 8] = [
    "UTC",
    "UTC",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "Pacific/Apia",
];
const MONTHLY: [&str; 5] = ["base_camera", "advanced_analytics", "device_basic", "device_managed", "retail"];
/// Seconds of a day at which things like to happen, beside any.
const TIMES: [i64; 6] = [0, 0, 4 * 3600, 5 * 3600, 12 * 3600, 86_399];

struct Making {
    random: Random,
    from: NaiveDate,
    to: NaiveDate,
    /// The first day that is billed.
    begins: NaiveDate,
    changes: Vec<Value>,
}

impl Making {
    fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    fn decimal(&mut self, whole: usize, places: usize) -> String {
        let whole = self.random.below(whole);
        let places = self.random.below(places + 1);
        let part: String = (0..places).map(|_| char::from(b'0' + self.random.below(10) as u8)).collect();
        if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") }
    }

    /// An instant from well before the period to a little after it, as text that sorts.
    fn at(&mut self, days_before: u64) -> String {
        let span = (self.to - self.from).num_days() as usize + days_before as usize + 5;
        let day = self.from - Days::new(days_before) + Days::new(self.random.below(span) as u64);
        let time =
            if self.chance(60) { *self.random.among(&TIMES) } else { self.random.below(86_400) as i64 };
        let at = day.and_hms_opt(0, 0, 0).expect("midnight") + chrono::TimeDelta::seconds(time);
        at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn instants(&mut self, count: usize, days_before: u64) -> Vec<String> {
        let mut all: Vec<_> = (0..count).map(|_| self.at(days_before)).collect();
        all.sort();
        all.dedup();
        all
    }

    /// More and less of a price, never below nothing once all of an instant is taken together.
    fn quantities(&mut self, price: &str, (count, days_before): (usize, u64)) {
        let mut there = 0_i64;
        for at in self.instants(count, days_before) {
            let delta = self.random.below(12) as i64 - 4;
            let delta = if there + delta < 0 { 1 } else { delta };
            there += delta;
            let change = |delta: i64| json!({ "at": at.clone(), "price": price, "delta": delta });
            if delta == 0 || self.chance(20) {
                let other = 1 + self.random.below(6) as i64;
                let parts = [change(delta + other), change(-other)];
                self.changes.extend(parts.into_iter().filter(|part| part["delta"] != 0));
            } else {
                self.changes.push(change(delta));
            }
        }
    }

    fn resource(&mut self, name: &str) {
        let mut is_there = false;
        let count = 1 + self.random.below(5);
        for at in self.instants(count, 50) {
            if is_there && self.chance(30) {
                is_there = false;
                self.changes.push(json!({ "at": at, "resource": name, "price": null }));
            } else {
                is_there = true;
                let price = *self.random.among(&MONTHLY[2..]);
                self.changes.push(json!({ "at": at, "resource": name, "price": price }));
            }
        }
    }

    fn new_price(&mut self, price: &str, before: &Value) {
        let count = 1 + self.random.below(3);
        for at in self.instants(count, 20) {
            // As dear a unit as before the period, in packages of another size.
            if self.chance(10) {
                let (amount, per) = (&before["amount"], before["per"].as_u64().unwrap_or(1));
                self.changes
                    .push(json!({ "at": at, "price": price, "amount": twice(amount), "per": 2 * per }));
                continue;
            }
            let mut change = json!({ "at": at, "price": price, "amount": self.decimal(90, 4) });
            if self.chance(20) {
                change["per"] = json!(1 + self.random.below(12));
            }
            self.changes.push(change);
        }
    }

    fn day(&mut self) -> NaiveDate {
        let day = self.from + Days::new(self.random.below((self.to - self.from).num_days() as usize) as u64);
        // Which Samoa had not.
        if day.to_string() == "2011-12-30" { day + Days::new(1) } else { day }
    }

    /// Every price that is used, so that any currency will do.
    fn prices(&mut self) -> Map<String, Value> {
        let mut prices = Map::new();
        for name in MONTHLY.into_iter().chain(["analyst_seat"]) {
            prices.insert(
                name.into(),
                json!({ "amount": self.decimal(120, 5), "per": 1 + self.random.below(3) }),
            );
        }
        // Tiers that are equally dear.
        if self.chance(20) {
            let basic = prices["device_basic"].clone();
            prices.insert("device_managed".into(), basic);
        }
        prices.insert("support".into(), json!({ "amount": self.decimal(900, 3), "every": "year" }));
        prices.insert("setup".into(), json!({ "amount": self.decimal(900, 3), "every": "once", "per": 1 }));
        let overage = *self.random.among(&["exact", "package"]);
        let per = 1 + self.random.below(1500);
        prices.insert(
            "api_call_overage".into(),
            json!({ "amount": self.decimal(2, 6), "per": per, "overage": overage }),
        );
        prices
            .insert("tokens".into(), json!({ "meter": "llm_token", "amount": self.decimal(2, 8), "per": 7 }));
        prices
    }

    fn usage(&mut self, is_dated: bool) -> Vec<Value> {
        let mut usage = Vec::new();
        for _ in 0..self.random.below(4) {
            let mut entry = json!({ "meter": "api_call", "quantity": self.decimal(90_000, 2), "included": self.decimal(50_000, 1) });
            if is_dated || self.chance(10) {
                entry["date"] = json!(self.day().max(self.begins).to_string());
            }
            usage.push(entry);
        }
        if self.chance(30) {
            let meter = *self.random.among(&["llm_token", "llm_tokens"]);
            usage.push(json!({ "meter": meter, "quantity": self.decimal(1_000_000, 12) }));
        }
        for _ in 0..self.random.below(3) {
            usage.push(
                json!({ "meter": "sms", "quantity": self.decimal(90, 0), "cost": self.decimal(50, 6) }),
            );
        }
        usage
    }

    fn on(&mut self) -> Value {
        if self.chance(40) {
            return json!("all");
        }
        let all = [
            "base_camera",
            "advanced_analytics",
            "device_basic",
            "sms",
            "api_call_overage",
            "retail",
            "setup",
        ];
        let count = 1 + self.random.below(4);
        json!((0..count).map(|_| *self.random.among(&all)).collect::<Vec<_>>())
    }

    fn discounts(&mut self) -> Vec<Value> {
        let count = if self.chance(50) { self.random.below(4) } else { 0 };
        let one = |index: usize, making: &mut Self| {
            let name = format!("discount {index}");
            if making.chance(60) {
                json!({ "name": name, "percent": making.decimal(100, 3), "on": making.on() })
            } else {
                json!({ "name": name, "amount": making.decimal(400, 0), "on": making.on() })
            }
        };
        (0..count).map(|index| one(index, self)).collect()
    }

    fn taxes(&mut self) -> Vec<Value> {
        let rates = ["0.0825", "0.19", "0.07", "0.1", "0.10", "0.333333"];
        let count = self.random.below(4);
        (0..count).map(|_| json!({ "rate": *self.random.among(&rates), "on": self.on() })).collect()
    }

    fn billed(&mut self, discounts: &[Value]) -> Vec<Value> {
        let mut billed = Vec::new();
        if !self.chance(50) {
            return billed;
        }
        for price in ["base_camera", "device_managed", "api_call_overage", "setup", "sms"] {
            if self.chance(50) {
                billed.push(json!({ "price": price, "net": self.decimal(900, 0) }));
            }
            if self.chance(15) {
                billed.push(json!({ "price": price, "net": self.decimal(90, 0) }));
            }
        }
        for discount in discounts {
            if self.chance(40) {
                billed.push(json!({ "price": discount["name"], "net": format!("-{}", self.decimal(80, 0)) }));
            }
        }
        billed
    }
}

/// Twice a decimal, exactly.
fn twice(decimal: &Value) -> String {
    let text = decimal.as_str().expect("a decimal");
    let places = text.split_once('.').map_or(0, |(_, places)| places.len());
    let doubled = 2 * text.replace('.', "").parse::<u64>().expect("digits");
    let digits = format!("{doubled:0width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

impl Making {
    fn trials(&mut self) -> Vec<Value> {
        let mut trials = Vec::new();
        for _ in 0..self.random.below(3) {
            let start = self.from - Days::new(self.random.below(110) as u64);
            let price = *self.random.among(&["base_camera", "base_camera", "retail"]);
            let quantity = self.random.below(4);
            trials.push(json!({ "price": price, "quantity": quantity, "start": start.to_string() }));
        }
        trials
    }
}

/// The quote of a seed; every one is taken.
pub fn random_quote(seed: u64) -> Value {
    let mut random = Random::seeded(seed);
    let zone = *random.among(&ZONES);
    let first = NaiveDate::from_ymd_opt(2023 + random.below(4) as i32, 1, 1).expect("a date");
    // The month in which Samoa had no 30th.
    let samoa = NaiveDate::from_ymd_opt(2011, 12, 1).expect("a date");
    let day = if zone == "Pacific/Apia" { samoa } else { first + Days::new(random.below(365) as u64) };
    let is_anniversary = random.below(100) < 30 && zone != "Pacific/Apia";
    let anchor = first - Days::new(1 + random.below(70) as u64);
    let cycle = if is_anniversary { Cycle::Anniversary(anchor) } else { Cycle::Calendar };
    let (from, to) = cycle.around(day).expect("a period");
    let mut making = Making { random, from, to, begins: from, changes: Vec::new() };
    let prices = making.prices();
    for price in MONTHLY.into_iter().chain(["analyst_seat"]) {
        if making.chance(45) {
            let count = 1 + making.random.below(6);
            making.quantities(price, (count, 60));
        }
    }
    for (price, days_before) in [("support", 1500), ("setup", 60)] {
        if making.chance(25) {
            making.quantities(price, (4, days_before));
        }
    }
    for index in 0..making.random.below(4) {
        making.resource(&format!("dev-{index}"));
    }
    for price in ["base_camera", "device_managed", "retail", "support", "setup"] {
        if making.chance(15) {
            making.new_price(price, &prices[price]);
        }
    }
    let is_dated = making.chance(15);
    if is_dated {
        making.new_price("api_call_overage", &prices["api_call_overage"]);
    }
    // In any order.
    for last in (1..making.changes.len()).rev() {
        let other = making.random.below(last + 1);
        making.changes.swap(last, other);
    }
    let trials = making.trials();
    let mut start = Value::Null;
    if making.chance(25) {
        making.begins = making.day();
        start = json!(making.begins.to_string());
    }
    let discounts = making.discounts();
    let mut quote = json!({
        "timezone": zone,
        "currency": *making.random.among(&["USD", "USD", "JPY", "KWD"]),
        "period": { "from": from.to_string(), "to": to.to_string() },
        "anchor": if is_anniversary { json!(anchor.to_string()) } else { Value::Null },
        "start": start,
        "prices": prices,
        "trials": trials,
        "usage": making.usage(is_dated),
        "tax": making.taxes(),
        "wallet": making.decimal(300, 0),
        "billed": making.billed(&discounts),
        "discounts": discounts,
    });
    quote["changes"] = Value::Array(making.changes);
    quote
}
