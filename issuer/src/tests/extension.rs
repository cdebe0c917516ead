use crate::extension::{Extended, ExtensionError, ExtensionOrder};
use crate::notices::IssueError;
use crate::retirement::{RetirementOrder, Successor};
use crate::standing::{StandingOrder, Turn};
use crate::storage::{Actor, AnswerKind, DeviceListed};
use crate::testkit::{Bench, DAY, Edge, TENANT, names};
use brink_license::DeviceId;
use brink_license::exchange::{ExchangeResponse, RequestKind};
use brink_license::token::{NoticeKind, Notices};

impl Bench {
    pub(super) fn extend(&self, device: &DeviceId, days: u32) -> Result<Extended, ExtensionError> {
        let order = ExtensionOrder { device: device.clone(), days, reason: Some("dark site".into()) };
        match self.issuer.extend(&order, &Actor("night".into())) {
            Ok(extended) => Ok(extended),
            Err(IssueError::Extension(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    fn as_listed(&self, device: &DeviceId) -> DeviceListed {
        let listed = self.admin.devices(&TENANT.parse().unwrap()).unwrap();
        listed.into_iter().find(|listed| listed.device == *device).unwrap()
    }

    fn turn(&self, device: &DeviceId, turn: Turn) {
        self.admin.turn_licence(device, &StandingOrder { turn, reason: None }).unwrap();
    }
}

/// What an answer brings along, as the device takes it up.
fn brought(bench: &Bench, edge: &mut Edge) -> Option<u64> {
    let request = edge.request(RequestKind::Exchange);
    let answer = bench.issuer.answer(&request, Some(AnswerKind::Exchange)).unwrap();
    edge.accept(&answer);
    let response = ExchangeResponse::decode(&answer).unwrap();
    let notices = response.notices().unwrap();
    let (kind, token) = notices.iter().find(|(kind, _)| *kind == NoticeKind::Extension)?;
    let taken = Notices::default().take_up(*kind, token, edge.keyset.as_ref().unwrap(), edge.claims());
    Some(taken.unwrap().number)
}

#[test]
fn an_extension_is_bound_to_the_licence_recorded_audited_and_shown() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let before = bench.as_listed(&edge.id());
    bench.pass(36 * DAY);
    let extended = bench.extend(&edge.id(), 5).unwrap();
    let claims = extended.extension.claims();
    assert!(claims.extends(edge.claims()));
    assert_eq!(claims.until.since(claims.iat), 5 * DAY);
    let typed = extended.typed.unwrap();
    let keyset = edge.keyset.as_ref().unwrap();
    assert_eq!(typed.token(edge.claims(), keyset).unwrap(), extended.extension.token());
    let after = bench.as_listed(&edge.id());
    assert_eq!((before.extended_until, after.extended_until), (None, Some(claims.until)));
    assert_eq!((after.ends_at, after.held_until), (Some(claims.until), claims.until));
    assert_eq!(after.seats_held, 10);
    let (actor, detail) = bench.audited("license.extend");
    assert_eq!((actor.as_str(), detail["reason"].as_str()), ("night", Some("dark site")));
    assert_eq!((&detail["number"], &detail["days"]), (&claims.number.into(), &5.into()));
    for edit in ["UPDATE extensions SET until = until + 1", "DELETE FROM extensions"] {
        let error = bench.try_sql(edit, &[]).unwrap_err();
        assert!(error.contains("insert-only"), "{error}");
    }
}

#[test]
fn it_goes_along_with_the_next_answer_while_it_lasts() {
    let bench = Bench::with(10, &[]);
    let (mut edge, mut other) = (bench.activated(), bench.activated());
    assert_eq!(brought(&bench, &mut edge), None);
    let number = |days| bench.extend(&edge.id(), days).unwrap().extension.claims().number;
    let (first, second) = (number(1), number(2));
    assert_eq!(second, first + 1);
    assert_eq!(brought(&bench, &mut edge), Some(second), "the newest alone");
    assert_eq!(brought(&bench, &mut other), None, "and to nobody else");
    bench.pass(2 * DAY);
    assert_eq!(brought(&bench, &mut edge), None);
}

#[test]
fn extensions_are_short_and_few() {
    let bench = Bench::with(10, &[]);
    let edge = bench.activated();
    for days in [0, 15] {
        assert_eq!(bench.extend(&edge.id(), days).unwrap_err(), ExtensionError::Days);
    }
    let order = ExtensionOrder { device: edge.id(), days: 1, reason: Some("\n".into()) };
    let refused = bench.issuer.extend(&order, &Actor("night".into())).unwrap_err();
    assert!(matches!(refused, IssueError::Extension(ExtensionError::Reason)), "{refused}");
    bench.extend(&edge.id(), 14).unwrap();
    bench.pass(DAY);
    bench.extend(&edge.id(), 14).unwrap();
    let rows = bench.rows();
    let too_much = |given| ExtensionError::TooMuch { device: edge.id(), given };
    assert_eq!(bench.extend(&edge.id(), 3).unwrap_err(), too_much(28));
    assert_eq!(bench.rows(), rows, "a refusal records nothing");
    bench.extend(&edge.id(), 2).unwrap();
    assert_eq!(bench.extend(&edge.id(), 1).unwrap_err(), too_much(30));
    bench.pass(89 * DAY);
    bench.extend(&edge.id(), 14).expect("the first is a quarter of a year old");
    assert_eq!(bench.extend(&edge.id(), 1).unwrap_err(), too_much(30));
}

#[test]
fn a_database_that_was_restored_gives_no_number_that_a_device_has_had() {
    let mut bench = Bench::with(10, &[]);
    let edge = bench.activated();
    let backup = bench.backup();
    let number = |bench: &Bench| bench.extend(&edge.id(), 1).unwrap().extension.claims().number;
    let mut newest = 0;
    for _ in 0..3 {
        bench.pass(DAY);
        newest = number(&bench);
    }
    bench.put_back(&backup);
    bench.pass(DAY);
    assert!(number(&bench) > newest);
}

#[test]
fn what_is_withdrawn_or_gone_or_never_came_is_not_extended() {
    let bench = Bench::with(10, &[]);
    let code = |device: &DeviceId| bench.extend(device, 1).unwrap_err().code();
    assert_eq!(code(&bench.code(1).devices[0]), "NOT_ACTIVATED");
    let mut edge = bench.activated();
    bench.turn(&edge.id(), Turn::Suspend);
    assert_eq!(code(&edge.id()), "SUSPENDED");
    bench.turn(&edge.id(), Turn::Revoke);
    assert_eq!(code(&edge.id()), "REVOKED");
    bench.turn(&edge.id(), Turn::Resume);
    assert_eq!(code(&edge.id()), "NOT_ACTIVATED", "what it holds stays withdrawn until it has the next one");
    edge.exchange(&bench.issuer).unwrap();
    bench.extend(&edge.id(), 1).unwrap();
    let order = RetirementOrder {
        device: edge.id(),
        successor: Successor::None,
        accept_overlap: false,
        reason: None,
    };
    bench.admin.retire(&order).unwrap();
    assert_eq!(code(&edge.id()), "RETIRED");
}

#[test]
fn seats_that_went_to_others_are_not_taken_back_and_those_that_are_kept_stay_kept() {
    let bench = Bench::with(10, &[]);
    let lost = bench.activated();
    let mut next = bench.activated();
    bench.pass(36 * DAY);
    bench.extend(&lost.id(), 14).unwrap();
    bench.pass(14 * DAY - 1);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (0, 0), "they are held until the extension ends");
    bench.pass(1);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(next.seats(), (0, 5));
    let gone = ExtensionError::SeatsGone { device: lost.id(), seats: 10, elsewhere: 5, subscribed: 10 };
    assert_eq!(bench.extend(&lost.id(), 1).unwrap_err(), gone);
    bench.subscribe(15, &[]);
    // The next month, of which the lost device has held nothing.
    bench.pass(12 * DAY);
    next.exchange(&bench.issuer).unwrap();
    assert_eq!(bench.extend(&lost.id(), 1).unwrap_err().code(), "BEYOND_SUBSCRIPTION", "the quotas went too");
    bench.pass(61 * DAY);
    let revived = bench.extend(&lost.id(), 1).unwrap();
    assert_eq!(bench.as_listed(&lost.id()).held_until, revived.extension.claims().until);
    next.exchange(&bench.issuer).unwrap();
    assert!(next.seats().1 <= 5, "{:?}", next.seats());
}

#[test]
fn a_licence_that_an_extension_keeps_going_is_on_the_list_of_revoked_ones() {
    let bench = Bench::with(10, &[]);
    let mut edge = bench.activated();
    bench.assign(&edge.id(), &names("cam", 0..1), &[]);
    edge.exchange(&bench.issuer).unwrap();
    bench.pass(36 * DAY);
    let until = bench.extend(&edge.id(), 14).unwrap().extension.claims().until;
    bench.pass(5 * DAY);
    assert!(edge.claims().ends_at() < crate::clock::Clock::now(&*bench.clock));
    bench.turn(&edge.id(), Turn::Revoke);
    let listed = bench.issuer.list_revoked(&TENANT.parse().unwrap(), &Actor("night".into())).unwrap();
    assert_eq!((listed.named, listed.list.until), (1, until));
    bench.pass(10 * DAY);
    assert!(bench.issuer.list_revoked(&TENANT.parse().unwrap(), &Actor("night".into())).is_err());
}
