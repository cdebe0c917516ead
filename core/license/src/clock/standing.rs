//! From guarded time and a licence's terms to what is in force, until when.

use super::{Guarded, SKEW_SECONDS};
use crate::decision::{Flags, Reason};
use crate::time::UnixSeconds;
use crate::token::{Enforce, LicenceClaims, LicenceStanding, Notices, ReceiptClaims};
use core::ops::Range;

/// What is in force. The order is the precedence: the first that holds wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Accepted documents or marks older than the anchor, and nothing at hand reaches it.
    StoreTampered = 1,
    /// The issuer withdrew the licence, or the key that signed it.
    Revoked = 2,
    /// The issuer holds the licence back.
    Suspended = 3,
    /// No valid licence.
    Unlicensed = 4,
    /// The clock was held back for more than a day of run time.
    ClockTampered = 5,
    /// Before `nbf`.
    NotYetValid = 6,
    /// After `exp` and grace, or offline beyond its limit and grace.
    Expired = 7,
    /// After `exp`, or offline beyond its limit: work goes on, flagged.
    Grace = 8,
    /// In force.
    Active = 9,
}

impl State {
    /// Every state, by precedence.
    pub const ALL: [State; 9] = [
        State::StoreTampered,
        State::Revoked,
        State::Suspended,
        State::Unlicensed,
        State::ClockTampered,
        State::NotYetValid,
        State::Expired,
        State::Grace,
        State::Active,
    ];

    /// The text in JSON and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            State::StoreTampered => "store_tampered",
            State::Revoked => "revoked",
            State::Suspended => "suspended",
            State::Unlicensed => "unlicensed",
            State::ClockTampered => "clock_tampered",
            State::NotYetValid => "not_yet_valid",
            State::Expired => "expired",
            State::Grace => "grace",
            State::Active => "active",
        }
    }

    /// Whether licensed work may go on.
    #[must_use]
    pub const fn permits(self) -> bool {
        matches!(self, State::Active | State::Grace)
    }

    /// Whether no enforcement profile softens it.
    #[must_use]
    pub const fn always_denies(self) -> bool {
        matches!(self, State::StoreTampered | State::Revoked | State::Suspended | State::Unlicensed)
    }
}

const START: UnixSeconds = UnixSeconds::new(0);
const NEVER: UnixSeconds = UnixSeconds::new(i64::MAX);

/// What overrides the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The state in force.
    pub state: State,
    /// Why.
    pub reason: Reason,
}

impl Hold {
    /// No licence has been accepted.
    pub const UNLICENSED: Hold = Hold { state: State::Unlicensed, reason: Reason::Unlicensed };
    /// The issuer withdrew the licence.
    pub const REVOKED: Hold = Hold { state: State::Revoked, reason: Reason::Revoked };
}

/// The calendar of a licence, as far as time decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// First second, inclusive.
    pub nbf: UnixSeconds,
    /// First second after it.
    pub exp: UnixSeconds,
    /// Seconds of flagged work afterwards.
    pub grace: i64,
    /// Seconds without a receipt.
    pub offline_max: i64,
    /// The issuer's time in the last receipt; the licence's `iat` where there is none.
    pub last_contact: UnixSeconds,
    /// What hosts do with "no".
    pub enforce: Enforce,
    /// What overrides the calendar, clock tampering aside.
    pub hold: Option<Hold>,
    /// From this moment a bundle that is away from home is worth nothing; `None` at home.
    pub unattested_at: Option<UnixSeconds>,
    /// What is in force goes on until here at least, whatever the three clocks say; without grace behind it.
    pub extended_until: Option<UnixSeconds>,
}

impl Terms {
    /// The terms of a licence and the last receipt for it.
    #[must_use]
    pub fn of(licence: &LicenceClaims, receipt: Option<&ReceiptClaims>) -> Self {
        let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let hold = receipt.and_then(|receipt| standing_hold(receipt, licence));
        Self {
            nbf: licence.nbf,
            exp: licence.exp,
            grace: seconds(licence.grace),
            offline_max: seconds(licence.offline_max),
            last_contact: receipt.map_or(licence.iat, |receipt| receipt.server_time),
            enforce: licence.enforce,
            hold,
            unattested_at: None,
            extended_until: None,
        }
    }

    /// The same terms under what else the issuer has said.
    #[must_use]
    pub fn under(mut self, notices: &Notices, licence: &LicenceClaims) -> Self {
        if notices.revocations().is_some_and(|list| list.claims().names(licence)) {
            self.hold = Some(Hold::REVOKED);
        }
        self.extended_until = notices.extended_until(licence);
        self
    }
}

/// A receipt speaks of the licences up to its own number: a later licence is a new word.
fn standing_hold(receipt: &ReceiptClaims, licence: &LicenceClaims) -> Option<Hold> {
    if receipt.epoch != licence.epoch || receipt.lic.seq < licence.seq {
        return None;
    }
    match receipt.lic.state {
        LicenceStanding::Active => None,
        LicenceStanding::Suspended => Some(Hold { state: State::Suspended, reason: Reason::Suspended }),
        LicenceStanding::Revoked => Some(Hold::REVOKED),
    }
}

/// The moments at which a standing changes, in guarded time. Comparing with them is all the hot path does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From here on, inclusive, skew already allowed.
    pub opens_at: UnixSeconds,
    /// From here on it is grace.
    pub grace_at: UnixSeconds,
    /// From here on it is over.
    pub ends_at: UnixSeconds,
    /// From here on nothing vouches for this machine; the end of time at home.
    pub unattested_at: UnixSeconds,
}

impl Window {
    /// A window that is never open.
    pub const CLOSED: Window =
        Window { opens_at: START, grace_at: START, ends_at: START, unattested_at: START };

    /// The state that the calendar gives.
    #[must_use]
    pub fn state_at(&self, now: UnixSeconds) -> State {
        if now >= self.unattested_at {
            State::Unlicensed
        } else if now < self.opens_at {
            State::NotYetValid
        } else if now >= self.ends_at {
            State::Expired
        } else if now >= self.grace_at {
            State::Grace
        } else {
            State::Active
        }
    }

    /// The moments after `now` at which the state may change by itself.
    fn moments_after(&self, now: UnixSeconds) -> impl Iterator<Item = UnixSeconds> {
        let moments = [self.opens_at, self.grace_at, self.ends_at, self.unattested_at];
        moments.into_iter().filter(move |moment| now < *moment && *moment != NEVER)
    }

    /// From this moment nothing is allowed any more.
    #[must_use]
    pub fn closes_at(&self) -> UnixSeconds {
        self.ends_at.min(self.unattested_at)
    }
}

/// What is in force for a licence: everything about time that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The state now.
    pub state: State,
    /// Why, where the state is not simply `Active`.
    pub reason: Reason,
    /// The guarded time of this evaluation.
    pub now: UnixSeconds,
    /// When the state changes by itself; `None` when only a document can change it.
    pub next_transition_at: Option<UnixSeconds>,
    /// What a person should know.
    pub flags: Flags,
    /// The deadlines.
    pub window: Window,
    /// What overrides them.
    pub hold: Option<Hold>,
    /// What hosts do with "no".
    pub enforce: Enforce,
}

impl Standing {
    /// Nothing is licensed.
    #[must_use]
    pub const fn unlicensed(now: UnixSeconds, flags: Flags) -> Self {
        Self {
            state: State::Unlicensed,
            reason: Reason::Unlicensed,
            now,
            next_transition_at: None,
            flags,
            window: Window::CLOSED,
            hold: Some(Hold::UNLICENSED),
            enforce: Enforce::Deny,
        }
    }

    /// The state and its reason at a later `now`, by comparison alone.
    #[must_use]
    pub fn at(&self, now: UnixSeconds) -> (State, Reason) {
        let state = self.window.state_at(now);
        match self.hold {
            // A machine that nothing vouches for outranks a clock that was held back.
            Some(hold) if hold.state <= State::Unlicensed || state != State::Unlicensed => {
                (hold.state, hold.reason)
            }
            Some(_) | None => (state, Reason::of_calendar(state)),
        }
    }

    /// The moments at which [`Standing::at`] says `Active`; none while something holds the licence.
    #[inline]
    #[must_use]
    pub fn prime(&self) -> Range<UnixSeconds> {
        let window = &self.window;
        let until = if self.hold.is_some() { START } else { window.grace_at.min(window.unattested_at) };
        window.opens_at..until
    }

    /// The same standing at a later `now`: what it says is of that moment.
    #[must_use]
    pub fn moved_to(mut self, now: UnixSeconds) -> Self {
        self.now = now;
        (self.state, self.reason) = self.at(now);
        // What holds a licence ends with a document, but for one thing that outranks it.
        let changes = |moment: &UnixSeconds| self.at(*moment).0 != self.state;
        self.next_transition_at = self.window.moments_after(now).filter(changes).min();
        self
    }
}

/// Evaluates a licence's terms at a guarded time. `None` terms are a device without a licence.
#[must_use]
pub fn evaluate(guarded: &Guarded, terms: Option<&Terms>, flags: Flags) -> Standing {
    let flags = guarded.flags.with(flags);
    let Some(terms) = terms else { return Standing::unlicensed(guarded.now, flags) };
    let tampered = Hold { state: State::ClockTampered, reason: Reason::ClockTampered };
    let hold = terms.hold.or(guarded.tampered.then_some(tampered));
    let (window, extended) = extended(window(guarded, terms), guarded.now, terms.extended_until);
    let flags = if extended { flags.with(Flags::EXTENDED) } else { flags };
    let unmoved =
        Standing { flags, window, hold, enforce: terms.enforce, ..Standing::unlicensed(guarded.now, flags) };
    unmoved.moved_to(guarded.now)
}

/// Three clocks run: the licence's own, the time since the last receipt, and the time run since then. "More than
/// `offline_max`" ends one second after it, because windows are half-open.
fn window(guarded: &Guarded, terms: &Terms) -> Window {
    let offline_at = terms.last_contact.saturating_add(terms.offline_max).saturating_add(1);
    let ran_left = terms.offline_max.saturating_sub(guarded.ran).saturating_add(1);
    let ran_at = guarded.now.saturating_add(ran_left);
    let grace_at = terms.exp.min(offline_at).min(ran_at);
    Window {
        opens_at: terms.nbf.saturating_add(-SKEW_SECONDS),
        grace_at,
        ends_at: grace_at.saturating_add(terms.grace),
        unattested_at: terms.unattested_at.unwrap_or(NEVER),
    }
}

/// The window under an extension, and whether that is what keeps it open at `now`.
fn extended(window: Window, now: UnixSeconds, until: Option<UnixSeconds>) -> (Window, bool) {
    let Some(until) = until else { return (window, false) };
    let (grace_at, ends_at) = (window.grace_at.max(until), window.ends_at.max(until));
    (Window { grace_at, ends_at, ..window }, window.grace_at <= now && now < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn guarded(now: i64) -> Guarded {
        Guarded { now: UnixSeconds::new(now), ran: 0, flags: Flags::NONE, tampered: false }
    }

    fn terms() -> Terms {
        Terms {
            nbf: UnixSeconds::new(NOW),
            exp: UnixSeconds::new(NOW + 1000),
            grace: 100,
            offline_max: 5000,
            last_contact: UnixSeconds::new(NOW),
            enforce: Enforce::Deny,
            hold: None,
            unattested_at: None,
            extended_until: None,
        }
    }

    fn state(now: i64) -> State {
        evaluate(&guarded(now), Some(&terms()), Flags::NONE).state
    }

    #[test]
    fn windows_are_half_open_and_skew_helps_only_the_start() {
        assert_eq!(state(NOW - 301), State::NotYetValid);
        assert_eq!(state(NOW - 300), State::Active);
        assert_eq!(state(NOW), State::Active);
        assert_eq!(state(NOW + 999), State::Active);
        assert_eq!(state(NOW + 1000), State::Grace);
        assert_eq!(state(NOW + 1099), State::Grace);
        assert_eq!(state(NOW + 1100), State::Expired);
    }

    #[test]
    fn without_grace_exp_is_the_end() {
        let terms = Terms { grace: 0, ..terms() };
        assert_eq!(evaluate(&guarded(NOW + 1000), Some(&terms), Flags::NONE).state, State::Expired);
    }

    #[test]
    fn silence_and_run_time_end_a_licence_before_its_exp() {
        let terms = Terms { offline_max: 50, ..terms() };
        let at = |now, ran| evaluate(&Guarded { ran, ..guarded(now) }, Some(&terms), Flags::NONE).state;
        assert_eq!(at(NOW + 50, 0), State::Active);
        assert_eq!(at(NOW + 51, 0), State::Grace);
        assert_eq!(at(NOW + 151, 0), State::Expired);
        assert_eq!(at(NOW, 50), State::Active, "the wall stood still while the device ran");
        assert_eq!(at(NOW, 51), State::Grace);
        assert_eq!(at(NOW, 151), State::Expired);
    }

    #[test]
    fn holds_win_over_the_calendar_and_a_receipts_word_over_the_clocks() {
        let revoked = Hold { state: State::Revoked, reason: Reason::Revoked };
        let terms = Terms { hold: Some(revoked), ..terms() };
        let tampered = Guarded { tampered: true, ..guarded(NOW) };
        assert_eq!(evaluate(&tampered, Some(&terms), Flags::NONE).state, State::Revoked);
        assert_eq!(evaluate(&tampered, Some(&self::terms()), Flags::NONE).state, State::ClockTampered);
        assert_eq!(evaluate(&tampered, None, Flags::NONE).state, State::Unlicensed);
    }

    #[test]
    fn away_from_home_a_licence_is_worth_nothing_from_its_moment_on_whatever_the_calendar_says() {
        let away = Terms { unattested_at: Some(UnixSeconds::new(NOW + 10)), ..terms() };
        let standing = evaluate(&guarded(NOW), Some(&away), Flags::NONE);
        assert_eq!(
            (standing.state, standing.next_transition_at),
            (State::Active, Some(UnixSeconds::new(NOW + 10)))
        );
        assert_eq!(standing.window.closes_at(), UnixSeconds::new(NOW + 10));
        let gone = (State::Unlicensed, Reason::Unattested);
        for later in [10, 1000, 5000] {
            assert_eq!(standing.at(UnixSeconds::new(NOW + later)), gone);
        }
        let moved = standing.moved_to(UnixSeconds::new(NOW + 10));
        assert_eq!((moved.state, moved.reason, moved.next_transition_at), (gone.0, gone.1, None));
        let tampered = Guarded { tampered: true, ..guarded(NOW) };
        let standing = evaluate(&tampered, Some(&away), Flags::NONE);
        assert_eq!(standing.state, State::ClockTampered);
        assert_eq!(standing.next_transition_at, Some(UnixSeconds::new(NOW + 10)));
        assert_eq!(standing.at(UnixSeconds::new(NOW + 10)), gone, "it outranks a clock held back");
    }

    #[test]
    fn an_extension_moves_every_deadline_and_adds_no_grace() {
        let at = |terms: &Terms, now, ran| {
            let standing = evaluate(&Guarded { ran, ..guarded(NOW + now) }, Some(terms), Flags::NONE);
            (standing.state, standing.flags.contains(Flags::EXTENDED))
        };
        let until = |seconds| Some(UnixSeconds::new(NOW + seconds));
        let long = Terms { extended_until: until(3000), ..terms() };
        assert_eq!(at(&long, 999, 0), (State::Active, false), "it is not needed yet");
        assert_eq!(at(&long, 1000, 0), (State::Active, true));
        assert_eq!(at(&long, 2999, 9_999_999), (State::Active, true), "run time ends nothing either");
        assert_eq!(at(&long, 3000, 0), (State::Expired, false), "no grace behind it");
        let short = Terms { extended_until: until(1050), ..terms() };
        assert_eq!(at(&short, 1049, 0), (State::Active, true));
        assert_eq!(at(&short, 1050, 0), (State::Grace, false), "nor is any taken away");
        let offline = Terms { offline_max: 50, ..long };
        assert_eq!(at(&offline, 2999, 0), (State::Active, true));
        assert_eq!(at(&offline, -301, 0), (State::NotYetValid, false));
        let standing = evaluate(&guarded(NOW + 1000), Some(&long), Flags::NONE);
        assert_eq!(standing.next_transition_at, until(3000));
    }

    #[test]
    fn holds_win_over_an_extension() {
        let revoked = Hold { state: State::Revoked, reason: Reason::Revoked };
        let long = Terms { extended_until: Some(UnixSeconds::new(NOW + 3000)), ..terms() };
        let held = Terms { hold: Some(revoked), ..long };
        let state = |terms: &Terms, tampered| {
            evaluate(&Guarded { tampered, ..guarded(NOW + 1500) }, Some(terms), Flags::NONE).state
        };
        assert_eq!(state(&held, false), State::Revoked);
        assert_eq!(state(&long, true), State::ClockTampered);
        let away = Terms { unattested_at: Some(UnixSeconds::new(NOW + 1400)), ..long };
        assert_eq!(state(&away, false), State::Unlicensed);
    }

    #[test]
    fn the_next_transition_is_named() {
        let at = |now| evaluate(&guarded(now), Some(&terms()), Flags::NONE).next_transition_at;
        assert_eq!(at(NOW), Some(UnixSeconds::new(NOW + 1000)));
        assert_eq!(at(NOW + 1000), Some(UnixSeconds::new(NOW + 1100)));
        assert_eq!(at(NOW + 1100), None);
    }
}
