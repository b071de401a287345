//! Errors of the slice environment and its agents.

/// Why a slice environment or an agent cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An action names a grid point that the action grid does not have.
    #[error("Action {action} is outside the grid of {actions} actions")]
    ActionOutsideGrid {
        /// Index of the action.
        action: usize,
        /// Number of actions.
        actions: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn error_names_the_action_and_the_grid() {
        let error = Error::ActionOutsideGrid { action: 9, actions: 4 };
        assert_eq!(error.to_string(), "Action 9 is outside the grid of 4 actions");
    }
}
