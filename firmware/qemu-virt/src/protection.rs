//! Names of the protections that weakened firmware (`weaken`) turns off on demand. The board's suite includes this file.

/// `(protections)`: from now on these protections are off and all others on. Taken from any partition.
pub const WEAKEN: u64 = 0xC300_FE10;

/// Stage 2: the caller sees all Non-secure memory and every device.
pub const STAGE_2: u64 = 1 << 0;
/// The EL2 layer's choice of stores to the distributor.
pub const DISTRIBUTOR: u64 = 1 << 1;
/// The EL2 layer's refusal of stores to foreign redistributors.
pub const REDISTRIBUTORS: u64 = 1 << 2;
/// The EL2 layer's choice of targets of SGIs.
pub const SGIS: u64 = 1 << 3;
/// The firmware's question whose CPU a `CPU_ON` names.
pub const POWER: u64 = 1 << 4;
/// The firmware's question who calls the vManager service.
pub const SERVICE: u64 = 1 << 5;
/// The secure group of the kick: instead an SGI that the partition may mask.
pub const KICK: u64 = 1 << 6;
/// The management partition does not see the memory of a deployed partition.
pub const HIDING: u64 = 1 << 7;
/// Memory is zeroed before it has another owner.
pub const SCRUBBING: u64 = 1 << 8;
