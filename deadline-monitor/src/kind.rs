//! What kind of refusal an error is: the same for every face of the project.

use crate::budget::{ConfigError, ParamsError};

/// Kinds of refusals. The C interface, Python and the REST interface have a number, a class or a status for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value breaks a rule that does not depend on any state.
    InvalidArgument,
    /// No such thread, target or reservation.
    NotFound,
    /// What is there now does not allow it.
    InvalidState,
    /// Not enough bandwidth, or a quota is used up.
    NoResources,
    /// It may work later without any change.
    Busy,
    /// The caller may not do this.
    PermissionDenied,
    /// This kernel or this program cannot do it.
    Unsupported,
    /// It took too long.
    Timeout,
    /// A failing system call, or a defect of ours.
    Internal,
    /// It is there already.
    AlreadyExists,
}

impl ErrorKind {
    /// All of them.
    pub const ALL: [ErrorKind; 10] = [
        ErrorKind::InvalidArgument,
        ErrorKind::NotFound,
        ErrorKind::InvalidState,
        ErrorKind::NoResources,
        ErrorKind::Busy,
        ErrorKind::PermissionDenied,
        ErrorKind::Unsupported,
        ErrorKind::Timeout,
        ErrorKind::Internal,
        ErrorKind::AlreadyExists,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::InvalidArgument => "InvalidArgument",
            ErrorKind::NotFound => "NotFound",
            ErrorKind::InvalidState => "InvalidState",
            ErrorKind::NoResources => "NoResources",
            ErrorKind::Busy => "Busy",
            ErrorKind::PermissionDenied => "PermissionDenied",
            ErrorKind::Unsupported => "Unsupported",
            ErrorKind::Timeout => "Timeout",
            ErrorKind::Internal => "Internal",
            ErrorKind::AlreadyExists => "AlreadyExists",
        }
    }
}

impl ParamsError {
    /// Its kind: always a wrong value.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidArgument
    }
}

impl ConfigError {
    /// Its kind: always a wrong value.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidArgument
    }
}

#[cfg(feature = "std")]
mod with_an_operating_system {
    use super::ErrorKind;
    use crate::monitor::ReconfigureError;
    use crate::sched::Rule;
    use crate::{account, monitor, sched, target};

    impl Rule {
        /// Its kind.
        pub fn kind(self) -> ErrorKind {
            match self {
                Rule::Gone => ErrorKind::NotFound,
                Rule::NoBandwidth | Rule::Quota => ErrorKind::NoResources,
                Rule::Pinned | Rule::Cpuset | Rule::Taken | Rule::Monitored(_) => ErrorKind::InvalidState,
                Rule::NotAllowed | Rule::OtherUser(_) | Rule::KernelThread | Rule::Own | Rule::Foreign => {
                    ErrorKind::PermissionDenied
                }
                Rule::Invalid | Rule::Params(_) => ErrorKind::InvalidArgument,
                Rule::Unsupported => ErrorKind::Unsupported,
                Rule::Unrecorded | Rule::Unknown(_) => ErrorKind::Internal,
            }
        }
    }

    impl sched::Error {
        /// Its kind.
        pub fn kind(&self) -> ErrorKind {
            self.rule.kind()
        }
    }

    impl target::Error {
        /// Its kind.
        pub fn kind(&self) -> ErrorKind {
            match self {
                target::Error::Gone(_) => ErrorKind::NotFound,
                target::Error::Read { .. } | target::Error::Qmp { .. } => ErrorKind::Internal,
            }
        }
    }

    impl account::Error {
        /// Its kind.
        pub fn kind(&self) -> ErrorKind {
            match self {
                account::Error::Gone(_) => ErrorKind::NotFound,
                account::Error::Read { .. }
                | account::Error::Format { .. }
                | account::Error::Clock { .. } => ErrorKind::Internal,
            }
        }
    }

    impl monitor::Error {
        /// Its kind.
        pub fn kind(&self) -> ErrorKind {
            match self {
                monitor::Error::Target(error) => error.kind(),
                monitor::Error::Config(error) => error.kind(),
            }
        }
    }

    impl ReconfigureError {
        /// Its kind.
        pub fn kind(&self) -> ErrorKind {
            match self {
                ReconfigureError::Options(error) => error.kind(),
                ReconfigureError::Refused(error) => error.kind(),
            }
        }
    }
}
