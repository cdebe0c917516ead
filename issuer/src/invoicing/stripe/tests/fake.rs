//! A server of Stripe's shape: what our requests do there, its idempotency keys, its pages, and failures where a test wants
//! them. It takes what the official API takes and refuses every other parameter.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

pub(super) const KEY: &str = "sk_test_never_to_be_seen";

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection ends before anything is done.
    Before,
    /// It is done, and the connection ends without an answer.
    After,
    /// A failure that is remembered under the key, before anything is done.
    Failed,
    /// The same, though it is done.
    FailedAfter,
    /// Too many requests.
    Limited,
    /// The key is in use.
    InUse,
}

#[derive(Clone, Debug)]
struct Remembered {
    params: BTreeMap<String, String>,
    status: u16,
    body: Value,
}

#[derive(Default)]
pub(super) struct Books {
    pub(super) customers: Vec<Value>,
    pub(super) invoices: Vec<Value>,
    pub(super) items: Vec<Value>,
    pub(super) notes: Vec<Value>,
    keys: BTreeMap<String, Remembered>,
    /// Every request, as `POST /v1/invoices`.
    pub(super) seen: Vec<String>,
    /// Counts requests down to the one that fails, and how often in a row it does.
    pub(super) fault: Option<(usize, usize, Fault)>,
    /// Lists do not have what was made yet.
    pub(super) lists_lag: bool,
    /// Of one page, whatever is asked for: so that few things are several pages.
    page: usize,
    made: usize,
}

pub(super) struct Fake {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    body: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

type Answer = Result<Value, (u16, Value)>;

fn refused(status: u16, kind: &str, code: &str, param: &str) -> (u16, Value) {
    let message = format!("no, not with key {KEY}: \u{1b}[31m{param}");
    (status, json!({"error": {"type": kind, "code": code, "param": param, "message": message}}))
}

fn invalid(param: &str) -> (u16, Value) {
    refused(400, "invalid_request_error", "parameter_unknown", param)
}

impl Fake {
    pub(super) fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let books = Arc::new(Mutex::new(Books { page: 2, ..Books::default() }));
        let shared = Arc::clone(&books);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &shared);
            }
        });
        Fake { address, books }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// A day passes: keys are kept no longer.
    pub(super) fn forgets_keys(&self) {
        self.books().keys.clear();
    }
}

fn serve(stream: &TcpStream, books: &Mutex<Books>) {
    let Some(asked) = read(stream) else { return };
    let mut books = books.lock().unwrap();
    books.seen.push(format!("{} {}", asked.method, asked.path));
    let fault = books.fault_now();
    if fault == Some(Fault::Before) {
        return;
    }
    let (status, body, replayed) = books.answer(&asked, fault);
    if fault == Some(Fault::After) {
        return;
    }
    let body = body.to_string();
    let mark = if replayed { "Idempotent-Replayed: true\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\n{mark}Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.to_owned(),
        query: serde_urlencoded::from_str(query).unwrap(),
        body: serde_urlencoded::from_bytes(&body).unwrap(),
        headers,
    })
}

impl Books {
    fn fault_now(&mut self) -> Option<Fault> {
        let (left, times, fault) = self.fault?;
        if left > 0 {
            self.fault = Some((left - 1, times, fault));
            return None;
        }
        self.fault = (times > 1).then_some((0, times - 1, fault));
        Some(fault)
    }

    fn answer(&mut self, asked: &Asked, fault: Option<Fault>) -> (u16, Value, bool) {
        assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(asked.headers["stripe-version"], super::super::STRIPE_VERSION);
        match fault {
            Some(Fault::Limited) => {
                return (
                    429,
                    json!({"error": {"type": "invalid_request_error", "code": "rate_limit"}}),
                    false,
                );
            }
            Some(Fault::InUse) => {
                return (
                    409,
                    json!({"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}),
                    false,
                );
            }
            Some(Fault::Before | Fault::After | Fault::Failed | Fault::FailedAfter) | None => {}
        }
        if asked.method == "GET" {
            assert!(!asked.headers.contains_key("idempotency-key"));
            if fault == Some(Fault::Failed) || fault == Some(Fault::FailedAfter) {
                return (500, json!({"error": {"type": "api_error"}}), false);
            }
            return match self.read(asked) {
                Ok(body) => (200, body, false),
                Err((status, body)) => (status, body, false),
            };
        }
        let key = asked.headers["idempotency-key"].clone();
        assert!(key.len() <= 255);
        if let Some(kept) = self.keys.get(&key) {
            if kept.params != asked.body {
                return (
                    400,
                    json!({"error": {"type": "idempotency_error", "message": "other parameters"}}),
                    false,
                );
            }
            return (kept.status, kept.body.clone(), true);
        }
        let failed = (500, json!({"error": {"type": "api_error", "message": "remembered"}}));
        let (status, body) = match fault {
            Some(Fault::Failed) => failed,
            Some(Fault::FailedAfter) => {
                let _ = self.write(asked);
                failed
            }
            Some(Fault::Before | Fault::After | Fault::Limited | Fault::InUse) | None => {
                match self.write(asked) {
                    Ok(body) => (200, body),
                    // What fails to validate is not kept.
                    Err((status, body)) => return (status, body, false),
                }
            }
        };
        self.keys.insert(key, Remembered { params: asked.body.clone(), status, body: body.clone() });
        (status, body, false)
    }

    fn read(&self, asked: &Asked) -> Answer {
        let of =
            |name: &str, value: &Value| asked.query.get(name).is_none_or(|wanted| value[name] == **wanted);
        match asked.path.as_str() {
            "/v1/customers" => self.page(asked, self.customers.iter().filter(|_| true)),
            "/v1/invoices" => {
                self.page(asked, self.invoices.iter().filter(|invoice| of("customer", invoice)))
            }
            "/v1/invoiceitems" => self.page(asked, self.items.iter().filter(|item| of("invoice", item))),
            "/v1/credit_notes" => self.page(asked, self.notes.iter().filter(|note| of("invoice", note))),
            path => {
                let (table, id) = path.rsplit_once('/').unwrap();
                let rows = match table {
                    "/v1/customers" => &self.customers,
                    "/v1/invoices" => &self.invoices,
                    "/v1/credit_notes" => &self.notes,
                    "/v1/invoiceitems" => &self.items,
                    other => panic!("nobody asks for {other}"),
                };
                let found = rows.iter().find(|row| row["id"] == id);
                found.cloned().ok_or_else(|| refused(404, "invalid_request_error", "resource_missing", "id"))
            }
        }
    }

    /// Newest first.
    fn page<'a>(&'a self, asked: &Asked, rows: impl Iterator<Item = &'a Value>) -> Answer {
        let known = ["limit", "starting_after", "customer", "invoice"];
        if let Some(name) = asked.query.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid(name));
        }
        let mut rows: Vec<&Value> = rows.collect();
        rows.reverse();
        if self.lists_lag {
            rows.clear();
        }
        let from = match asked.query.get("starting_after") {
            Some(after) => rows.iter().position(|row| row["id"] == **after).unwrap() + 1,
            None => 0,
        };
        let rest = &rows[from..];
        let page = &rest[..rest.len().min(self.page)];
        Ok(json!({"object": "list", "data": page, "has_more": rest.len() > page.len()}))
    }

    fn write(&mut self, asked: &Asked) -> Answer {
        let steps: Vec<&str> = asked.path.trim_start_matches("/v1/").split('/').collect();
        match steps[..] {
            ["customers"] => self.make_customer(asked),
            ["customers", id] => {
                only(asked, &["metadata"])?;
                let marks = metadata(asked);
                let customer = row(&mut self.customers, id)?;
                customer["metadata"] = marks;
                Ok(customer.clone())
            }
            ["invoices"] => self.make_invoice(asked),
            ["invoiceitems"] => self.make_item(asked),
            ["invoices", id, verb] => self.advance(asked, id, verb),
            ["credit_notes"] => self.make_note(asked),
            ["credit_notes", id, "void"] => {
                let note = row(&mut self.notes, id)?;
                note["status"] = json!("void");
                Ok(note.clone())
            }
            _ => panic!("nobody posts to {}", asked.path),
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}_{}", self.made)
    }

    fn make_customer(&mut self, asked: &Asked) -> Answer {
        only(asked, &["name", "email", "address", "metadata"])?;
        let customer = json!({
            "id": self.id("cus"), "name": asked.body.get("name"), "email": asked.body.get("email"),
            "metadata": metadata(asked), "balance": 0,
        });
        self.customers.push(customer.clone());
        Ok(customer)
    }

    fn make_invoice(&mut self, asked: &Asked) -> Answer {
        let known = [
            "customer",
            "auto_advance",
            "collection_method",
            "currency",
            "pending_invoice_items_behavior",
            "discounts",
            "number",
            "effective_at",
            "description",
            "due_date",
            "days_until_due",
            "metadata",
        ];
        only(asked, &known)?;
        let form = &asked.body;
        let customer = row(&mut self.customers, &form["customer"])?.clone();
        assert_eq!(form["pending_invoice_items_behavior"], "exclude");
        assert_eq!(form["collection_method"], "send_invoice");
        if form.contains_key("due_date") == form.contains_key("days_until_due") {
            return Err(invalid("due_date"));
        }
        if self.invoices.iter().any(|other| other["number"] == json!(form.get("number"))) {
            return Err(invalid("number"));
        }
        let invoice = json!({
            "id": self.id("in"), "customer": form["customer"], "currency": form["currency"], "status": "draft", "total": 0,
            "number": form.get("number"), "metadata": metadata(asked), "starting_balance": customer["balance"],
            "due_date": form.get("due_date"), "days_until_due": form.get("days_until_due"),
        });
        self.invoices.push(invoice.clone());
        Ok(invoice)
    }

    fn make_item(&mut self, asked: &Asked) -> Answer {
        only(
            asked,
            &[
                "customer",
                "invoice",
                "amount",
                "currency",
                "description",
                "discountable",
                "period",
                "metadata",
            ],
        )?;
        let form = &asked.body;
        let amount: i64 = form["amount"].parse().unwrap();
        let (start, end): (i64, i64) =
            (form["period[start]"].parse().unwrap(), form["period[end]"].parse().unwrap());
        assert!(start <= end && form["discountable"] == "false");
        let item = json!({
            "id": self.id("ii"), "invoice": form["invoice"], "customer": form["customer"], "amount": amount,
            "currency": form["currency"], "description": form["description"], "metadata": metadata(asked),
        });
        let invoice = row(&mut self.invoices, &form["invoice"])?;
        if invoice["status"] != "draft"
            || invoice["currency"] != item["currency"]
            || invoice["customer"] != item["customer"]
        {
            return Err(invalid("invoice"));
        }
        invoice["total"] = json!(invoice["total"].as_i64().unwrap() + amount);
        self.items.push(item.clone());
        Ok(item)
    }

    fn advance(&mut self, asked: &Asked, id: &str, verb: &str) -> Answer {
        only(asked, &["auto_advance", "paid_out_of_band"])?;
        let invoice = row(&mut self.invoices, id)?;
        let status = match (verb, invoice["status"].as_str().unwrap()) {
            ("finalize", "draft") if invoice["total"] == 0 => "paid",
            ("finalize", "draft") => "open",
            ("pay", "open" | "uncollectible") if asked.body["paid_out_of_band"] == "true" => "paid",
            ("void", "open" | "uncollectible") => "void",
            _ => return Err(refused(400, "invalid_request_error", "invoice_not_editable", verb)),
        };
        invoice["status"] = json!(status);
        Ok(invoice.clone())
    }

    fn make_note(&mut self, asked: &Asked) -> Answer {
        only(
            asked,
            &["invoice", "amount", "out_of_band_amount", "email_type", "effective_at", "memo", "metadata"],
        )?;
        let form = &asked.body;
        let amount: i64 = form["amount"].parse().unwrap();
        let note = json!({
            "id": self.id("cn"), "invoice": form["invoice"], "amount": amount, "status": "issued",
            "number": format!("CN-{}", self.made), "metadata": metadata(asked), "currency": "usd",
        });
        let invoice = row(&mut self.invoices, &form["invoice"])?;
        assert_eq!(invoice["status"], "paid");
        assert_eq!(form["out_of_band_amount"], form["amount"]);
        let given = invoice["post_payment_credit_notes_amount"].as_i64().unwrap_or(0) + amount;
        if given > invoice["total"].as_i64().unwrap() {
            return Err(invalid("amount"));
        }
        invoice["post_payment_credit_notes_amount"] = json!(given);
        self.notes.push(note.clone());
        Ok(note)
    }
}

fn row<'a>(rows: &'a mut [Value], id: &str) -> Result<&'a mut Value, (u16, Value)> {
    let found = rows.iter_mut().find(|row| row["id"] == id);
    found.ok_or_else(|| refused(404, "invalid_request_error", "resource_missing", id))
}

fn only(asked: &Asked, known: &[&str]) -> Result<(), (u16, Value)> {
    let names: BTreeSet<&str> = asked.body.keys().map(|name| name.split('[').next().unwrap()).collect();
    match names.into_iter().find(|name| !known.contains(name)) {
        Some(name) => Err(invalid(name)),
        None => Ok(()),
    }
}

fn metadata(asked: &Asked) -> Value {
    let mut marks = Map::new();
    for (name, value) in &asked.body {
        if let Some(name) = name.strip_prefix("metadata[").and_then(|name| name.strip_suffix(']')) {
            assert!(name.len() <= 40 && value.chars().count() <= 500);
            marks.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(marks)
}
