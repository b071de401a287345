//! What the node has and what of it is free.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What this node can still take. All amounts are numbers of CPUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CapacityAnswer {
    /// CPUs that are online.
    pub cpus: u64,
    /// What reservations may take together.
    pub admissible_cpus: f64,
    /// What reservations have: everybody's on this machine, and bandwidth that the kernel lost.
    pub reserved_cpus: f64,
    /// The part of it that is held for reservations of `/v1/admission`.
    pub held_cpus: f64,
    /// What a new reservation can get at once.
    pub free_cpus: f64,
    /// What shares of `/v1/admission` have been promised of the unused.
    pub shared_cpus: f64,
    /// What monitored threads used, second by second.
    pub used: Used,
    /// What reservations leave unused, by risk.
    pub reclaimable: Vec<ReclaimableAt>,
    /// For how long ahead that is told, in seconds.
    pub horizon_s: u64,
    /// How many seconds were observed.
    pub observed_s: u64,
    /// Changes whenever reservations change.
    pub generation: u64,
    /// How long this answer is worth something, in milliseconds since 1970.
    pub valid_until_unix_ms: u64,
}

/// Use of CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Used {
    /// Half of the seconds were below.
    pub p50_cpus: f64,
    /// 95 of 100 seconds were below.
    pub p95_cpus: f64,
    /// 99 of 100 seconds were below.
    pub p99_cpus: f64,
}

/// What can be shared at a risk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReclaimableAt {
    /// How likely it is that reserved threads need some of it back within the horizon, in percent.
    pub risk_percent: f64,
    /// How much; absent while too little was observed for that risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// How many more seconds have to be observed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_s: Option<u64>,
}
