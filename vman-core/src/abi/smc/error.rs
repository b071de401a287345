//! Why a call is refused.

use crate::error::ErrorKind;

/// Why the firmware refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SmcError {
    /// -1: unknown function (SMC Calling Convention).
    #[error("Firmware does not know the call")]
    NotSupported,
    /// -2: an argument is out of range.
    #[error("Firmware refused an argument")]
    InvalidParameters,
    /// -3: the caller is not the management partition.
    #[error("Firmware takes this call from the management partition only")]
    Denied,
    /// -4: another operation on the partition is under way, or a CPU of the request is on.
    #[error("Firmware is busy with another operation on the partition, or a CPU is still on")]
    Busy,
    /// -5: the partition's state does not allow it.
    #[error("Firmware refused the operation in the partition's state")]
    InvalidState,
    /// -6: no slot left.
    #[error("Firmware has no room for another partition")]
    NoResources,
    /// -7: there is no such partition.
    #[error("Firmware knows no such partition")]
    NotFound,
    /// -8: a CPU or memory of the request belongs to somebody else.
    #[error("Firmware knows another owner of a CPU or of memory in the request")]
    Overlap,
    /// -9: the partition is faulted.
    #[error("Partition is faulted")]
    Faulted,
    /// A code that this version does not know.
    #[error("Firmware answered {0:#x}")]
    Unknown(u64),
}

impl SmcError {
    const fn negative(code: u64) -> u64 {
        code.wrapping_neg()
    }

    /// The value of `x0`.
    pub const fn to_register(self) -> u64 {
        match self {
            Self::NotSupported => Self::negative(1),
            Self::InvalidParameters => Self::negative(2),
            Self::Denied => Self::negative(3),
            Self::Busy => Self::negative(4),
            Self::InvalidState => Self::negative(5),
            Self::NoResources => Self::negative(6),
            Self::NotFound => Self::negative(7),
            Self::Overlap => Self::negative(8),
            Self::Faulted => Self::negative(9),
            Self::Unknown(raw) => raw,
        }
    }

    /// From the value of `x0`.
    pub const fn from_register(raw: u64) -> Self {
        match raw.wrapping_neg() {
            1 => Self::NotSupported,
            2 => Self::InvalidParameters,
            3 => Self::Denied,
            4 => Self::Busy,
            5 => Self::InvalidState,
            6 => Self::NoResources,
            7 => Self::NotFound,
            8 => Self::Overlap,
            9 => Self::Faulted,
            _ => Self::Unknown(raw),
        }
    }

    /// The kind that users see.
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::NotSupported => ErrorKind::Unsupported,
            Self::InvalidParameters => ErrorKind::InvalidArgument,
            Self::Denied => ErrorKind::PermissionDenied,
            Self::Busy => ErrorKind::Busy,
            Self::InvalidState | Self::Faulted => ErrorKind::InvalidState,
            Self::NoResources | Self::Overlap => ErrorKind::NoResources,
            Self::NotFound => ErrorKind::NotFound,
            Self::Unknown(_) => ErrorKind::Firmware,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_survive_the_register_and_unknown_ones_are_kept() {
        for code in 1..=12u64 {
            let raw = code.wrapping_neg();
            assert_eq!(SmcError::from_register(raw).to_register(), raw);
        }
        assert_eq!(SmcError::from_register(99), SmcError::Unknown(99));
    }
}
