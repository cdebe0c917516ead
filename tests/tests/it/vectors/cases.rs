//! Accounts for every number of the list of negative cases: by a vector, or by a test elsewhere.

use super::runner;
use crate::tidy::{rust_files, test_exists};

/// The last number of the list.
const LAST: u64 = 105;

/// Cases that are not, or not only, a matter of one document's bytes, with the tests that have them.
const ELSEWHERE: [(u64, &str); 94] = [
    (27, "vectors::flips::every_flipped_bit_of_a_token_is_refused"),
    (30, "vectors::wycheproof::strict_verification_agrees_with_wycheproof"),
    (33, "gate::a_revoked_key_takes_the_stored_licence_with_it_and_the_next_keys_licence_is_taken"),
    (58, "store::device_store::a_kill_at_any_point_loses_nothing_and_brings_nothing_old_into_force"),
    (59, "gate::an_expired_manifest_never_stops_a_stored_licence"),
    (59, "edge::device::keysets_are_walked_and_an_expired_one_takes_nothing_new"),
    // The clock.
    (62, "clock::marks::a_clock_set_back_gains_nothing_and_is_flagged"),
    (63, "clock::two_hundred_daily_rollbacks_of_299_seconds_gain_nothing"),
    (64, "clock::a_clock_frozen_at_every_boot_still_burns_run_time"),
    (65, "clock_cases::walls_beyond_all_years_are_flags_and_no_panic"),
    (65, "clock::marks::no_reading_panics_and_now_never_falls_below_what_was_known"),
    (66, "clock::marks::a_jump_forward_and_back_does_not_poison_the_marks"),
    (
        67,
        "clock_cases::a_first_catch_up_within_half_a_year_is_believed_and_beyond_it_fails_closed_without_poison",
    ),
    (
        67,
        "edge::device::a_clock_that_was_believed_ten_years_ahead_and_one_that_was_held_back_are_recovered_by_a_reset",
    ),
    (68, "edge::device::a_refused_answer_leaves_everything_in_force_and_is_remembered"),
    (68, "edge::device::an_answer_that_nobody_asked_for_is_refused_as_such"),
    (69, "clock_cases::a_receipt_that_was_delayed_is_a_floor_and_no_more"),
    (70, "clock::marks::boottime_going_backwards_counts_nothing_twice"),
    (71, "clock_cases::a_suspended_machines_time_is_counted_when_it_wakes"),
    (72, "clock_cases::leap_seconds_and_small_corrections_change_nothing"),
    (73, "clock::no_adversary_makes_time_fall_outlives_the_licence_or_runs_longer_than_the_lease"),
    (73, "clock::no_extension_and_no_reset_gives_more_than_the_issuer_gave"),
    (73, "clock::an_honest_clock_is_never_denied_before_its_deadline"),
    (73, "clock::a_device_without_a_clock_of_its_own_is_never_denied_before_its_deadline"),
    // Store and anchor.
    (74, "anchored::case_74_a_flipped_bit_in_the_vault_never_brings_an_older_document_into_force"),
    (74, "crash::flipped_bits_bring_nothing_old_into_force"),
    (75, "anchored::case_75_a_truncated_or_deleted_part_of_the_vault_is_never_a_new_install"),
    (75, "crash::truncated_files_bring_nothing_old_into_force"),
    (76, "anchored::case_76_a_vault_that_was_put_back_is_built_again_from_the_bundle"),
    (76, "flows::anchor::vault_and_bundle_put_back_are_tampering_until_an_exchange"),
    (77, "anchored::case_77_an_anchor_that_was_put_back_is_moved_forward_and_said_so"),
    (78, "anchored::case_78_everything_put_back_together_is_active_here_and_left_to_the_issuer"),
    (78, "flows::anchor::everything_put_back_is_active_here_until_the_issuer_hears_of_it"),
    (79, "anchored::case_79_swapped_values_in_the_vault_do_not_carry_their_mac"),
    (80, "crash::what_was_acknowledged_outlives_the_power"),
    (80, "crash::a_kill_at_any_numbered_step_of_a_verb_loses_nothing"),
    (81, "device_store::only_one_writer_opens_a_store"),
    (81, "flows::agent::a_second_agent_is_refused_and_says_why"),
    (82, "crash::a_full_disk_loses_nothing"),
    (82, "crash::a_full_memory_loses_nothing"),
    (82, "crash::a_read_only_disk_loses_nothing"),
    (82, "device_store::a_directory_that_cannot_be_written_still_opens"),
    // Bytes behind a document and over-long numbers, in what there is of it.
    (84, "exchange::every_cut_and_every_byte_more_is_refused"),
    (84, "exchange::an_over_long_varint_is_refused"),
    (84, "vault::record::bytes_left_over_are_refused_even_with_a_good_mac"),
    (84, "state::an_inbox_with_bytes_left_over_or_of_another_version_is_refused"),
    // Records of usage.
    (80, "flows::usage::processes_that_are_killed_lose_nothing_that_was_acknowledged"),
    (83, "usage::chain::every_removed_moved_or_repeated_record_is_found"),
    (83, "journal::usage::every_record_that_is_edited_removed_or_moved_is_named"),
    (84, "usage::record::a_record_has_one_form_of_bytes"),
    (87, "journal::usage::a_total_that_would_overflow_is_refused_and_its_neighbours_are_not"),
    (87, "usage::quantity::what_is_written_is_read_again_and_sums_are_exact"),
    // Usage that reaches the issuer.
    (83, "refused::records_that_were_edited_removed_moved_or_repeated_are_no_chain"),
    (85, "refused::a_gap_is_told_and_heals_by_itself"),
    (86, "refused::a_fork_is_evidence_and_the_tenants_policy_says_what_follows"),
    (87, "aside::totals_that_do_not_continue_are_set_aside_once"),
    (88, "flows::the_same_request_is_not_booked_twice_and_a_lost_answer_books_nothing_twice_either"),
    (91, "refused::a_checkpoint_of_another_key_device_issuer_activation_digest_or_end_is_refused"),
    (92, "aside::a_record_far_in_the_future_is_booked_now_and_drags_nothing_along"),
    // Clones. Two requests with one counter are the fork that there is without a usage journal.
    (86, "clones::a_counter_with_another_body_is_a_copys_and_both_boots_and_proofs_are_kept"),
    (86, "exchange::two_copies_of_a_disk_are_found_out_and_the_proof_is_kept"),
    (89, "clones::a_lost_response_is_answered_again_and_is_no_copys_under_any_policy"),
    (89, "exchange::a_lost_answer_is_no_clone"),
    (90, "clones::of_two_copies_that_ask_in_turn_the_second_is_flagged_at_its_first_question"),
    (90, "flows::clones::of_a_copied_directory_the_second_that_asks_is_found_and_an_admin_sees_both"),
    // The issuer.
    (98, "activation::a_spent_expired_or_unknown_code_is_refused_by_name"),
    (98, "activation::a_code_for_many_activates_each_of_its_devices_once_however_many_try"),
    (98, "program::guessing_codes_is_slowed_down_and_stops_no_right_one"),
    (98, "reactivated::neither_its_old_code_nor_another_one_brings_the_old_key_back"),
    (99, "exchange::proofs_that_do_not_fit_are_refused"),
    (99, "exchange::an_identical_retry_gets_the_identical_answer"),
    (99, "http::refusals_are_problems_with_their_status_and_code"),
    (101, "ledger::a_hundred_concurrent_mints_get_distinct_gap_free_numbers"),
    (102, "program::what_people_write_is_kept_as_they_wrote_it"),
    (103, "flows::secrets::no_code_token_ratchet_or_key_is_logged_or_said_in_a_refusal"),
    (103, "program::it_serves_logs_without_secrets_survives_a_kill_and_ends_on_a_signal"),
    (104, "flows::refusals::an_issuer_in_production_wants_its_passphrase_and_keys_that_only_it_can_read"),
    (104, "key_file::every_mode_that_lets_others_in_is_refused_with_its_mend"),
    (105, "restored::a_device_goes_on_and_no_number_is_given_twice"),
    (105, "extension::a_database_that_was_restored_gives_no_number_that_a_device_has_had"),
    (105, "flows::losses::an_issuer_that_was_put_back_from_a_backup_takes_its_devices_up_where_they_are"),
    // The admin API.
    (93, "guards::every_route_without_a_key_is_401_and_says_how_to_show_one"),
    (93, "guards::every_route_with_every_scope_but_its_own_is_403"),
    (93, "guards::every_route_with_a_key_of_another_tenant_answers_as_if_there_were_nothing"),
    (94, "guards::the_credential_of_a_device_opens_nothing"),
    (95, "hostile::strangers_get_no_body_read_and_slow_ones_no_patience"),
    (95, "hostile::bodies_that_are_not_what_a_path_takes_change_nothing"),
    (96, "hostile::bodies_that_are_not_what_a_path_takes_change_nothing"),
    (97, "repeated::another_request_under_the_same_name_is_refused"),
    (100, "guards::a_key_that_is_revoked_or_over_is_nobody_with_its_next_request"),
    // Large and slow bodies of devices.
    (95, "http::bodies_above_the_limit_and_slow_clients_are_cut_off"),
    (95, "program::bombs_of_a_kilobyte_cost_the_serving_process_little"),
    (95, "memory::the_largest_body_takes_no_more_than_is_reckoned_for_it"),
    (95, "exchange::a_bomb_is_refused_before_it_is_unpacked"),
];

#[test]
fn every_case_of_the_list_is_accounted_for() {
    let mut covered = runner::cases();
    let files = rust_files();
    for (case, test) in ELSEWHERE {
        assert!(test_exists(test, &files), "case {case}: the test {test} does not exist");
        covered.insert(case);
    }
    let missing: Vec<_> = (1..=LAST).filter(|case| !covered.contains(case)).collect();
    assert!(missing.is_empty(), "cases {missing:?}: add a vector, or name the test in ELSEWHERE");
}
