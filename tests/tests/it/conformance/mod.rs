//! What storage has to be, whatever it is kept in: one suite, run on SQLite and on PostgreSQL. The issuer's own tests are
//! the larger part of it, and run on either; here is what takes several issuers on one database, and one database that
//! fails them.

mod cases;
mod device;
mod program;
mod server;
mod site;

use site::{Kept, Site};

/// Each case once on each database.
macro_rules! on_both {
    ($($case:ident,)*) => {
        mod sqlite {
            $(#[test] fn $case() { super::cases::$case(&super::Site::on(super::Kept::Sqlite)); })*
        }
        mod postgres {
            $(#[test] fn $case() { super::cases::$case(&super::Site::on(super::Kept::Postgres)); })*
        }
    };
}

on_both! {
    a_hundred_parallel_mints_over_two_replicas_get_distinct_gap_free_numbers,
    two_replicas_that_race_over_the_last_seats_never_give_more_than_was_subscribed,
    a_code_is_spent_as_often_as_it_says_however_many_race_for_it,
    one_activation_at_two_replicas_at_once_is_one_and_stays_it,
    one_request_at_two_replicas_at_once_gets_one_answer,
    one_key_with_the_codes_of_two_tenants_at_once_activates_one_device,
    nothing_is_given_to_a_device_once_it_is_retired_whatever_it_had_asked,
    cameras_that_two_replicas_move_at_once_sit_on_one_device_each,
}
