//! What a device does with a request of usage that does not get through.

use super::*;
use brink_license::token::{BatchVerdict, Cursor, ReceiptUsage};
use brink_license::usage::{Quantity, UsageSection};
use brink_store::Gate;

/// So many records that a request with them is large.
fn metered(scene: &Scene, records: usize) {
    let gate = Gate::open(scene.layout().bundle(), scene.issuer.anchor()).unwrap();
    let meter = gate.meter().unwrap();
    for number in 0..records {
        let resource = format!("cam-{number}").parse().unwrap();
        let line = meter.line(&"sms".parse().unwrap(), Some(&resource)).unwrap();
        meter.record_nowait(line, Quantity::whole(1)).unwrap();
    }
    meter.close().unwrap();
}

fn carried(request: &Outgoing) -> usize {
    let request = ExchangeRequest::decode(&request.bytes).unwrap();
    let usage = UsageSection::read(&RequestBody::decode(&request.body).unwrap().sections).unwrap().unwrap();
    usage.batch.map_or(0, |batch| batch.records.len())
}

#[test]
fn a_request_that_is_too_large_for_its_line_is_made_anew_with_half_as_much() {
    let (mut scene, mut device) = Scene::activated();
    metered(&scene, 1500);
    let first = device.begin_exchange(Vec::new(), &reading()).unwrap();
    assert_eq!(carried(&first), 1500);
    for _ in 0..2 {
        device.not_delivered(false).unwrap();
        let again = device.begin_exchange(Vec::new(), &reading()).unwrap();
        assert!(again.resent && again.bytes == first.bytes, "the same bytes, until it is hopeless");
    }
    device.not_delivered(false).unwrap();
    let second = device.begin_exchange(Vec::new(), &reading()).unwrap();
    assert_eq!((carried(&second), second.resent), (750, false));
    // Somebody on the way says so at once.
    device.not_delivered(true).unwrap();
    device.refused_by_issuer("HTTP_413", "too large", &reading()).unwrap();
    let third = device.begin_exchange(Vec::new(), &reading()).unwrap();
    assert_eq!(carried(&third), 375);
    let request = ExchangeRequest::decode(&third.bytes).unwrap();
    let body = RequestBody::decode(&request.body).unwrap();
    let chain = UsageSection::read(&body.sections).unwrap().unwrap().chains[0];
    let (_, answer) = scene.answer(&third, |parts| {
        let cursors = vec![Cursor { epoch: chain.epoch, seq: 375, hash: [1; 32] }];
        parts.receipt.usage = Some(ReceiptUsage { cursors, batch: BatchVerdict::Taken, quarantined: 0 });
    });
    let settlement = device.complete(&answer, &reading()).unwrap().settlement.unwrap();
    assert!(settlement.more && device.has_more(), "the next one leaves at once");
}
