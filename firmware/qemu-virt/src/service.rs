//! Calls of EL3 beside the vManager service: SMC64 fast calls of the OEM range, each taken from one level only.

/// `(reason, address, program counter)`: the partition cannot go on; never returns to the partition. From EL2.
pub const EL2_FAULT: u64 = 0xC300_FE00;

/// `(byte)`: prints on the console of the calling critical partition. EL3 takes it from the secure world only.
pub const SECURE_PUT: u64 = 0xC300_FE01;
