//! Random timelines, rated here and by an independent program in exact fractions.

use brink_tests::rating::compare;

/// Timelines of one run of the suite; the bin `rating-oracle` compares a million.
const TIMELINES: u64 = 4000;

#[test]
#[ignore = "needs a python with tzdata: scripts/test installs it beside the build and runs this"]
fn fractions_of_python_come_to_the_same() {
    let found = compare(&brink_tests::python(), 1..TIMELINES + 1);
    assert_eq!((&found["compared"], &found["differences"]), (&TIMELINES.into(), &0.into()), "{found:#}");
    for kind in ["recurring", "usage", "adjustment", "credit", "discount"] {
        assert!(found["kinds"][kind].as_u64() > Some(TIMELINES / 10), "hardly any {kind}: {found:#}");
    }
}
