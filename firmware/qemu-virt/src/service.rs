//! The calls of the EL2 layer to EL3: SMC64 fast calls of the OEM range that EL3 takes from EL2 only.

/// `(reason, address, program counter)`: the partition cannot go on; never returns to the partition.
pub const EL2_FAULT: u64 = 0xC300_FE00;
