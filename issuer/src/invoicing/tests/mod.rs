//! From what is sold and used to documents, on whichever database.

mod credits;
mod examples;
mod refused;
mod standing;
mod year;

use super::document::{Document, DocumentKind, DocumentLine};
use super::{InvoiceError, Invoicing};
use crate::admin::{CodeOrder, TenantOrder};
use crate::calendar::{local_midnight, rfc3339};
use crate::catalog::{Catalog, DEFAULT, Versions};
use crate::clock::Clock;
use crate::code::CodeEnd;
use crate::editing::Keeping;
use crate::reports::correction::CorrectionOrder;
use crate::storage::{Actor, ProfileOwner, Tier};
use crate::testkit::{Bench, order};
use crate::timeline::{ChangeOrder, Entry, QuantityDelta};
use brink_license::{CameraId, DeviceId, TenantId, UnixSeconds};
use chrono::NaiveDate;

const SELLER: &str = r#"{"legal_name":"Brink Ltd","address":["1 Quay","Dublin"],"tax_id":"IE1","payment_terms":"30 days net","due_days":30}"#;
const BUYER: &str = r#"{"legal_name":"Firm plc","address":["2 Hill","Leeds"],"tax_id":"GB2"}"#;

/// A customer of its own, and who invoices it.
struct Firm {
    bench: Bench,
    invoicing: Invoicing,
    tenant: TenantId,
    catalog: Catalog,
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

impl Firm {
    /// In this zone, invoiced in dollars, from a day on.
    fn since(from: &str, zone: &str) -> Self {
        Self::by(from, zone, DEFAULT)
    }

    fn by(from: &str, zone: &str, catalog: &str) -> Self {
        let bench = Bench::new();
        let tenant = TenantOrder {
            id: "firm".parse().unwrap(),
            name: "Firm".into(),
            timezone: zone.into(),
            currency: "USD".into(),
        };
        let tenant = bench.admin.create_tenant(tenant).unwrap().id;
        let catalog = Catalog::parse(catalog).unwrap();
        let invoicing = Invoicing {
            storage: bench.admin.storage.clone(),
            accepts_catalogs: false,
            catalogs: Versions::new(vec![catalog.clone()]).unwrap(),
            meters: catalog.meters.clone(),
            clock: bench.clock.clone(),
            actor: Actor("test".into()),
        };
        let firm = Self { bench, invoicing, tenant, catalog };
        firm.at(from);
        firm
    }

    /// It is this moment: a day of the firm, or an instant.
    fn at(&self, moment: &str) {
        let zone = self.invoicing.storage.tenant_row(&self.tenant).unwrap().zone;
        let instant = match moment.parse::<NaiveDate>() {
            Ok(day) => local_midnight(day, zone),
            Err(_) => UnixSeconds::new(chrono::DateTime::parse_from_rfc3339(moment).unwrap().timestamp()),
        };
        self.bench.pass(instant.as_i64() - self.bench.clock.now().as_i64());
    }

    fn subscribe(&self, cameras: u32, packs: &[&str]) {
        self.bench.admin.set_subscription(&self.tenant, &order(Some(cameras), packs)).unwrap();
    }

    fn trial(&self) {
        self.bench.admin.set_subscription(&self.tenant, &order(None, &[])).unwrap();
    }

    fn change(&self, order: &ChangeOrder) {
        self.bench
            .admin
            .change_subscription(&self.tenant, order, &Entry::default(), &Keeping::all())
            .unwrap();
    }

    fn cameras(&self, by: i32) {
        self.change(&ChangeOrder { cameras: Some(QuantityDelta::By(by)), ..ChangeOrder::default() });
    }

    fn items(&self, item: &str, by: i32) {
        self.change(&ChangeOrder {
            items: vec![(item.into(), QuantityDelta::By(by))],
            ..ChangeOrder::default()
        });
    }

    fn devices(&self, count: u32) -> Vec<DeviceId> {
        let order = CodeOrder {
            tenant: self.tenant.clone(),
            tier: Tier::Basic,
            uses: count,
            expires: CodeEnd::Hours(168),
        };
        self.bench.admin.create_code(&order).unwrap().devices
    }

    fn assign(&self, device: &DeviceId, cameras: std::ops::Range<usize>, packs: &[&str]) {
        let cameras = crate::testkit::names("cam", cameras);
        self.bench.assign(device, &cameras, packs);
    }

    fn unassign(&self, device: &DeviceId, cameras: std::ops::Range<usize>) {
        let cameras = crate::testkit::names("cam", cameras);
        let cameras: Vec<CameraId> = cameras.iter().map(|camera| CameraId::parse(camera).unwrap()).collect();
        let order = crate::assignment::AssignmentOrder { cameras, packs: Vec::new(), remove: true };
        self.bench.admin.assign_cameras(device, &order).unwrap();
    }

    /// Something was used an hour ago.
    fn uses(&self, device: &DeviceId, meter: &str, quantity: &str) {
        self.used_at(device, meter, quantity, self.bench.clock.now().saturating_add(-3600));
    }

    fn used_at(&self, device: &DeviceId, meter: &str, quantity: &str, at: UnixSeconds) {
        let order = CorrectionOrder {
            tenant: self.tenant.clone(),
            device: device.clone(),
            meter: meter.parse().unwrap(),
            resource: None,
            at,
            quantity: quantity.parse().unwrap(),
            reason: "used".into(),
        };
        self.bench.admin.correct_usage(&order).unwrap();
    }

    fn close(&self) -> Vec<Document> {
        let closed = self.invoicing.close(&self.tenant, None).unwrap();
        closed.into_iter().flat_map(|closed| closed.documents).collect()
    }

    fn profiles(&self, more: &str) {
        self.invoicing.set_profile(&ProfileOwner::Seller, SELLER.as_bytes()).unwrap();
        self.profile(more).unwrap();
    }

    fn profile(&self, more: &str) -> Result<(), InvoiceError> {
        let text = BUYER.replacen('}', &format!("{more}}}"), 1);
        self.invoicing.set_profile(&ProfileOwner::Tenant(self.tenant.clone()), text.as_bytes())
    }

    fn issue(&self, document: &Document) -> Document {
        self.invoicing.issue(&document.id).unwrap()
    }

    fn now(&self) -> String {
        rfc3339(self.bench.clock.now())
    }
}

/// The lines of a period.
fn of<'d>(documents: &'d [Document], from: &str) -> Vec<&'d DocumentLine> {
    let from = day(from);
    documents.iter().flat_map(|document| &document.lines).filter(|line| line.period.from == from).collect()
}

/// Key and net of the lines of a period.
fn nets(documents: &[Document], from: &str) -> Vec<(String, String)> {
    let net = |line: &&DocumentLine| {
        (line.key.to_string(), crate::billing::money::show(line.net_minor, "USD".parse().unwrap()))
    };
    of(documents, from).iter().map(net).collect()
}

fn net(key: &str, net: &str) -> (String, String) {
    (key.to_owned(), net.to_owned())
}

fn invoices(documents: &[Document]) -> Vec<&Document> {
    documents.iter().filter(|document| document.kind == DocumentKind::Invoice).collect()
}
