//! Which cores and which memory a request gets.

/// The security state of a partition (Arm: Non-secure and Secure state).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum World {
    /// A non-critical partition.
    #[default]
    NonSecure,
    /// A critical partition.
    Secure,
}
