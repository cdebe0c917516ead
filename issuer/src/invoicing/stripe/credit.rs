//! A credit note at Stripe, where its invoice is.

use super::client::shaped;
use super::error::StripeError;
use super::objects::{AtStripe, CreditNote, Invoice, id_of, is_marked};
use super::plan::CreditPlan;
use super::push::{Pushed, Pusher};
use super::request::{Request, Step, metadata};
use serde_json::Value;

impl Pusher<'_> {
    pub(super) fn credit_note(
        mut self,
        customer: String,
        wanted: &CreditPlan,
    ) -> Result<Pushed, StripeError> {
        let object = self.find_invoice(&customer, &wanted.invoice)?;
        let object = object.ok_or_else(|| StripeError::NotExported {
            name: self.plan.name.clone(),
            invoice: wanted.invoice_name.clone(),
        })?;
        let id = id_of("/v1/invoices", &object)?;
        let invoice: Invoice = shaped("/v1/invoices", object)?;
        let document = &self.plan.document;
        let find = |pusher: &Self| {
            let marked = |object: &Value| is_marked(object, metadata::CREDIT_NOTE, document);
            let found = pusher.client.list("/v1/credit_notes", &[("invoice", &id)], marked)?;
            pusher.only(found, &format!("the credit note of document {document}"))
        };
        let note = match find(&self)? {
            None if wanted.is_void => None,
            Some(found) => Some(found),
            None => {
                self.may_credit(&invoice, wanted)?;
                let request = wanted.request.clone().about("invoice", &id);
                Some(self.once("/v1/credit_notes", &request, find)?)
            }
        };
        let note = note.map(|note| self.settled(note, wanted)).transpose()?;
        Ok(Pushed {
            customer,
            invoice: id,
            status: invoice.status,
            number: note.as_ref().and_then(|note| note.number.clone()),
            credit_note: note.map(|note| note.id),
            changes: self.changes,
        })
    }

    fn may_credit(&self, invoice: &Invoice, wanted: &CreditPlan) -> Result<(), StripeError> {
        let (name, at) = (self.plan.name.clone(), invoice.id.clone());
        match invoice.status {
            AtStripe::Paid => {}
            AtStripe::Open | AtStripe::Uncollectible => return Err(StripeError::CreditOfOpen { name, at }),
            AtStripe::Draft | AtStripe::Void => {
                let there = invoice.status.word();
                return Err(StripeError::Standing { name, at, here: "a credit note of it", there });
            }
        }
        let given =
            invoice.pre_payment_credit_notes_amount.saturating_add(invoice.post_payment_credit_notes_amount);
        let left = invoice.total.saturating_sub(given);
        if wanted.amount > left {
            return Err(StripeError::CreditBeyond { name, at, wanted: wanted.amount, left });
        }
        Ok(())
    }

    fn settled(&mut self, object: Value, wanted: &CreditPlan) -> Result<CreditNote, StripeError> {
        let id = id_of("/v1/credit_notes", &object)?;
        let note: CreditNote = shaped("/v1/credit_notes", object)?;
        self.compare(&id, &note.currency, (wanted.amount, note.amount))?;
        let (here, there) = match (wanted.is_void, note.status == "void") {
            (false, false) | (true, true) => return Ok(note),
            (false, true) => ("issued", "void"),
            (true, false) => ("void", "issued"),
        };
        if !wanted.is_void {
            return Err(StripeError::Standing { name: self.plan.name.clone(), at: id, here, there });
        }
        let path = format!("/v1/credit_notes/{id}/void");
        let request = Request::new(Step::VoidCreditNote, &self.plan.document, Vec::new());
        let object = self.once(&path, &request, |pusher| {
            let object = pusher.client.get(&format!("/v1/credit_notes/{id}"), &[])?;
            Ok((object["status"] == "void").then_some(object))
        })?;
        shaped(&path, object)
    }
}
