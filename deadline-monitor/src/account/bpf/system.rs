//! The bpf system call, and memory that is shared with a program.
#![allow(
    unsafe_code,
    reason = "bpf(2) has no safe wrapper in libc or nix, and its memory is shared with the kernel"
)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

use super::program::Instruction;

/// Commands of the call.
const MAP_CREATE: libc::c_int = 0;
const PROGRAM_LOAD: libc::c_int = 5;
const PROGRAM_RUN: libc::c_int = 10;
/// `BPF_MAP_TYPE_ARRAY`, `BPF_F_MMAPABLE`; `BPF_PROG_TYPE_SYSCALL`, `BPF_F_SLEEPABLE`.
const ARRAY: u32 = 2;
const MAPPABLE: u32 = 1 << 10;
const SYSTEM_CALL: u32 = 31;
const SLEEPABLE: u32 = 1 << 4;
/// The kernel's functions are for programs under its own licence; this one is also under it.
const LICENCE: &CStr = c"Dual MIT/GPL";

/// The kernel takes every argument as a structure of its own, as long as it is told.
#[repr(C)]
#[derive(Default)]
struct MapArgs {
    kind: u32,
    key_bytes: u32,
    value_bytes: u32,
    entries: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct LoadArgs {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_bytes: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct RunArgs {
    program: u32,
    result: u32,
    /// Data, repetitions and context, none of which this kind of program takes.
    unused: [u64; 7],
    flags: u32,
    cpu: u32,
}

const _: () =
    assert!(size_of::<MapArgs>() == 20 && size_of::<LoadArgs>() == 48 && size_of::<RunArgs>() == 72);

fn bpf<T>(command: libc::c_int, args: &mut T) -> io::Result<libc::c_long> {
    let size = libc::c_uint::try_from(size_of::<T>()).unwrap_or_default();
    // SAFETY: the kernel reads and writes at most `size` bytes, the size of the structure that is borrowed alone; the
    // addresses in it are of memory that the callers borrow for as long as the call takes.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(args), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn descriptor(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = libc::c_int::try_from(result).map_err(io::Error::other)?;
    // SAFETY: the call has just made this descriptor (with close-on-exec), and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// An array of one value of so many words, whose memory can be shared.
pub(super) fn array(words: usize) -> io::Result<OwnedFd> {
    let value_bytes = u32::try_from(words * size_of::<u64>()).map_err(io::Error::other)?;
    let mut args = MapArgs { kind: ARRAY, key_bytes: 4, value_bytes, entries: 1, flags: MAPPABLE };
    bpf(MAP_CREATE, &mut args).and_then(descriptor)
}

/// Loads a program.
pub(super) fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let address = |pointer: *const libc::c_void| u64::try_from(pointer.addr()).unwrap_or_default();
    let mut args = LoadArgs {
        kind: SYSTEM_CALL,
        count: u32::try_from(program.len()).map_err(io::Error::other)?,
        instructions: address(program.as_ptr().cast()),
        licence: address(LICENCE.as_ptr().cast()),
        flags: SLEEPABLE,
        ..LoadArgs::default()
    };
    bpf(PROGRAM_LOAD, &mut args).and_then(descriptor)
}

/// Runs a program once.
pub(super) fn run(program: &OwnedFd) -> io::Result<()> {
    let program = u32::try_from(program.as_raw_fd()).map_err(io::Error::other)?;
    bpf(PROGRAM_RUN, &mut RunArgs { program, ..RunArgs::default() }).map(drop)
}

/// Memory of an array, as words.
#[derive(Debug)]
pub(super) struct Shared {
    words: NonNull<u64>,
    count: usize,
}

// SAFETY: the memory belongs to this value alone on our side, and is reached through its borrows.
unsafe impl Send for Shared {}

impl Shared {
    /// Maps the memory of an array of so many words.
    pub(super) fn map(array: &OwnedFd, count: usize) -> io::Result<Shared> {
        let (protection, bytes) = (libc::PROT_READ | libc::PROT_WRITE, count * size_of::<u64>());
        // SAFETY: a new mapping of a descriptor that is open; the kernel chooses the place.
        let memory = unsafe {
            libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, array.as_raw_fd(), 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let words = NonNull::new(memory.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Shared { words, count })
    }

    /// The word at a place; 0 beyond the end.
    pub(super) fn read(&self, place: usize) -> u64 {
        if place >= self.count {
            return 0;
        }
        // SAFETY: within the mapping, aligned as its beginning is; volatile because the program writes it.
        unsafe { self.words.as_ptr().add(place).read_volatile() }
    }

    /// Sets the word at a place; nothing beyond the end.
    pub(super) fn write(&mut self, place: usize, word: u64) {
        if place < self.count {
            // SAFETY: within the mapping, aligned as its beginning is; volatile because the program reads it.
            unsafe { self.words.as_ptr().add(place).write_volatile(word) }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this place and length, and nothing refers to it any more.
        let _ = unsafe { libc::munmap(self.words.as_ptr().cast(), self.count * size_of::<u64>()) };
    }
}
