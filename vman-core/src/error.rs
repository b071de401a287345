//! The one table of error kinds, and this crate's error.

use core::fmt;

use crate::abi::smc::SmcError;
use crate::image::ImageError;
use crate::plan::PlanError;
use crate::state::InvalidTransition;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $errno:ident = $errno_number:literal, $text:literal;)*) => {
        /// What kind of error it is: the same in errno, JSON class, C status, libvirt and Python.
        /// Numbers are those of the C ABI and are never used again for something else.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum ErrorKind {
            $($(#[$doc])* $kind = $number,)*
        }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// JSON class and public name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }

            /// The kind with this JSON class.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }

            /// Linux errno (asm-generic numbers).
            pub const fn errno(self) -> i32 {
                match self {
                    $(Self::$kind => $errno_number,)*
                }
            }

            /// Name of [`ErrorKind::errno`].
            pub const fn errno_name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($errno),)*
                }
            }

            /// One clause for people.
            pub const fn describe(self) -> &'static str {
                match self {
                    $(Self::$kind => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// An argument breaks a rule that does not depend on any state.
    InvalidArgument = 1, EINVAL = 22, "Invalid argument";
    /// No such partition, image or file.
    NotFound = 2, ENODEV = 19, "Not found";
    /// The partition's state does not allow it.
    InvalidState = 3, EBADFD = 77, "Not possible in the partition's state";
    /// Not enough cores, memory, slots or space.
    NoResources = 4, ENOSPC = 28, "Not enough resources";
    /// Another operation on the partition is under way.
    Busy = 5, EBUSY = 16, "Another operation is under way";
    /// The caller may not do this.
    PermissionDenied = 6, EPERM = 1, "Permission denied";
    /// Unknown command, or a feature that this board does not have.
    Unsupported = 7, EOPNOTSUPP = 95, "Not supported";
    /// It did not happen in time; the state is unchanged.
    Timeout = 8, ETIMEDOUT = 110, "Timed out";
    /// The connection or the device is gone.
    Disconnected = 9, ENOTCONN = 107, "Disconnected";
    /// The peer does not speak the protocol.
    Protocol = 10, EPROTO = 71, "Protocol error";
    /// The firmware answered a code that nobody knows.
    Firmware = 11, EREMOTEIO = 121, "Firmware error";
    /// A defect of ours or a failing system call.
    Internal = 12, EIO = 5, "Internal error";
    /// The name or UUID is taken.
    AlreadyExists = 13, EEXIST = 17, "Already exists";
}

impl ErrorKind {
    /// The kind for an errno of the driver or of the kernel itself.
    pub fn from_errno(errno: i32) -> Self {
        const ENOENT: i32 = 2;
        const EINTR: i32 = 4;
        const ENXIO: i32 = 6;
        const EAGAIN: i32 = 11;
        const ENOMEM: i32 = 12;
        const EACCES: i32 = 13;
        const EFAULT: i32 = 14;
        const ENOTTY: i32 = 25;
        const EPIPE: i32 = 32;
        const ECONNRESET: i32 = 104;
        const ECONNREFUSED: i32 = 111;
        if let Some(kind) = Self::ALL.iter().copied().find(|kind| kind.errno() == errno) {
            return kind;
        }
        match errno {
            ENOENT | ENXIO => Self::NotFound,
            EINTR | EAGAIN => Self::Busy,
            ENOMEM => Self::NoResources,
            EACCES => Self::PermissionDenied,
            EFAULT => Self::InvalidArgument,
            ENOTTY => Self::Unsupported,
            EPIPE | ECONNRESET | ECONNREFUSED => Self::Disconnected,
            _ => Self::Internal,
        }
    }

    /// Whether the same request may succeed later without any change.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Busy | Self::Timeout | Self::Disconnected)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// Any error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The state table refuses the operation.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// The firmware refuses the call.
    #[error(transparent)]
    Firmware(#[from] SmcError),
    /// There are no such cores or no such memory.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The kernel cannot be loaded.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The device tree cannot be used.
    #[cfg(feature = "alloc")]
    #[error(transparent)]
    DeviceTree(#[from] crate::fdt::FdtError),
    /// The kernel driver or the simulator refuses.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Device(#[from] crate::device::DeviceError),
    /// A line of the protocol is wrong.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Codec(#[from] crate::command::CodecError),
    /// vmand refused the command.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Remote(#[from] crate::command::ErrorReply),
    /// A command breaks a rule that the manager knows.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Manager(#[from] crate::manager::ManagerError),
    /// A kernel, device tree or initrd cannot be read.
    #[cfg(feature = "std")]
    #[error(transparent)]
    File(#[from] crate::manager::FileError),
    /// The connection to vmand is broken, or there is none.
    #[cfg(feature = "std")]
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
}

impl Error {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Transition(_) => ErrorKind::InvalidState,
            Self::Firmware(code) => code.kind(),
            Self::Plan(error) => error.kind(),
            Self::Image(error) => error.kind(),
            #[cfg(feature = "alloc")]
            Self::DeviceTree(error) => error.kind(),
            #[cfg(feature = "std")]
            Self::Device(error) => error.kind,
            #[cfg(feature = "std")]
            Self::Codec(error) => error.kind(),
            #[cfg(feature = "std")]
            Self::Remote(reply) => reply.kind(),
            #[cfg(feature = "std")]
            Self::Manager(error) => error.kind(),
            #[cfg(feature = "std")]
            Self::File(error) => error.kind(),
            #[cfg(feature = "std")]
            Self::Client(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_number_name_and_errno() {
        for (index, kind) in ErrorKind::ALL.iter().enumerate() {
            for other in &ErrorKind::ALL[index + 1..] {
                assert_ne!(*kind as i32, *other as i32);
                assert_ne!(kind.name(), other.name());
                assert_ne!(kind.errno(), other.errno());
            }
            assert_eq!(ErrorKind::from_errno(kind.errno()), *kind);
            assert_eq!(ErrorKind::from_name(kind.name()), Some(*kind));
        }
    }

    #[test]
    fn errno_of_the_kernel_itself_is_mapped() {
        let kinds = [2, 4, 12, 14, 25].map(ErrorKind::from_errno);
        let expected = [
            ErrorKind::NotFound,
            ErrorKind::Busy,
            ErrorKind::NoResources,
            ErrorKind::InvalidArgument,
            ErrorKind::Unsupported,
        ];
        assert_eq!(kinds, expected);
    }
}
