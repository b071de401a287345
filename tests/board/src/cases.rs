//! The table of promises.

use crate::{Case, isolation, life, refusals};

/// Every case, in the order in which they run: cheap ones first.
pub(crate) const ALL: &[Case] = &[
    ("host_tells_cpus_memory_and_model", |board| refusals::host(&board)),
    ("hostile_arguments_are_refused_with_their_errno", |board| refusals::hostile(&board)),
    ("bad_requests_are_refused_and_named", |board| refusals::bad_requests(&board)),
    ("created_partition_is_ready_and_has_what_was_asked", |board| refusals::created(&board)),
    ("names_and_uuids_are_unique", |board| refusals::unique(&board)),
    ("more_than_the_board_has_is_refused_with_figures", |board| refusals::too_much(&board)),
    ("ready_partition_refuses_what_needs_another_state", |board| refusals::ready_state(&board)),
    ("bad_segments_are_refused_and_leave_the_partition_ready", |board| refusals::bad_segments(&board)),
    ("destroyed_partition_gives_everything_back", |board| refusals::destroyed(&board)),
    ("deployed_partition_boots_and_prints", |board| life::boots(&board)),
    ("deployed_partition_refuses_deploy_restore_destroy", |board| life::deployed_state(&board)),
    ("suspended_partition_is_silent_and_goes_on_when_restored", |board| life::suspend_restore(&board)),
    ("suspended_partition_can_be_shut_down", |board| life::shutdown_suspended(&board)),
    ("rebooted_partition_boots_again", |board| life::reboot(&board)),
    ("calls_so_far_are_recorded", |_| life::trace()),
    ("partition_that_resets_itself_is_started_again", |board| life::own_reset(&board)),
    ("partition_that_turns_itself_off_is_ready", |board| life::own_power_off(&board)),
    ("second_operation_is_told_busy_and_queries_do_not_wait", |board| life::busy(&board)),
    ("queue_that_overflows_says_how_much_is_lost", |board| life::overflow(&board)),
    ("two_partitions_run_at_the_same_time", |board| life::two(&board)),
    ("memory_of_a_deployed_partition_is_hidden_from_the_management_partition", |board| {
        isolation::hidden(&board)
    }),
    ("destroyed_partition_leaves_zeros", |board| isolation::scrubbed(&board)),
    ("partition_cannot_read_foreign_memory_and_survives_the_attempt", |board| isolation::foreign(&board)),
    ("cpu_that_was_torn_out_gets_interrupts_again", |board| isolation::torn_out(&board)),
    ("partition_turns_its_own_cpus_off_and_on", |board| isolation::hotplug(&board)),
    ("program_of_a_partition_writes_to_the_console", |board| isolation::terminal(&board)),
    ("program_of_a_partition_reads_from_the_console", |board| isolation::input(&board)),
    ("firmware_counts_traps", |board| isolation::counters(&board)),
    ("partition_outlives_the_driver_and_is_adopted", |board| life::adopted(board)),
];
