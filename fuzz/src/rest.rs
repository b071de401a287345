//! Bodies of the REST interface.

use std::fmt::Debug;

use deadline_monitor::budget::{Bandwidth, KernelLimits};
use deadline_monitor::machine::Machine;
use deadline_monitor::serve::api::{AdmissionRequest, Confirmation, NewTarget, Settings, parse};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte chooses the route, the rest is the body.
pub fn run(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    match first % 4 {
        0 => {
            if let Some(new) = survives::<NewTarget>(body) {
                checked(&new.settings);
            }
        }
        1 => {
            if let Some(settings) = survives::<Settings>(body) {
                checked(&settings);
                checked(&settings.changed(&settings));
            }
        }
        2 => drop(survives::<AdmissionRequest>(body)),
        _ => drop(survives::<Confirmation>(body)),
    }
}

fn survives<T: DeserializeOwned + Serialize + Debug>(body: &[u8]) -> Option<T> {
    match parse::<T>(body) {
        Ok(value) => {
            let text = serde_json::to_vec(&value).expect("what was read can be written");
            parse::<T>(&text).expect("what was written can be read");
            Some(value)
        }
        Err(refusal) => {
            assert!(refusal.detail.chars().count() < 1_000, "{}", refusal.detail);
            None
        }
    }
}

/// Whatever is accepted lies within the bounds that it names.
fn checked(settings: &Settings) {
    let machine =
        Machine { cpus: 2, limits: KernelLimits::default(), share: None, fair_server: Bandwidth::default() };
    if let Ok(effective) = settings.check(&machine) {
        assert!(
            effective.initial_ns <= effective.deadline_ns && effective.deadline_ns <= effective.period_ns
        );
        assert!(effective.sampling_ns >= effective.period_ns && effective.weight >= 1);
    }
}
