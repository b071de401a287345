//! The system calls; nothing else here is unsafe.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

use super::refusal;
use crate::abi::ioctl::{Argument, Command, Console, Deploy, Host, List, Segment};
use crate::abi::ioctl::{Control, CpuInfo, Create, Info, Link, Stats, Version};
use crate::device::{DeviceError, LoadImage};
use crate::error::ErrorKind;

/// Partitions that [`list`] asks for at first.
const LIST_CAPACITY: u32 = 64;

/// An argument without addresses in it.
pub(super) trait Plain: Argument {}

impl Plain for Version {}
impl Plain for Host {}
impl Plain for CpuInfo {}
impl Plain for Create {}
impl Plain for Info {}
impl Plain for Link {}
impl Plain for Control {}
impl Plain for Stats {}

/// Makes the call.
///
/// # Safety
/// Addresses in `argument` must be valid for what `command` reads or writes there.
unsafe fn ioctl<T: Argument>(
    device: BorrowedFd<'_>,
    command: Command,
    argument: &mut T,
) -> Result<(), DeviceError> {
    argument.header_mut().size = u32::try_from(size_of::<T>())
        .map_err(|_| DeviceError::new(ErrorKind::Internal, "Argument too large"))?;
    let request = libc::c_ulong::from(command.request());
    // SAFETY: the driver reads and writes at most `size` bytes of the argument, which is that large; what its
    // addresses point to is the caller's promise. The descriptor is open as long as it is borrowed.
    #[allow(clippy::useless_conversion, reason = "the type of the request differs between C libraries")]
    let result = unsafe {
        libc::ioctl(
            device.as_raw_fd(),
            request.try_into().map_err(|_| DeviceError::new(ErrorKind::Internal, "Bad ioctl number"))?,
            std::ptr::from_mut(argument),
        )
    };
    match result {
        -1 => Err(refusal::error(command, Errno::last_raw(), argument.header_mut())),
        _ => Ok(()),
    }
}

/// A call whose argument holds no address.
pub(super) fn plain<T: Plain>(
    device: BorrowedFd<'_>,
    command: Command,
    argument: &mut T,
) -> Result<(), DeviceError> {
    // SAFETY: `Plain`: no address.
    unsafe { ioctl(device, command, argument) }
}

/// Numbers of the partitions that exist.
pub(super) fn list(device: BorrowedFd<'_>) -> Result<Vec<u32>, DeviceError> {
    let mut capacity = LIST_CAPACITY;
    loop {
        let mut ids = vec![0u32; index(capacity)?];
        let mut list = List { ids: address(ids.as_mut_ptr()), capacity, ..List::new() };
        // SAFETY: `ids` has room for `capacity` numbers and lives until the call is over.
        unsafe { ioctl(device, Command::List, &mut list)? };
        if list.count <= capacity {
            ids.truncate(index(list.count)?);
            return Ok(ids);
        }
        capacity = list.count;
    }
}

/// Loads and starts.
pub(super) fn deploy(device: BorrowedFd<'_>, image: &LoadImage<'_>) -> Result<(), DeviceError> {
    let segments: Vec<Segment> = image
        .segments
        .iter()
        .map(|segment| {
            let length = u64::try_from(segment.data.len()).unwrap_or(u64::MAX);
            Segment { offset: segment.offset, length, data: address(segment.data.as_ptr()) }
        })
        .collect();
    let mut deploy = Deploy {
        segments: address(segments.as_ptr()),
        segment_count: u32::try_from(segments.len()).unwrap_or(u32::MAX),
        entry: image.entry,
        device_tree: image.device_tree,
        ..Deploy::new()
    };
    // SAFETY: the driver reads `segment_count` segments, and of each `length` bytes of a slice that `image` borrows.
    // A count that does not fit is refused before anything is read.
    unsafe { ioctl(device, Command::Deploy, &mut deploy) }
}

/// Reads console bytes from `position` on.
pub(super) fn console_read(
    device: BorrowedFd<'_>,
    position: u64,
    buffer: &mut [u8],
) -> Result<Console, DeviceError> {
    let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    let mut console = Console { position, buffer: address(buffer.as_mut_ptr()), length, ..Console::new() };
    // SAFETY: the driver writes at most `length` bytes, which the buffer has.
    unsafe { ioctl(device, Command::ConsoleRead, &mut console)? };
    Ok(console)
}

/// Types `data`.
pub(super) fn console_write(device: BorrowedFd<'_>, data: &[u8]) -> Result<Console, DeviceError> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut console = Console { buffer: address(data.as_ptr()), length, ..Console::new() };
    // SAFETY: the driver reads at most `length` bytes, which `data` has, and writes none.
    unsafe { ioctl(device, Command::ConsoleWrite, &mut console)? };
    Ok(console)
}

/// An address as the driver takes it: 64 bits on every machine.
fn address<T>(pointer: *const T) -> u64 {
    u64::try_from(pointer.addr()).unwrap_or(0)
}

fn index(count: u32) -> Result<usize, DeviceError> {
    usize::try_from(count).map_err(|_| super::odd("number of partitions", count.into()))
}
