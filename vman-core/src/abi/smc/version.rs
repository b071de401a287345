//! The version of the interface.

/// A version as `x1` carries it: major number in the upper, minor in the lower 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
pub struct Version {
    /// Incompatible changes.
    pub major: u16,
    /// Additions.
    pub minor: u16,
}

impl Version {
    /// As one register.
    pub const fn to_register(self) -> u64 {
        (self.major as u64) << 16 | self.minor as u64
    }

    /// From one register, `None` if it holds more than 32 bits.
    pub fn from_register(value: u64) -> Option<Self> {
        let value = u32::try_from(value).ok()?;
        let [major_high, major_low, minor_high, minor_low] = value.to_be_bytes();
        Some(Self {
            major: u16::from_be_bytes([major_high, major_low]),
            minor: u16::from_be_bytes([minor_high, minor_low]),
        })
    }
}
