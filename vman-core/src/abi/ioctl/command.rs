//! The numbers of the ioctls.

use super::MAGIC;

/// An ioctl; [`Command::request`] is the number for the system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Command {
    /// `/dev/vmanager`: [`super::Version`].
    GetVersion = 0x00,
    /// `/dev/vmanager`: [`super::Host`].
    Host = 0x01,
    /// `/dev/vmanager`: [`super::CpuInfo`].
    CpuInfo = 0x02,
    /// `/dev/vmanager`: [`super::Create`].
    Create = 0x03,
    /// `/dev/vmanager`: [`super::List`].
    List = 0x04,
    /// Both: [`super::Info`].
    Info = 0x05,
    /// `/dev/vmanager`: [`super::Link`].
    Link = 0x06,
    /// `/dev/vmanager`: [`super::Link`].
    LinkInfo = 0x07,
    /// `/dev/vmanX`: [`super::Deploy`].
    Deploy = 0x10,
    /// `/dev/vmanX`: [`super::Control`].
    Shutdown = 0x11,
    /// `/dev/vmanX`: [`super::Control`].
    Reboot = 0x12,
    /// `/dev/vmanX`: [`super::Control`].
    Suspend = 0x13,
    /// `/dev/vmanX`: [`super::Control`].
    Restore = 0x14,
    /// `/dev/vmanX`: [`super::Control`].
    Destroy = 0x15,
    /// `/dev/vmanX`: [`super::Console`].
    ConsoleRead = 0x16,
    /// `/dev/vmanX`: [`super::Console`].
    ConsoleWrite = 0x17,
    /// `/dev/vmanX`: [`super::Stats`].
    Stats = 0x18,
}

impl Command {
    /// Every ioctl.
    pub const ALL: [Self; 17] = [
        Self::GetVersion,
        Self::Host,
        Self::CpuInfo,
        Self::Create,
        Self::List,
        Self::Info,
        Self::Link,
        Self::LinkInfo,
        Self::Deploy,
        Self::Shutdown,
        Self::Reboot,
        Self::Suspend,
        Self::Restore,
        Self::Destroy,
        Self::ConsoleRead,
        Self::ConsoleWrite,
        Self::Stats,
    ];

    /// The ioctl number (`_IO` of the kernel: type and number, no size).
    pub const fn request(self) -> u32 {
        (MAGIC as u32) << 8 | self as u32
    }

    /// Its name, as error messages have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetVersion => "VMANAGER_GET_VERSION",
            Self::Host => "VMANAGER_HOST",
            Self::CpuInfo => "VMANAGER_CPU_INFO",
            Self::Create => "VMANAGER_CREATE",
            Self::List => "VMANAGER_LIST",
            Self::Info => "VMANAGER_INFO",
            Self::Link => "VMANAGER_LINK",
            Self::LinkInfo => "VMANAGER_LINK_INFO",
            Self::Deploy => "VMANAGER_DEPLOY",
            Self::Shutdown => "VMANAGER_SHUTDOWN",
            Self::Reboot => "VMANAGER_REBOOT",
            Self::Suspend => "VMANAGER_SUSPEND",
            Self::Restore => "VMANAGER_RESTORE",
            Self::Destroy => "VMANAGER_DESTROY",
            Self::ConsoleRead => "VMANAGER_CONSOLE_READ",
            Self::ConsoleWrite => "VMANAGER_CONSOLE_WRITE",
            Self::Stats => "VMANAGER_STATS",
        }
    }
}
