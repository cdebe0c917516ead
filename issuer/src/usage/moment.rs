//! When something was used, as far as its device's clocks can say.

use brink_license::usage::{Moment, QUARTER_MS, quarter_of};

/// A wall clock that is no further off than this is right: what a request takes, and what clocks drift between two looks.
const WALL_OFF_MS_MAX: i64 = 120_000;
/// How late usage may come: an invoice of a year, and a month more. A period is rated again for as long.
pub(crate) const LATE_DAYS_MAX: u64 = 400;
const LATE_MS_MAX: i64 = LATE_DAYS_MAX as i64 * 86_400_000;

/// Between what moments events of a batch lie, and by what clock they are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    /// Every clock of the device when it made the request.
    pub(crate) sent: Moment,
    /// When the request came.
    pub(crate) received_ms: i64,
    /// The last moment that was believed.
    pub(crate) floor_ms: i64,
}

impl Timeline {
    /// When a record was made, and from then on no later one is dated before a moment that is believed. One that had to
    /// be moved is not: a single clock in the year 2040 must not drag along what follows it.
    pub(crate) fn date(&mut self, at: &Moment) -> i64 {
        let told = self.told(at);
        let event = self.within(told);
        if event == told {
            self.floor_ms = event;
        }
        event
    }

    /// The same of a record that says nothing of what is behind it: a damaged journal goes on with it, and with what was
    /// recorded before it came to that.
    pub(crate) fn date_apart(&self, at: &Moment) -> i64 {
        self.within(self.told(at))
    }

    /// By which clock: while its boot runs, a record's distance from the request is exact, and says whether its wall
    /// clock was right. A wall clock behind the issuer's is no proof of a wrong one, because a request may have been on
    /// its way for days; then the guarded time counts, which no device can set behind what was signed for it.
    fn told(&self, at: &Moment) -> i64 {
        let ahead = self.sent.wall_ms.saturating_sub(self.received_ms);
        let near = |one: i64, other: i64| one.abs_diff(other) <= WALL_OFF_MS_MAX.unsigned_abs();
        if ahead < -WALL_OFF_MS_MAX {
            return at.est_ms;
        }
        if at.boot == self.sent.boot {
            let since = self.sent.boottime_ms.saturating_sub(at.boottime_ms);
            let exact = self.received_ms.saturating_sub(since);
            return if near(at.wall_ms, exact) { at.wall_ms } else { exact };
        }
        let right = near(self.sent.wall_ms, self.received_ms) && near(at.wall_ms, at.est_ms);
        if right { at.wall_ms } else { at.est_ms }
    }

    fn within(&self, told: i64) -> i64 {
        told.min(self.received_ms).max(self.floor_ms)
    }

    /// The quarter of a record that was made then.
    pub(crate) const fn quarter(event_ms: i64) -> i64 {
        quarter_of(event_ms)
    }

    /// The same for sums, which know their quarter alone.
    pub(crate) fn quarter_of_sum(quarter: i64, (floor_ms, received_ms): (i64, i64)) -> i64 {
        quarter.min(quarter_of(received_ms)).max(quarter_of(floor_ms))
    }
}

/// Whether a quarter was too long ago when it came to be on any invoice.
pub(crate) const fn is_late(quarter: i64, received_ms: i64) -> bool {
    quarter.saturating_mul(QUARTER_MS) < received_ms.saturating_sub(LATE_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brink_license::clock::BootId;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;
    const YEARS: i64 = 10 * 365 * 24 * HOUR;

    fn boot(number: u8) -> BootId {
        BootId::parse(&format!("00000000-0000-4000-8000-0000000000{number:02x}")).unwrap()
    }

    fn moment(number: u8, boottime_ms: i64, wall_ms: i64, est_ms: i64) -> Moment {
        Moment { boot: boot(number), boottime_ms, wall_ms, est_ms }
    }

    fn timeline(sent: Moment) -> Timeline {
        Timeline { sent, received_ms: NOW, floor_ms: NOW - 1000 * HOUR }
    }

    #[test]
    fn a_right_wall_clock_is_taken_as_it_is() {
        let mut line = timeline(moment(1, 9 * HOUR, NOW - 60_000, NOW - 60_000));
        assert_eq!(line.date(&moment(1, 8 * HOUR, NOW - HOUR - 60_000, NOW)), NOW - HOUR - 60_000);
        assert_eq!(line.floor_ms, NOW - HOUR - 60_000);
        let earlier = timeline(line.sent).date(&moment(2, 8 * HOUR, NOW - 20 * HOUR, NOW - 20 * HOUR));
        assert_eq!(earlier, NOW - 20 * HOUR);
    }

    #[test]
    fn a_clock_ten_years_ahead_is_put_right_by_the_boot_that_runs() {
        let ahead = NOW + YEARS;
        let mut line = timeline(moment(1, 9 * HOUR, ahead, ahead));
        assert_eq!(line.date(&moment(1, 8 * HOUR, ahead - HOUR, ahead - HOUR)), NOW - HOUR);
        assert_eq!(line.date(&moment(2, 8 * HOUR, ahead, ahead)), NOW, "of another boot, now at the latest");
        assert_eq!(line.floor_ms, NOW - HOUR, "and that is not believed");
        assert_eq!(line.date(&moment(1, 9 * HOUR, ahead, ahead)), NOW);
    }

    #[test]
    fn a_clock_ten_years_behind_is_put_right_by_the_guarded_time() {
        let behind = NOW - YEARS;
        let mut line = timeline(moment(1, 9 * HOUR, behind, NOW - 5 * HOUR));
        assert_eq!(line.date(&moment(1, 8 * HOUR, behind - HOUR, NOW - 6 * HOUR)), NOW - 6 * HOUR);
        assert_eq!(line.date(&moment(1, 8 * HOUR, behind, behind)), NOW - 6 * HOUR, "none before the last");
    }

    #[test]
    fn a_clock_that_was_wrong_once_in_the_boot_that_runs_is_put_right() {
        let mut line = timeline(moment(1, 9 * HOUR, NOW, NOW));
        assert_eq!(line.date(&moment(1, 8 * HOUR, 0, NOW - 900 * HOUR)), NOW - HOUR);
        let other = timeline(line.sent).date(&moment(2, 8 * HOUR, 0, NOW - 900 * HOUR));
        assert_eq!(other, NOW - 900 * HOUR, "in another boot the guarded time is what there is");
    }

    #[test]
    fn a_request_that_was_on_its_way_for_a_week_moves_nothing() {
        let week = 7 * 24 * HOUR;
        let mut line = timeline(moment(1, 9 * HOUR, NOW - week, NOW - week));
        assert_eq!(line.date(&moment(1, 8 * HOUR, NOW - week - HOUR, NOW - week - HOUR)), NOW - week - HOUR);
    }

    #[test]
    fn late_is_what_no_invoice_of_a_year_can_have() {
        let quarter = |days: i64| Timeline::quarter(NOW - days * 24 * HOUR);
        assert!(is_late(quarter(401), NOW) && !is_late(quarter(399), NOW));
        assert!(is_late(i64::MIN, NOW) && !is_late(i64::MAX, NOW));
    }

    proptest! {
        #[test]
        fn no_clocks_leave_what_lies_between_the_last_and_now(
            sent in any::<(u8, i64, i64, i64)>(), at in any::<(u8, i64, i64, i64)>(), quarter in any::<i64>(),
        ) {
            let of = |(boot, a, b, c): (u8, i64, i64, i64)| moment(boot % 2, a, b, c);
            let mut line = timeline(of(sent));
            let floor = line.floor_ms;
            let event = line.date(&of(at));
            prop_assert!((floor..=NOW).contains(&event));
            prop_assert!((floor..=event).contains(&line.floor_ms));
            let bounds = (floor, NOW);
            let quarter = Timeline::quarter_of_sum(quarter, bounds);
            prop_assert!((quarter_of(floor)..=quarter_of(NOW)).contains(&quarter));
        }
    }
}
