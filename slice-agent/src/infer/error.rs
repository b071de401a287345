//! Why an agent cannot be read or cannot decide.

/// Why an agent cannot be read or cannot decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// The file is cut off or something else.
    #[error("It is no whole safetensors file")]
    NotSafetensors,
    /// A tensor is missing.
    #[error("It has no tensor {0}")]
    Missing(&'static str),
    /// A tensor is not in single precision or its shape is wrong.
    #[error("Tensor {0} is no matrix or list of numbers in single precision that fit to each other")]
    BadTensor(&'static str),
    /// The layers do not follow from one another.
    #[error(
        "The layers are no agent: each must take what the one before gives, with at most {} outputs and at least {} values at the end",
        super::MAX_WIDTH,
        super::LEVELS
    )]
    Shapes,
    /// A weight is not finite.
    #[error("A weight is infinite or not a number")]
    BadWeight,
    /// The memory is too small.
    #[error("There are {found} places of memory, {needed} are needed")]
    Memory {
        /// Places that there are.
        found: usize,
        /// Places that are needed.
        needed: usize,
    },
    /// The observation has another length.
    #[error("The observation has {found} features, the agent needs {wanted}")]
    Features {
        /// Its length.
        found: usize,
        /// What the agent needs.
        wanted: usize,
    },
    /// A feature is infinite or not a number.
    #[error("Feature {index} of the observation is infinite or not a number")]
    NotFinite {
        /// Its index.
        index: usize,
    },
    /// The mask allows no level.
    #[error("The mask allows no level")]
    NothingAllowed,
}
