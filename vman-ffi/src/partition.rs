//! The life of a partition (source document, 3.2.1).

use std::ffi::c_char;

use uuid::Uuid;
use vman_core::command::{Command, CreatePartition, Created, Deploy, Shutdown, ShutdownMode, Target};

use crate::client::{partition_id, vman_client};
use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::guard;
use crate::pointer::{borrow, optional_text, out, text};
use crate::sized::{extensible, read_sized};
use crate::status::vman_status;

/// In `flags` of vman_create_args: the partition is critical and lives in the secure world.
pub const VMAN_CREATE_SECURE: u32 = 1;

/// What a new partition shall have. Set `size` to sizeof, everything else that is not wanted to 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_create_args {
    /// sizeof(vman_create_args).
    pub size: u32,
    /// Number of physical cores, at least 1.
    pub cores: u32,
    /// Memory in MiB, at least 1; vmand refuses what is no multiple of the host's granule.
    pub memory_mib: u64,
    /// VMAN_CREATE_SECURE or 0.
    pub flags: u32,
    /// Secure partitions only: the non-secure partition over whose cores it has strict priority, or 0.
    pub shared_with: u32,
    /// Unique name of at most 63 bytes, or NULL.
    pub name: *const c_char,
    /// Unique identity, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", or NULL.
    pub uuid: *const c_char,
}
extensible!(vman_create_args, 40, {
    size: u32, cores: u32, memory_mib: u64, flags: u32, shared_with: u32,
    name: *const c_char, uuid: *const c_char,
});

/// What runs on a partition. Set `size` to sizeof, everything else that is not wanted to 0. Files are paths, or
/// "image:sha256:HEX" for what `vman_image_upload` has stored. Paths are those of the caller's machine: where vmand
/// cannot read them they are uploaded.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_deploy_args {
    /// sizeof(vman_deploy_args).
    pub size: u32,
    /// The partition.
    pub id: u32,
    /// arm64 kernel image, uncompressed.
    pub kernel: *const c_char,
    /// Device tree blob, or NULL: it is made from the board's own.
    pub dtb: *const c_char,
    /// Initial RAM disk, or NULL.
    pub initrd: *const c_char,
    /// Kernel command line, or NULL.
    pub cmdline: *const c_char,
}
extensible!(vman_deploy_args, 40, {
    size: u32, id: u32, kernel: *const c_char, dtb: *const c_char, initrd: *const c_char,
    cmdline: *const c_char,
});

/// How a partition is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum vman_shutdown_mode {
    /// Halt the CPUs.
    Forced = 0,
    /// Ask the operating system; boards may answer VMAN_STATUS_UNSUPPORTED.
    Graceful = 1,
}

/// Creates a partition; it is READY. Gives its number.
///
/// Fails with VMAN_STATUS_NO_RESOURCES, VMAN_STATUS_ALREADY_EXISTS (name or UUID), VMAN_STATUS_INVALID_ARGUMENT,
/// VMAN_STATUS_UNSUPPORTED (secure), VMAN_STATUS_NOT_FOUND (shared_with), VMAN_STATUS_PERMISSION_DENIED.
///
/// # Safety
/// `client` is a handle that is not freed yet, `args` a structure whose texts are NULL or NUL-terminated, `id` a
/// valid place for the answer, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_create(
    client: *const vman_client,
    args: *const vman_create_args,
    id: *mut u32,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let args = unsafe { read_sized(args, "args") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(id, "id") }?;
        // SAFETY: the caller promises that the texts are good.
        let command = Command::CreatePartition(unsafe { create_args(&args) }?);
        let Created { id } = client.send(&command)?;
        place.write(id.0);
        Ok(())
    })
}

/// # Safety
/// The texts are NULL or NUL-terminated.
unsafe fn create_args(args: &vman_create_args) -> Result<CreatePartition, Failure> {
    if args.flags & !VMAN_CREATE_SECURE != 0 {
        return Err(Failure::argument("flags", format_args!("{:#x} has unknown bits", args.flags)));
    }
    // SAFETY: promised by the caller.
    let name = unsafe { optional_text(args.name, "name") }?;
    // SAFETY: promised by the caller.
    let uuid = unsafe { optional_text(args.uuid, "uuid") }?;
    let uuid = uuid.map(Uuid::parse_str).transpose().map_err(|error| Failure::argument("uuid", error))?;
    let shared_with = match args.shared_with {
        0 => None,
        id => Some(partition_id(id, "shared_with")?),
    };
    Ok(CreatePartition {
        cores: args.cores,
        secure: args.flags & VMAN_CREATE_SECURE != 0,
        memsize: None,
        memsize_mib: Some(args.memory_mib),
        primary: None,
        name: name.map(str::to_owned),
        uuid,
        shared_with,
    })
}

/// Loads a kernel and starts it: READY to DEPLOYED.
///
/// Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND (partition or file),
/// VMAN_STATUS_INVALID_ARGUMENT (no kernel, a broken device tree), VMAN_STATUS_NO_RESOURCES (it does not fit).
///
/// # Safety
/// `client` is a handle that is not freed yet, `args` a structure whose texts are NULL or NUL-terminated, `error`
/// NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_deploy(
    client: *const vman_client,
    args: *const vman_deploy_args,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let args = unsafe { read_sized(args, "args") }?;
        // SAFETY: the caller promises that the texts are good.
        let args = unsafe { deploy_args(&args) }?;
        client.with(|client| client.deploy(&args))
    })
}

/// # Safety
/// The texts are NULL or NUL-terminated.
unsafe fn deploy_args(args: &vman_deploy_args) -> Result<Deploy, Failure> {
    let partition_id = partition_id(args.id, "id")?;
    // SAFETY: promised by the caller.
    let kernel = unsafe { text(args.kernel, "kernel") }?;
    // SAFETY: promised by the caller.
    let dtb = unsafe { optional_text(args.dtb, "dtb") }?;
    // SAFETY: promised by the caller.
    let initrd = unsafe { optional_text(args.initrd, "initrd") }?;
    // SAFETY: promised by the caller.
    let cmdline = unsafe { optional_text(args.cmdline, "cmdline") }?;
    let [dtb, initrd, cmdline] = [dtb, initrd, cmdline].map(|text| text.map(str::to_owned));
    Ok(Deploy { partition_id, kernel: kernel.to_owned(), dtb, initrd, cmdline })
}

/// Sends a command about one partition.
///
/// # Safety
/// `client` is NULL or a handle that is not freed yet, `error` NULL or a valid place for a pointer.
unsafe fn run(
    client: *const vman_client,
    id: u32,
    error: *mut *mut vman_error,
    command: impl FnOnce(Target) -> Result<Command, Failure>,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        client.run(&command(Target { id: partition_id(id, "id")? })?)
    })
}

/// Gives cores and memory back; the partition must be READY. Its number is not used again.
///
/// Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND.
///
/// # Safety
/// `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_destroy(
    client: *const vman_client,
    id: u32,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    unsafe { run(client, id, error, |target| Ok(Command::DestroyPartition(target))) }
}

/// Halts a DEPLOYED partition, loads it again and starts it.
///
/// Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND, VMAN_STATUS_TIMEOUT.
///
/// # Safety
/// `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_reboot(
    client: *const vman_client,
    id: u32,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    unsafe { run(client, id, error, |target| Ok(Command::Reboot(target))) }
}

/// Halts the CPUs of a DEPLOYED or SUSPENDED partition and returns when all of them are off: it is READY. `mode` is a
/// vman_shutdown_mode. Waits at most `timeout_ms` milliseconds for the CPUs, 0 for as long as vmand thinks right.
///
/// Fails with VMAN_STATUS_TIMEOUT (the state is unchanged), VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY,
/// VMAN_STATUS_NOT_FOUND, VMAN_STATUS_UNSUPPORTED (graceful).
///
/// # Safety
/// `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_shutdown(
    client: *const vman_client,
    id: u32,
    mode: i32,
    timeout_ms: u32,
    error: *mut *mut vman_error,
) -> vman_status {
    let command = |Target { id }| {
        let mode = shutdown_mode(mode)?;
        let timeout_ms = (timeout_ms != 0).then_some(timeout_ms.into());
        Ok(Command::Shutdown(Shutdown { id, mode, timeout_ms }))
    };
    // SAFETY: promised by the caller.
    unsafe { run(client, id, error, command) }
}

fn shutdown_mode(mode: i32) -> Result<ShutdownMode, Failure> {
    const FORCED: i32 = vman_shutdown_mode::Forced as i32;
    const GRACEFUL: i32 = vman_shutdown_mode::Graceful as i32;
    match mode {
        FORCED => Ok(ShutdownMode::Forced),
        GRACEFUL => Ok(ShutdownMode::Graceful),
        _ => Err(Failure::argument("mode", format_args!("{mode} is no vman_shutdown_mode"))),
    }
}

/// Holds the CPUs of a DEPLOYED partition with their state: it is SUSPENDED.
///
/// Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND, VMAN_STATUS_TIMEOUT.
///
/// # Safety
/// `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_suspend(
    client: *const vman_client,
    id: u32,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    unsafe { run(client, id, error, |target| Ok(Command::Suspend(target))) }
}

/// Lets the CPUs of a SUSPENDED partition go on: it is DEPLOYED.
///
/// Fails with VMAN_STATUS_INVALID_STATE, VMAN_STATUS_BUSY, VMAN_STATUS_NOT_FOUND.
///
/// # Safety
/// `client` is a handle that is not freed yet, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_restore(
    client: *const vman_client,
    id: u32,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    unsafe { run(client, id, error, |target| Ok(Command::Restore(target))) }
}
