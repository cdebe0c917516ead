//! One document at Stripe: what is there is looked up, and what is missing is made. Whatever stops it, the next try goes on.

use super::client::{Posted, StripeClient, shaped};
use super::error::{Refused, StripeError};
use super::objects::{AtStripe, Invoice, ItemThere, id_of, is_marked};
use super::plan::{End, Exported, InvoicePlan, Item, Plan, plan};
use super::request::{Request, Step, metadata};
use crate::invoicing::document::Document;
use brink_license::UnixSeconds;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Keys that are tried for one thing. Each but the last was spent: on a failure that Stripe remembers, or on a thing that
/// somebody deleted within the 24 hours that Stripe remembers it.
const ROUNDS_MAX: u32 = 8;

/// What the caller knows.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The tenant's customer at Stripe, if it is known.
    pub customer: Option<&'a str>,
    /// Now.
    pub now: UnixSeconds,
}

/// What is at Stripe now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The customer.
    pub customer: String,
    /// The invoice; of a credit note the one that it is for.
    pub invoice: String,
    /// Where that stands.
    pub status: AtStripe,
    /// The credit note; `None` for an invoice, and for one that was voided before Stripe knew it.
    pub credit_note: Option<String>,
    /// The number at Stripe.
    pub number: Option<String>,
    /// How much was changed at Stripe: nothing, where it was all there.
    pub changes: u32,
}

/// Exports one document. Twice is once: what is at Stripe already is found by its metadata and compared.
pub fn push(client: &StripeClient, document: &Document, known: &Known<'_>) -> Result<Pushed, StripeError> {
    let plan = plan(document, known.now)?;
    let mut pusher = Pusher { client, plan: &plan, changes: 0 };
    let customer = pusher.customer(known.customer)?;
    match &plan.exported {
        Exported::Invoice(invoice) => pusher.invoice(customer, invoice),
        Exported::CreditNote(credit) => pusher.credit_note(customer, credit),
    }
}

pub(super) struct Pusher<'p> {
    pub(super) client: &'p StripeClient,
    pub(super) plan: &'p Plan,
    pub(super) changes: u32,
}

impl Pusher<'_> {
    /// The one that is marked so, if there is one.
    pub(super) fn only(&self, found: Vec<Value>, what: &str) -> Result<Option<Value>, StripeError> {
        if found.len() > 1 {
            let ids: Vec<&str> = found.iter().filter_map(|object| object["id"].as_str()).collect();
            return Err(StripeError::Twice { what: what.to_owned(), ids: ids.join(", ") });
        }
        Ok(found.into_iter().next())
    }

    /// Performs a request once. `find` looks for what it makes, wherever the answer does not say for certain that it is there:
    /// a refusal may come because somebody else was faster, and what is replayed may have been deleted since.
    pub(super) fn once(
        &mut self,
        path: &str,
        request: &Request,
        find: impl Fn(&Self) -> Result<Option<Value>, StripeError>,
    ) -> Result<Value, StripeError> {
        let mut spent = None;
        for round in 0..ROUNDS_MAX {
            let (replayed, refused) = match self.client.post(path, &request.params, &request.key(path, round))
            {
                Ok(Posted { object, replayed: false }) => {
                    self.changes += 1;
                    return Ok(object);
                }
                Ok(Posted { object, .. }) => (Some(object), None),
                Err(StripeError::Refused(refused)) => (None, Some(refused)),
                Err(error) => return Err(error),
            };
            let found = match (find(self)?, &replayed) {
                (None, Some(object)) if request.step.makes() => self.still_there(path, object)?,
                (found, _) => found,
            };
            if let Some(found) = found {
                self.changes += 1;
                return Ok(found);
            }
            match refused {
                Some(refused) if !refused.is_spent() => return Err(StripeError::Refused(refused)),
                Some(refused) => spent = Some(refused),
                None => {}
            }
        }
        Err(StripeError::Refused(spent.unwrap_or_else(|| Box::new(all_gone(path)))))
    }

    /// What a replayed answer names, if it was not deleted since: a list may not have it yet.
    fn still_there(&self, path: &str, object: &Value) -> Result<Option<Value>, StripeError> {
        let path = format!("{path}/{}", id_of(path, object)?);
        match self.client.get(&path, &[]) {
            Ok(object) => Ok((object["deleted"] != true).then_some(object)),
            Err(StripeError::Refused(refused)) if refused.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn customer(&mut self, given: Option<&str>) -> Result<String, StripeError> {
        if let Some(id) = given {
            return self.given_customer(id);
        }
        let plan = self.plan;
        let find = |pusher: &Self| {
            let wanted = |object: &Value| is_marked(object, metadata::TENANT, &plan.tenant);
            let found = pusher.client.list("/v1/customers", &[], wanted)?;
            pusher.only(found, &format!("the customer of tenant {}", plan.tenant))
        };
        let customer = match find(self)? {
            Some(found) => found,
            None => self.once("/v1/customers", &plan.customer, find)?,
        };
        id_of("/v1/customers", &customer)
    }

    /// A customer that the caller names is marked, so that it is found by whoever does not name it.
    fn given_customer(&mut self, id: &str) -> Result<String, StripeError> {
        let bad = |what: &str| StripeError::Customer { id: shown(id), what: what.to_owned() };
        if !id.starts_with("cus_") || id_of("", &serde_json::json!({ "id": id })).is_err() {
            return Err(bad("is no id of a customer, which begins with cus_"));
        }
        let path = format!("/v1/customers/{id}");
        let customer = match self.client.get(&path, &[]) {
            Err(StripeError::Refused(refused)) if refused.is_missing() => return Err(bad("is not there")),
            other => other?,
        };
        if customer["deleted"] == true {
            return Err(bad("was deleted"));
        }
        match customer["metadata"][metadata::TENANT].as_str() {
            Some(tenant) if tenant == self.plan.tenant => {}
            Some(_) => return Err(bad("is another tenant's")),
            None => {
                let tenant = self.plan.tenant.clone();
                let mark = Request::new(Step::Adopt, &tenant, Vec::new())
                    .about(&format!("metadata[{}]", metadata::TENANT), &tenant);
                self.once(&path, &mark, |pusher| {
                    let customer = pusher.client.get(&path, &[])?;
                    Ok(is_marked(&customer, metadata::TENANT, &tenant).then_some(customer))
                })?;
            }
        }
        Ok(id.to_owned())
    }

    pub(super) fn find_invoice(&self, customer: &str, document: &str) -> Result<Option<Value>, StripeError> {
        let wanted = |object: &Value| is_marked(object, metadata::INVOICE, document);
        let found = self.client.list("/v1/invoices", &[("customer", customer)], wanted)?;
        self.only(found, &format!("the invoice of document {document}"))
    }

    fn read_invoice(&self, id: &str) -> Result<Invoice, StripeError> {
        let path = format!("/v1/invoices/{id}");
        shaped(&format!("GET {path}"), self.client.get(&path, &[])?)
    }

    fn invoice(mut self, customer: String, wanted: &InvoicePlan) -> Result<Pushed, StripeError> {
        let document = &self.plan.document;
        let object = match self.find_invoice(&customer, document)? {
            Some(found) => found,
            None => {
                let draft = wanted.draft.clone().about("customer", &customer);
                self.once("/v1/invoices", &draft, |pusher| pusher.find_invoice(&customer, document))?
            }
        };
        let id = id_of("/v1/invoices", &object)?;
        let mut invoice: Invoice = shaped("/v1/invoices", object)?;
        if invoice.status == AtStripe::Draft {
            self.fill(&customer, &id, &wanted.items)?;
            invoice = self.read_invoice(&id)?;
            if invoice.starting_balance != 0 && invoice.status == AtStripe::Draft {
                return Err(self.differs(&id, "the balance of the customer", 0, invoice.starting_balance));
            }
        }
        self.compare(&id, &invoice.currency, (wanted.total, invoice.total))?;
        if invoice.status == AtStripe::Draft {
            let request =
                Request::new(Step::Finalize, document, vec![("auto_advance".into(), "false".into())]);
            invoice = self.advance(&id, ("finalize", request), |status| status != AtStripe::Draft)?;
        }
        let invoice = self.end(invoice, wanted)?;
        Ok(Pushed {
            customer,
            invoice: invoice.id,
            status: invoice.status,
            credit_note: None,
            number: invoice.number,
            changes: self.changes,
        })
    }

    /// Adds to a draft what it lacks, and insists that what is there is as it should be.
    fn fill(&mut self, customer: &str, invoice: &str, items: &[Item]) -> Result<(), StripeError> {
        let mut there: BTreeMap<String, Value> = BTreeMap::new();
        for object in self.items(invoice, None)? {
            let line = object["metadata"][metadata::LINE].as_str().unwrap_or_default().to_owned();
            if let Some(other) = there.insert(line.clone(), object)
                && !line.is_empty()
            {
                let found = other["id"].as_str().unwrap_or_default();
                let ids = format!("{found} and {}", there[&line]["id"].as_str().unwrap_or_default());
                return Err(StripeError::Twice { what: format!("{line} of {invoice}"), ids });
            }
        }
        for item in items {
            let object = match there.remove(&item.line) {
                Some(object) => object,
                None => {
                    let request = item.request.clone().about("customer", customer).about("invoice", invoice);
                    self.once("/v1/invoiceitems", &request, |pusher| {
                        let found = pusher.items(invoice, Some(&item.line))?;
                        pusher.only(found, &format!("{} of {invoice}", item.line))
                    })?
                }
            };
            let found: ItemThere = shaped("/v1/invoiceitems", object)?;
            let name = found.metadata.get(metadata::LINE).unwrap_or(&item.line);
            if found.amount != item.amount || found.currency != self.plan.currency {
                return Err(StripeError::Differs {
                    name: self.plan.name.clone(),
                    at: invoice.to_owned(),
                    what: name.clone(),
                    wanted: format!("{} {}", item.amount, self.plan.currency),
                    found: format!("{} {}", found.amount, found.currency),
                });
            }
        }
        Ok(())
    }

    fn items(&self, invoice: &str, line: Option<&str>) -> Result<Vec<Value>, StripeError> {
        let wanted = |object: &Value| line.is_none_or(|line| is_marked(object, metadata::LINE, line));
        self.client.list("/v1/invoiceitems", &[("invoice", invoice)], wanted)
    }

    fn differs(&self, at: &str, what: &str, wanted: i64, found: i64) -> StripeError {
        StripeError::Differs {
            name: self.plan.name.clone(),
            at: at.to_owned(),
            what: what.to_owned(),
            wanted: wanted.to_string(),
            found: found.to_string(),
        }
    }

    pub(super) fn compare(
        &self,
        at: &str,
        currency: &str,
        (wanted, found): (i64, i64),
    ) -> Result<(), StripeError> {
        if currency != self.plan.currency {
            return Err(StripeError::Differs {
                name: self.plan.name.clone(),
                at: at.to_owned(),
                what: "the currency".into(),
                wanted: self.plan.currency.clone(),
                found: currency.to_owned(),
            });
        }
        if wanted == found { Ok(()) } else { Err(self.differs(at, "the total", wanted, found)) }
    }

    /// Asks Stripe to move an invoice on, if it has not moved.
    fn advance(
        &mut self,
        id: &str,
        (verb, request): (&str, Request),
        has_moved: impl Fn(AtStripe) -> bool,
    ) -> Result<Invoice, StripeError> {
        let path = format!("/v1/invoices/{id}/{verb}");
        let object = self.once(&path, &request, |pusher| {
            let path = format!("/v1/invoices/{id}");
            let object = pusher.client.get(&path, &[])?;
            let status: AtStripe = shaped(&path, object["status"].clone())?;
            Ok(has_moved(status).then_some(object))
        })?;
        shaped(&path, object)
    }

    /// What is paid or void here becomes so there.
    fn end(&mut self, invoice: Invoice, wanted: &InvoicePlan) -> Result<Invoice, StripeError> {
        let document = self.plan.document.clone();
        let here = match wanted.end {
            End::Open => "issued",
            End::Paid => "paid",
            End::Void => "void",
        };
        match (&wanted.end, invoice.status) {
            (End::Open, AtStripe::Open | AtStripe::Paid | AtStripe::Uncollectible)
            | (End::Paid, AtStripe::Paid)
            | (End::Void, AtStripe::Void) => Ok(invoice),
            // Stripe takes an invoice of nothing for paid at once, and voids nothing that is paid.
            (End::Void, AtStripe::Paid) if wanted.total == 0 => Ok(invoice),
            (End::Paid, AtStripe::Open | AtStripe::Uncollectible) => {
                let params = vec![("paid_out_of_band".into(), "true".into())];
                let request = Request::new(Step::Pay, &document, params);
                self.advance(&invoice.id, ("pay", request), |status| status == AtStripe::Paid)
            }
            (End::Void, AtStripe::Open | AtStripe::Uncollectible) => {
                let request = Request::new(Step::Void, &document, Vec::new());
                self.advance(&invoice.id, ("void", request), |status| status == AtStripe::Void)
            }
            (End::Open | End::Paid, AtStripe::Void)
            | (End::Void, AtStripe::Paid)
            | (End::Open | End::Paid | End::Void, AtStripe::Draft) => Err(StripeError::Standing {
                name: self.plan.name.clone(),
                at: invoice.id,
                here,
                there: invoice.status.word(),
            }),
        }
    }
}

/// What of an id from outside is repeated.
fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn all_gone(path: &str) -> Refused {
    Refused {
        request: format!("POST {path}"),
        status: 200,
        kind: "none".into(),
        code: None,
        param: None,
        message: "what was made has been deleted each time within a day; try again after a day".into(),
        id: None,
        replayed: true,
    }
}
