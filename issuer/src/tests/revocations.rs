use crate::notices::{IssueError, ListIssued};
use crate::retirement::{RetirementOrder, Successor};
use crate::standing::{StandingOrder, Turn};
use crate::storage::Actor;
use crate::testkit::{Bench, DAY, Edge, TENANT};
use brink_license::exchange::{ExchangeResponse, NoticesHeld, RequestBody, RequestKind};
use brink_license::token::{Notice, NoticeKind, Notices, RevocationsClaims};

fn list(bench: &Bench) -> Result<ListIssued, IssueError> {
    bench.issuer.list_revoked(&TENANT.parse().unwrap(), &Actor("test".into()))
}

fn turn(bench: &Bench, edge: &Edge, turn: Turn) {
    bench.admin.turn_licence(&edge.id(), &StandingOrder { turn, reason: None }).unwrap();
}

/// As the device reads it.
fn read(edge: &Edge, token: &str) -> RevocationsClaims {
    let mut notices = Notices::default();
    let taken = notices.take_up(NoticeKind::Revocations, token, edge.keyset.as_ref().unwrap(), edge.claims());
    taken.unwrap();
    notices.revocations().unwrap().claims().clone()
}

#[test]
fn a_list_names_what_could_still_run_and_its_number_rises_only_with_its_content() {
    let bench = Bench::with(30, &[]);
    let (mut one, two, mut three) = (bench.activated(), bench.activated(), bench.activated());
    assert!(matches!(list(&bench), Err(IssueError::NothingRevoked(_))));
    turn(&bench, &one, Turn::Revoke);
    turn(&bench, &three, Turn::Suspend);
    let first = list(&bench).unwrap();
    assert_eq!((first.named, first.again), (1, false));
    let claims = read(&two, &first.list.token);
    assert!(claims.names(one.claims()) && !claims.names(two.claims()));
    assert!(!claims.names(three.claims()), "a suspension is no revocation");
    let rows = bench.rows();
    let again = list(&bench).unwrap();
    assert_eq!((&again.list, again.again, bench.rows()), (&first.list, true, rows));

    // Given back, and with another licence: the old one stays on the list until it has ended.
    turn(&bench, &one, Turn::Resume);
    let old = one.claims().clone();
    assert!(one.exchange(&bench.issuer).unwrap());
    let reason = Some("sold".into());
    let order =
        RetirementOrder { device: two.id(), successor: Successor::None, accept_overlap: false, reason };
    bench.admin.retire(&order).unwrap();
    let second = list(&bench).unwrap();
    assert_eq!((second.list.version, second.named), (first.list.version + 1, 2));
    let claims = read(&one, &second.list.token);
    assert!(claims.names(&old) && claims.names(two.claims()) && !claims.names(one.claims()));
    assert!(!three.exchange(&bench.issuer).unwrap());

    bench.pass(38 * DAY);
    assert!(matches!(list(&bench), Err(IssueError::NothingRevoked(_))), "they have ended by themselves");
}

#[test]
fn an_answer_brings_the_list_once_and_only_to_its_tenant() {
    let bench = Bench::with(30, &[]);
    let (one, mut two) = (bench.activated(), bench.activated());
    turn(&bench, &one, Turn::Revoke);
    let issued = list(&bench).unwrap();
    let request = two.request(RequestKind::Exchange);
    let answer = bench.issuer.answer(&request, None).unwrap();
    let brought = ExchangeResponse::decode(&answer).unwrap();
    assert_eq!(brought.notices().unwrap(), [(NoticeKind::Revocations, issued.list.token.as_str())]);
    two.accept(&answer);
    let number = issued.list.version;
    let held = Notice { kind: NoticeKind::Revocations, number, token: issued.list.token };
    let section = NoticesHeld::of(&[held]).section().unwrap().unwrap();
    two.ctr += 1;
    let kind = RequestKind::Exchange;
    let body = RequestBody { kind, report: Default::default(), last_receipt: None, sections: vec![section] };
    let request = two.signed("/v1/exchange", body.encode().unwrap(), |_| {});
    let answer = bench.issuer.answer(&request, None).unwrap();
    assert_eq!(ExchangeResponse::decode(&answer).unwrap().notices().unwrap(), [], "it has it");
}
