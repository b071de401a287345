//! Registers of calls and answers.

use super::{FunctionId, PENDING, SmcError};

/// Registers of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SmcCall {
    /// `x0`.
    pub function: u64,
    /// `x1`..`x7`.
    pub args: [u64; 7],
}

impl SmcCall {
    /// A call of the vManager service; missing arguments are zero.
    pub fn new(function: FunctionId, args: &[u64]) -> Self {
        let mut call = Self { function: u64::from(function as u32), args: [0; 7] };
        for (register, value) in call.args.iter_mut().zip(args) {
            *register = *value;
        }
        call
    }
}

/// Registers of an answer: `x0`..`x3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SmcReturn(pub [u64; 4]);

impl SmcReturn {
    /// Success without results.
    pub const SUCCESS: Self = Self([0; 4]);
    /// The operation has begun and goes on.
    pub const PENDING: Self = Self([PENDING, 0, 0, 0]);

    /// Success with results in `x1`..`x3`.
    pub const fn with(results: [u64; 3]) -> Self {
        Self([0, results[0], results[1], results[2]])
    }

    /// Refusal.
    pub const fn refused(error: SmcError) -> Self {
        Self([error.to_register(), 0, 0, 0])
    }

    /// Reads the status.
    ///
    /// # Errors
    /// The [`SmcError`] in `x0`.
    pub const fn outcome(self) -> Result<Completion, SmcError> {
        let [status, a, b, c] = self.0;
        match status {
            0 => Ok(Completion::Done([a, b, c])),
            PENDING => Ok(Completion::Pending),
            raw => Err(SmcError::from_register(raw)),
        }
    }
}

/// A call that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Complete, with results.
    Done([u64; 3]),
    /// Begun.
    Pending,
}
