//! What a device does is believed by every gate, however much the gate missed; what is forged seats no more cameras at
//! once than there are seats, and no more in turn between two exchanges than the allowance adds.

use super::*;
use crate::id::{CameraId, IssuerName};
use crate::key::Kid;
use crate::names::IdList;
use crate::token::{
    CLAIMS_VERSION, Confirmation, DeviceGrant, Enforce, Mode, Seated, Seats, SeatsClaims, Swap,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const PACKS: [&str; 3] = ["base", "retail", "trial"];

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn camera(number: u8) -> CameraId {
    CameraId::parse(&format!("cam-{number}")).unwrap()
}

/// What a licence says of seats: unnamed ones by their packs, cameras that it names, and the allowance.
#[derive(Clone, Debug)]
struct Terms {
    any: Vec<(u8, u32)>,
    named: Vec<u8>,
    swap: Option<(u32, u32, u32)>,
}

fn licence(number: u64, terms: &Terms) -> LicenceClaims {
    let named = IdList::from_iter(terms.named.iter().map(|number| camera(*number)));
    let mut grants =
        vec![Grant { seats: Seats::Cameras(named), packs: vec![slug("base"), slug("retail")], until: None }];
    grants.extend(terms.any.iter().map(|(packs, seats)| Grant {
        seats: Seats::Any(*seats),
        packs: vec![slug(PACKS[usize::from(*packs) % PACKS.len()])],
        until: (*packs > 2).then_some(UnixSeconds::new(5)),
    }));
    LicenceClaims {
        ver: CLAIMS_VERSION,
        iss: IssuerName::parse("dev-test").unwrap(),
        aud: "brink-edge".into(),
        sub: "lic-1".parse().unwrap(),
        jti: format!("tok-{number}").parse().unwrap(),
        tenant: "tenant-1".parse().unwrap(),
        dev: "dev-1".parse().unwrap(),
        cnf: Confirmation { jkt: Kid::from_digest([1; 32]) },
        epoch: 1,
        seq: number,
        iat: UnixSeconds::new(0),
        nbf: UnixSeconds::new(0),
        exp: UnixSeconds::new(10),
        grace: 0,
        offline_max: 10,
        refresh: 1,
        unattested: 1,
        zone: Vec::new(),
        mode: Mode::Base,
        enforce: Enforce::Deny,
        packs: PACKS.iter().map(|pack| (slug(pack), IdList::default())).collect::<BTreeMap<_, _>>(),
        grants,
        device: DeviceGrant::default(),
        swap: terms.swap.map(|(percent, min, more)| Swap { percent, min, max: min + more }),
        quotas: Vec::new(),
        catalog: 1,
        ks: 1,
        must: Vec::new(),
    }
}

fn terms() -> impl Strategy<Value = Terms> {
    let any = prop::collection::vec((0_u8..5, 1_u32..5), 0..4);
    let named = prop::collection::btree_set(0_u8..14, 0..4).prop_map(|named| named.into_iter().collect());
    let swap = prop::option::weighted(0.8, (0_u32..101, 0_u32..3, 0_u32..4));
    (any, named, swap).prop_map(|(any, named, swap)| Terms { any, named, swap })
}

#[derive(Clone, Debug)]
enum Event {
    Assign(u8, Option<u8>),
    Release(u8),
    /// The request is made; what happens before the answer is not in it.
    Ask,
    /// The answer arrives, with another licence or without.
    Answered(Option<Terms>),
    /// A request of which the answer is lost.
    Unanswered,
    /// A gate looks.
    Look,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0_u8..14, prop::option::weighted(0.3, 0_u8..3)).prop_map(|(c, p)| Event::Assign(c, p)),
        4 => (0_u8..14).prop_map(Event::Release),
        2 => Just(Event::Ask),
        1 => prop::option::weighted(0.4, terms()).prop_map(Event::Answered),
        1 => Just(Event::Unanswered),
        4 => Just(Event::Look),
    ]
}

/// The model: who sits in which pool in what order, how much was moved, and what of that was heard.
#[derive(Clone, Debug, Default)]
struct Model {
    seated: BTreeMap<Vec<Slug>, VecDeque<CameraId>>,
    moved: u64,
}

impl Model {
    fn sits(&self, camera: &CameraId) -> bool {
        self.seated.values().any(|cameras| cameras.contains(camera))
    }

    fn assign(&mut self, terms: &LicenceClaims, camera: &CameraId, packs: Option<&[Slug]>) -> bool {
        let named =
            terms.grants.iter().any(|grant| grant.seats.cameras().any(|name| name == camera.as_str()));
        if named || self.sits(camera) {
            return false;
        }
        for pool in pools(terms).iter().filter(|pool| packs.is_none_or(|packs| *packs == pool.packs)) {
            let cameras = self.seated.entry(pool.packs.clone()).or_default();
            if (cameras.len() as u64) < pool.seats {
                cameras.push_back(camera.clone());
                return true;
            }
        }
        false
    }

    fn release(&mut self, terms: &LicenceClaims, camera: &CameraId) -> bool {
        if !self.sits(camera) || self.moved >= allowance(terms) {
            return false;
        }
        self.moved += 1;
        self.seated.values_mut().for_each(|cameras| cameras.retain(|seated| seated != camera));
        true
    }

    fn agrees(&self, claims: &SeatsClaims) {
        for group in &claims.seated {
            let cameras: Vec<_> = self.seated.get(&group.packs).into_iter().flatten().cloned().collect();
            assert_eq!(group.cameras, cameras);
        }
        let count: usize = self.seated.values().map(VecDeque::len).sum();
        assert_eq!(claims.cameras().count(), count);
        assert_eq!(claims.released.len() as u64, self.moved);
    }
}

/// The device, its model, a gate that looks now and then, and an issuer that hears of it at exchanges.
struct Life {
    licence: LicenceClaims,
    receipt: u64,
    claims: SeatsClaims,
    model: Model,
    pending: Option<SeatsClaims>,
    /// What the issuer heard last.
    heard: Option<SeatsClaims>,
    /// What the gate saw last.
    seen: Option<SeatsClaims>,
}

impl Life {
    fn new(terms: &Terms) -> Self {
        let licence = licence(1, terms);
        let claims = SeatsClaims::empty(&licence, 1);
        Self { licence, receipt: 1, claims, model: Model::default(), pending: None, heard: None, seen: None }
    }

    fn live(&mut self, event: &Event) {
        let before = self.claims.counter;
        match event {
            Event::Assign(number, packs) => {
                let packs = packs.map(|packs| vec![slug(PACKS[usize::from(packs)])]);
                let next = self.claims.assign(&self.licence, &camera(*number), packs.as_deref());
                let expected = self.model.assign(&self.licence, &camera(*number), packs.as_deref());
                assert_eq!(next.is_ok(), expected, "{next:?}");
                self.claims = next.unwrap_or_else(|_| self.claims.clone());
            }
            Event::Release(number) => {
                let next = self.claims.release(&self.licence, &camera(*number));
                assert_eq!(next.is_ok(), self.model.release(&self.licence, &camera(*number)), "{next:?}");
                self.claims = next.unwrap_or_else(|_| self.claims.clone());
            }
            Event::Ask => self.pending = Some(self.claims.clone()),
            Event::Unanswered => {
                self.pending = Some(self.claims.clone());
                self.hear();
                self.pending = None;
            }
            Event::Answered(terms) => {
                self.pending.get_or_insert_with(|| self.claims.clone());
                self.hear();
                self.answered(terms.as_ref());
            }
            Event::Look => self.look(),
        }
        self.model.agrees(&self.claims);
        assert!(self.claims.counter <= before + 1);
        self.claims.judge(&self.licence, self.receipt).expect("what the device does is within the rules");
    }

    /// The issuer can account for every camera that left between two reports.
    fn hear(&mut self) {
        let Some(report) = self.pending.clone() else { return };
        if let Some(heard) = &self.heard {
            report.follows(heard).expect("a report follows the one before");
            if heard.jti == report.jti {
                report.accounts_for(heard).expect("a report accounts for the one before");
            }
        }
        self.heard = Some(report);
    }

    fn answered(&mut self, terms: Option<&Terms>) {
        self.receipt += 1;
        if let Some(terms) = terms {
            self.licence = licence(self.licence.seq + 1, terms);
        }
        let pending = self.pending.take();
        let forgotten = pending.as_ref().filter(|report| report.since == self.claims.since);
        self.model.moved -= forgotten.map_or(0, |report| report.released.len() as u64);
        self.model.moved = self.model.moved.min(allowance(&self.licence));
        let earlier = self.claims.clone();
        if let Some(Renewed { claims, dropped }) =
            self.claims.renewed(&self.licence, self.receipt, pending.as_ref())
        {
            for camera in &dropped {
                assert!(earlier.cameras().any(|seated| seated == camera));
                let full = pools(&self.licence).iter().all(|pool| claims.taken(pool) == pool.seats);
                assert!(full, "nobody is dropped while there is a free seat");
            }
            self.follow_carry(&earlier, &claims);
            self.claims = claims;
        }
    }

    /// Of every pool that went on the earliest stay, in their order; the model takes the rest as it is.
    fn follow_carry(&mut self, earlier: &SeatsClaims, carried: &SeatsClaims) {
        let named: BTreeSet<&str> =
            self.licence.grants.iter().flat_map(|grant| grant.seats.cameras()).collect();
        for pool in pools(&self.licence) {
            let stay = earlier.on(&pool).iter().filter(|camera| !named.contains(camera.as_str()));
            let stay: Vec<_> = stay.take(usize::try_from(pool.seats).unwrap()).collect();
            assert_eq!(carried.on(&pool).iter().take(stay.len()).collect::<Vec<_>>(), stay);
        }
        self.model.seated =
            carried.seated.iter().map(|group| (group.packs.clone(), group.cameras.clone().into())).collect();
    }

    fn look(&mut self) {
        if let Some(seen) = &self.seen {
            self.claims.follows(seen).expect("a gate that missed any number of documents believes the next");
        }
        self.seen = Some(self.claims.clone());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_a_device_does_is_believed_and_what_a_model_says(
        terms in terms(), events in prop::collection::vec(event(), 1..60)
    ) {
        let mut life = Life::new(&terms);
        for event in &events {
            life.live(event);
        }
    }

    #[test]
    fn forged_documents_seat_no_more_than_there_are_seats_and_no_more_in_turn_than_the_allowance(
        terms in few_seats(), forgeries in prop::collection::vec(forgery(), 1..120),
    ) {
        let licence = licence(1, &terms);
        let (mut held, mut in_turn) = (SeatsClaims::empty(&licence, 0), BTreeMap::<u64, BTreeSet<CameraId>>::new());
        for forgery in forgeries {
            let claims = forgery.of(&held);
            if claims.judge(&licence, 3).is_err() || claims.follows(&held).is_err() {
                continue;
            }
            let now: BTreeSet<_> = claims.cameras().cloned().collect();
            prop_assert!(now.len() as u64 <= unnamed(&licence));
            for pool in pools(&licence) {
                prop_assert!(claims.taken(&pool) <= pool.seats);
            }
            let so_far = in_turn.entry(claims.since).or_default();
            so_far.extend(now);
            prop_assert!(so_far.len() as u64 <= unnamed(&licence) + allowance(&licence));
            held = claims;
        }
    }
}

/// So few that somebody without a plan comes to their bounds.
fn few_seats() -> impl Strategy<Value = Terms> {
    let any = prop::collection::vec((0_u8..3, 1_u32..3), 1..3);
    (any, 0_u32..3).prop_map(|(any, min)| Terms { any, named: vec![13], swap: Some((0, min, 0)) })
}

/// Changes to the last document that was believed, as somebody with the device's key may make them.
#[derive(Clone, Debug)]
struct Forgery {
    edits: Vec<Edit>,
    counter: i8,
    since: i8,
}

#[derive(Clone, Debug)]
enum Edit {
    Put(u8, u8),
    Take(u8),
    Count(u8),
    Uncount,
    /// What an honest device does in two steps: this one goes, is counted, and that one comes.
    Move(u8, u8),
}

fn forgery() -> impl Strategy<Value = Forgery> {
    let edit = prop_oneof![
        4 => (0_u8..14, 0_u8..3).prop_map(|(camera, packs)| Edit::Put(camera, packs)),
        3 => (0_u8..14).prop_map(Edit::Take),
        3 => (0_u8..14).prop_map(Edit::Count),
        2 => Just(Edit::Uncount),
        6 => (0_u8..14, 0_u8..14).prop_map(|(from, to)| Edit::Move(from, to)),
    ];
    // Mostly the next document under the same receipt: everything else is refused at once.
    let step = prop_oneof![8 => Just(1_i8), 1 => -1_i8..3];
    let since = prop_oneof![12 => Just(0_i8), 1 => -1_i8..2];
    (prop::collection::vec(edit, 0..5), step, since).prop_map(|(edits, counter, since)| Forgery {
        edits,
        counter,
        since,
    })
}

impl Forgery {
    fn of(&self, held: &SeatsClaims) -> SeatsClaims {
        let mut claims = held.clone();
        claims.counter = claims.counter.saturating_add_signed(self.counter.into());
        claims.since = claims.since.saturating_add_signed(self.since.into());
        for edit in &self.edits {
            match edit {
                Edit::Put(number, packs) => {
                    let packs = vec![slug(PACKS[usize::from(*packs)])];
                    match claims.seated.iter_mut().find(|group| group.packs == packs) {
                        Some(group) => group.cameras.push(camera(*number)),
                        None => claims.seated.push(Seated { packs, cameras: vec![camera(*number)] }),
                    }
                }
                Edit::Take(number) => {
                    let gone = camera(*number);
                    claims.seated.iter_mut().for_each(|group| group.cameras.retain(|seated| *seated != gone));
                }
                Edit::Count(number) => claims.released.push(camera(*number)),
                Edit::Uncount => drop(claims.released.pop()),
                Edit::Move(from, to) => {
                    let (from, to) = (camera(*from), camera(*to));
                    let mut cameras = claims.seated.iter_mut().flat_map(|group| &mut group.cameras);
                    if let Some(seated) = cameras.find(|seated| **seated == from) {
                        *seated = to;
                        claims.released.push(from);
                    }
                }
            }
        }
        claims
    }
}

fn ten(swap: Option<(u32, u32, u32)>) -> LicenceClaims {
    licence(1, &Terms { any: vec![(0, 10)], named: vec![13], swap })
}

#[test]
fn the_allowance_is_the_share_within_its_bounds_and_nothing_where_nothing_is_said() {
    for (swap, expected) in [
        (None, 0),
        (Some((10, 1, 9)), 1),
        (Some((50, 0, 3)), 3),
        (Some((0, 2, 0)), 2),
        (Some((100, 0, 50)), 10),
    ] {
        assert_eq!(allowance(&ten(swap)), expected, "{swap:?}");
    }
}

#[test]
fn every_refusal_has_its_code_and_says_what_helps() {
    let licence = licence(1, &Terms { any: vec![(0, 2)], named: vec![13], swap: Some((0, 1, 0)) });
    let none = SeatsClaims::empty(&licence, 1);
    let two = none.assign(&licence, &camera(1), None).unwrap().assign(&licence, &camera(2), None).unwrap();
    let moved = two.release(&licence, &camera(1)).unwrap();
    let retail = [slug("retail")];
    let bare = super::tests::licence(1, &Terms { any: vec![], named: vec![], swap: None });
    let refusals = [
        (none.assign(&bare, &camera(1), None), "NO_UNNAMED_SEATS", "admin"),
        (none.assign(&licence, &camera(1), Some(&retail)), "NO_SUCH_SEATS", "one of: base"),
        (two.assign(&licence, &camera(3), None), "SEATS_TAKEN", "seat release"),
        (none.assign(&licence, &camera(13), None), "CAMERA_NAMED", "licensed"),
        (two.assign(&licence, &camera(2), None), "CAMERA_SEATED", "licensed"),
        (none.release(&licence, &camera(1)), "CAMERA_NOT_SEATED", "seat list"),
        (moved.release(&licence, &camera(2)), "NO_SWAP_LEFT", "exchange"),
    ];
    for (refused, code, helps) in refusals {
        let refusal = refused.unwrap_err();
        assert_eq!(refusal.code(), code);
        assert!(refusal.mend().contains(helps), "{code}: {}", refusal.mend());
    }
    let again = moved.assign(&licence, &camera(1), None).unwrap();
    assert_eq!(again.released, [camera(1)], "the same camera put back does not undo its release");
    let taken = two.assign(&licence, &camera(3), None).unwrap_err().to_string();
    assert!(taken.contains("cam-1, cam-2"), "{taken}");
}

#[test]
fn names_too_long_for_one_document_are_refused_before_they_are_signed() {
    let licence = licence(1, &Terms { any: vec![(0, 4_000)], named: vec![], swap: None });
    let mut claims = SeatsClaims::empty(&licence, 1);
    let long = |n: usize| CameraId::parse(&format!("{n:0>255}")).unwrap();
    let refused = (0..4_000).find_map(|n| match claims.assign(&licence, &long(n), None) {
        Ok(next) => {
            claims = next;
            None
        }
        Err(refusal) => Some(refusal),
    });
    assert_eq!(refused, Some(SeatRefusal::Full));
    assert!(claims.cameras().count() > 200);
}

#[test]
fn seats_that_last_longest_go_to_who_came_first() {
    let mut claims = licence(1, &Terms { any: vec![(3, 1), (0, 1)], named: vec![], swap: None });
    claims.grants[1].packs = vec![slug("base")];
    let pool = &pools(&claims)[0];
    assert_eq!(
        (pool.seats, pool.grant_of(0), pool.grant_of(1), pool.grant_of(2)),
        (2, Some(2), Some(1), None)
    );
}

#[test]
fn each_rule_is_named() {
    let licence = licence(1, &Terms { any: vec![(0, 2)], named: vec![13], swap: Some((0, 1, 0)) });
    let base = |cameras: &[u8]| Seated {
        packs: vec![slug("base")],
        cameras: cameras.iter().map(|number| camera(*number)).collect(),
    };
    let of = |seated: Vec<Seated>, released: &[u8], since| SeatsClaims {
        seated,
        released: released.iter().map(|number| camera(*number)).collect(),
        since,
        counter: 5,
        ..SeatsClaims::empty(&licence, 0)
    };
    let retail = Seated { packs: vec![slug("retail")], ..base(&[1]) };
    for (claims, rule) in [
        (of(vec![retail], &[], 0), SeatRule::NoSuchSeats),
        (of(vec![base(&[1]), base(&[2])], &[], 0), SeatRule::SeatsTwice),
        (of(vec![base(&[1, 2, 3])], &[], 0), SeatRule::TooMany { seated: 3, seats: 2 }),
        (of(vec![base(&[13])], &[], 0), SeatRule::Named),
        (of(vec![base(&[1, 1])], &[], 0), SeatRule::Twice),
        (of(vec![], &[1, 1], 0), SeatRule::TooManyReleased { released: 2, allowance: 1 }),
        (of(vec![], &[], 4), SeatRule::Ahead { since: 4, receipt: 3 }),
    ] {
        assert_eq!(claims.judge(&licence, 3).unwrap_err(), rule);
    }
    let earlier = of(vec![base(&[1, 2])], &[], 2);
    let later =
        |seated, released: &[u8], counter, since| SeatsClaims { counter, ..of(seated, released, since) };
    let behind = |counter| Err(SeatRule::Behind { counter, seen: 5 });
    for (claims, expected) in [
        (earlier.clone(), Ok(())),
        (later(vec![base(&[1])], &[], 5, 2), behind(5)),
        (later(vec![base(&[1, 2])], &[], 4, 2), behind(4)),
        (later(vec![base(&[1, 2])], &[], 6, 1), behind(6)),
        (later(vec![base(&[1, 3])], &[], 6, 2), Err(SeatRule::Uncounted)),
        (later(vec![base(&[1, 3])], &[2], 6, 2), Ok(())),
        (later(vec![base(&[3])], &[], 6, 3), Ok(())),
    ] {
        assert_eq!(claims.follows(&earlier), expected);
    }
    let counted = of(vec![base(&[1, 2])], &[9], 2);
    let forgets = later(vec![base(&[1, 3])], &[2], 6, 2);
    assert_eq!(forgets.follows(&counted), Err(SeatRule::Uncounted), "what was counted stays so");
}
