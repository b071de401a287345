//! The promises of the firmware on a recorded machine.

mod link;
mod power;
mod property;
mod sharing;
mod unit;
