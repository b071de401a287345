//! The table of promises.

use crate::{Case, controls, critical, figures, hostile, isolation, life, link, races, refusals};

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
    ("every_start_has_random_numbers_of_its_own_and_the_kernel_takes_them", |board| life::seeds(&board)),
    ("partition_that_resets_itself_is_started_again", |board| life::own_reset(&board)),
    ("partition_that_turns_itself_off_is_ready", |board| life::own_power_off(&board)),
    ("second_operation_is_told_busy_and_queries_do_not_wait", |board| life::busy(&board)),
    ("queue_that_overflows_says_how_much_is_lost", |board| life::overflow(&board)),
    ("two_partitions_run_at_the_same_time", |board| life::two(&board)),
    ("memory_of_a_deployed_partition_is_hidden_from_the_management_partition", |board| {
        isolation::hidden(&board)
    }),
    ("destroyed_partition_leaves_zeros", |board| isolation::scrubbed(&board)),
    ("cpu_that_was_torn_out_gets_interrupts_again", |board| isolation::torn_out(&board)),
    ("partition_turns_its_own_cpus_off_and_on_and_its_traps_are_counted", |board| isolation::hotplug(&board)),
    ("program_of_a_partition_writes_to_and_reads_from_the_console", |board| isolation::terminal(&board)),
    ("eight_threads_race_on_one_file_and_lose_nothing", |board| races::one_file(&board)),
    ("root_program_of_a_partition_reaches_nothing_foreign", |board| hostile::root_program(&board)),
    ("hostile_accesses_of_foreign_memory_fault", |board| hostile::memory(&board)),
    ("hostile_accesses_through_own_translations_fault_with_caches_and_without", |board| {
        hostile::mapped_memory(&board)
    }),
    ("hostile_dma_finds_no_device", |board| hostile::dma(&board)),
    ("hostile_use_of_higher_registers_is_undefined", |board| hostile::registers(&board)),
    ("hostile_use_of_the_chip_makers_registers_is_undefined", |board| hostile::chip_maker(&board)),
    ("hostile_stores_leave_foreign_interrupts_alone", |board| hostile::distributor(&board)),
    ("hostile_accesses_of_foreign_redistributors_do_nothing", |board| hostile::redistributors(&board)),
    ("hostile_sgis_reach_nobody", |board| hostile::sgis(&board)),
    ("hostile_cpu_on_of_foreign_cpus_is_refused", |board| hostile::cpu_on(&board)),
    ("hostile_forged_calls_are_refused", |board| hostile::forged(&board)),
    ("hostile_loop_with_everything_masked_is_suspended_and_stopped", |board| hostile::spin(&board)),
    ("hostile_floods_leave_the_others_their_beat", |board| hostile::floods(&board)),
    ("critical_partition_keeps_its_period_beside_a_busy_linux", |board| critical::shared(&board)),
    ("critical_partition_runs_on_cpus_of_its_own", |board| critical::exclusive(&board)),
    ("critical_partitions_are_one_at_a_time_and_fit_the_secure_memory", |board| critical::limits(&board)),
    ("link_carries_a_stream_between_two_partitions_and_nobody_else_reaches_it", |board| link::stream(&board)),
    ("links_that_break_a_rule_are_refused_and_named", |board| link::refused(&board)),
    ("link_is_gone_when_either_partition_is_destroyed_and_leaves_zeros", |board| link::gone(&board)),
    ("partition_outlives_the_driver_and_is_adopted", |board| life::adopted(board)),
];

/// The positive controls: in firmware with one protection off, the attack succeeds. Each case turns one off by itself.
pub(crate) const CONTROLS: &[Case] = &[
    ("without_stage_2_foreign_memory_is_read_written_and_executed", |board| controls::memory(&board)),
    ("without_stage_2_a_device_writes_foreign_memory", |board| controls::dma(&board)),
    ("without_its_filter_a_foreign_interrupt_is_disabled", |board| controls::distributor(&board)),
    ("without_its_filter_a_foreign_redistributor_takes_an_interrupt", |board| {
        controls::redistributor(&board)
    }),
    ("without_the_filter_sgis_reach_a_neighbour", |board| controls::sgis(&board)),
    ("without_the_question_whose_cpu_it_is_foreign_code_runs_on_it", |board| controls::cpu_on(&board)),
    ("without_the_question_who_calls_a_neighbour_is_suspended", |board| controls::service(&board)),
    ("without_the_secure_kick_a_masked_loop_outlasts_its_stop", |board| controls::kick(&board)),
    ("without_hiding_a_deployed_partition_can_be_read", |board| controls::hiding(&board)),
    ("without_scrubbing_the_next_owner_reads_the_last_one", |board| controls::scrubbing(&board)),
];

/// Figures of a run in which time is the wall's.
pub(crate) const FIGURES_WALL: &[Case] = &[
    ("figures_of_partitions_by_the_wall", |board| figures::all_wall(&board)),
    ("figures_of_isolation_under_attack", |board| hostile::floods(&board)),
    ("figures_of_a_stream_over_a_link", |board| figures::stream(&board)),
    ("figures_of_a_masked_loop", |board| hostile::spin(&board)),
];

/// Figures of a run in which time is counted instructions, on firmware that lets itself be weakened.
pub(crate) const FIGURES_COUNTED: &[Case] = &[("figures_counted", |board| figures::all_counted(&board))];
