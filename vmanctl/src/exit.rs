//! Exit status by kind of error.

use vman_core::ErrorKind;

/// Everything was done.
pub const OK: u8 = 0;
/// The output could not be written.
pub const OUTPUT: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;

/// 10 + the kind's number.
pub const fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidArgument => 11,
        ErrorKind::NotFound => 12,
        ErrorKind::InvalidState => 13,
        ErrorKind::NoResources => 14,
        ErrorKind::Busy => 15,
        ErrorKind::PermissionDenied => 16,
        ErrorKind::Unsupported => 17,
        ErrorKind::Timeout => 18,
        ErrorKind::Disconnected => 19,
        ErrorKind::Protocol => 20,
        ErrorKind::Firmware => 21,
        ErrorKind::Internal => 22,
        ErrorKind::AlreadyExists => 23,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_ten_plus_the_number_of_the_kind() {
        for kind in ErrorKind::ALL {
            assert_eq!(i32::from(code(*kind)), 10 + *kind as i32, "{}", kind.name());
        }
    }
}
