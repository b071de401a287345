//! Composition rules that a request can break.

/// A broken composition rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompositionError {
    /// A slice has no chunk at all.
    #[error("Slice {slice} has no chunk; it needs at least one")]
    NoChunk {
        /// The slice's name.
        slice: String,
    },
}

#[cfg(test)]
mod tests {
    use super::CompositionError;

    #[test]
    fn error_names_the_slice_and_the_rule() {
        let error = CompositionError::NoChunk { slice: "video".into() };
        assert_eq!(error.to_string(), "Slice video has no chunk; it needs at least one");
    }
}
