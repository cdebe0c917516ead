//! What storage has to be, whatever it is kept in: one suite, run on SQLite and on PostgreSQL. The issuer's own tests are
//! the larger part of it, and run on either; here is what takes several issuers on one database, and one database that
//! fails them.

mod cases;
mod device;
mod invoices;
mod metering;
mod program;
mod server;
mod site;
mod tls;
mod usage;

use site::{Kept, Site};

/// Each case once on each database.
macro_rules! on_both {
    ($($file:ident::$case:ident,)*) => {
        mod sqlite {
            $(#[test] fn $case() { super::$file::$case(&super::Site::on(super::Kept::Sqlite)); })*
        }
        mod postgres {
            $(#[test] fn $case() { super::$file::$case(&super::Site::on(super::Kept::Postgres)); })*
        }
    };
}

on_both! {
    cases::a_hundred_parallel_mints_over_two_replicas_get_distinct_gap_free_numbers,
    cases::two_replicas_that_race_over_the_last_seats_never_give_more_than_was_subscribed,
    cases::a_code_is_spent_as_often_as_it_says_however_many_race_for_it,
    cases::one_activation_at_two_replicas_at_once_is_one_and_stays_it,
    cases::one_request_at_two_replicas_at_once_gets_one_answer,
    cases::one_key_with_the_codes_of_two_tenants_at_once_activates_one_device,
    cases::nothing_is_given_to_a_device_once_it_is_retired_whatever_it_had_asked,
    cases::cameras_that_two_replicas_move_at_once_sit_on_one_device_each,
    usage::one_batch_at_two_replicas_at_once_is_booked_once,
    usage::many_devices_with_lost_answers_and_replays_over_two_replicas_come_to_what_they_used,
    usage::a_batch_that_comes_at_two_replicas_on_two_days_is_booked_once,
    invoices::one_period_that_is_closed_at_several_replicas_at_once_is_invoiced_once,
}
