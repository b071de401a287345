//! The behaviour that every back end of [`ManagerDevice`] shows (feature `testing`): tests as functions, to be run on
//! the simulator in process, on the simulator behind its socket, and on `/dev/vmanager` of a board.
//!
//! A test takes a board without partitions and leaves it so. It panics when a promise is broken. [`device_suite`]
//! makes a `#[test]` of each; [`all`] is for programs that run them by name.
//!
//! [`device_suite`]: crate::device_suite
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests, which happen to live in a library and look at one variant"
)]

mod console;
mod creation;
mod events;
mod faults;
mod image;
mod life;
mod scene;
mod waiting;

pub use console::{console_tells_every_byte_once, flooded_console_drops_the_oldest, typing_is_echoed};
pub use creation::{
    critical_partitions_have_a_pool_of_their_own, duplicates_are_refused, exhausted_resources_come_back,
    impossible_requests_are_refused, numbers_are_not_used_again, racing_clients_share_the_last_cores,
};
pub use events::{
    every_queue_sees_every_event_in_order, late_queue_is_empty, power_off_by_the_guest_is_told,
    reset_by_the_guest_is_told, slow_reader_is_told_what_it_lost,
};
pub use faults::{
    bad_images_are_refused, broken_payload_faults, faulted_partition_takes_shutdown_and_reboot_only,
};
pub use image::{Guest, Images, OwnedImage, ScriptedImages};
pub use life::{
    every_row_of_the_state_table_holds, handles_do_not_outlive_their_partition, statistics_count,
    whole_life_cycle,
};
pub use waiting::{second_operation_is_refused_meanwhile, timeout_keeps_the_state};

use super::ManagerDevice;

/// What a test found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// This back end cannot show it, and why.
    Skipped(&'static str),
}

/// A test.
pub type Test<D, I> = fn(&D, &I) -> Verdict;

macro_rules! tests {
    ($($name:ident,)*) => {
        /// Every test with its name.
        pub fn all<D: ManagerDevice, I: Images>() -> Vec<(&'static str, Test<D, I>)> {
            vec![$((stringify!($name), $name::<D, I> as Test<D, I>),)*]
        }

        /// Makes a `#[test]` of each test of the suite: `device_suite!(board, images)`, where `board()` makes a board
        /// without partitions and `images()` makes its [`Images`].
        #[macro_export]
        macro_rules! device_suite {
            ($board:expr, $images:expr) => {
                $(
                    #[test]
                    fn $name() {
                        let verdict = $crate::device::suite::$name(&$board(), &$images());
                        assert_eq!(verdict, $crate::device::suite::Verdict::Passed);
                    }
                )*
            };
        }
    };
}

tests! {
    whole_life_cycle,
    every_row_of_the_state_table_holds,
    handles_do_not_outlive_their_partition,
    statistics_count,
    impossible_requests_are_refused,
    duplicates_are_refused,
    exhausted_resources_come_back,
    numbers_are_not_used_again,
    racing_clients_share_the_last_cores,
    critical_partitions_have_a_pool_of_their_own,
    bad_images_are_refused,
    broken_payload_faults,
    faulted_partition_takes_shutdown_and_reboot_only,
    second_operation_is_refused_meanwhile,
    timeout_keeps_the_state,
    every_queue_sees_every_event_in_order,
    late_queue_is_empty,
    slow_reader_is_told_what_it_lost,
    power_off_by_the_guest_is_told,
    reset_by_the_guest_is_told,
    console_tells_every_byte_once,
    flooded_console_drops_the_oldest,
    typing_is_echoed,
}
