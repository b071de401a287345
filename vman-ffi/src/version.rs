//! Versions of the library.

use std::ffi::c_char;

/// Major version of this header: raised when programs must be changed.
pub const VMAN_VERSION_MAJOR: u32 = 0;
/// Minor version of this header: raised when functions are added.
pub const VMAN_VERSION_MINOR: u32 = 1;
/// Patch version of this header.
pub const VMAN_VERSION_PATCH: u32 = 0;
/// Version of the binary interface, the number in `libvman.so.0`: raised when programs must be compiled again.
pub const VMAN_ABI_VERSION: u32 = 0;

const fn number(digits: &str) -> u32 {
    let bytes = digits.as_bytes();
    let mut value = 0;
    let mut index = 0;
    while index < bytes.len() {
        value = value * 10 + (bytes[index] - b'0') as u32;
        index += 1;
    }
    value
}

// The macros are the package's version: a forgotten one does not build.
const _: () = assert!(
    number(env!("CARGO_PKG_VERSION_MAJOR")) == VMAN_VERSION_MAJOR
        && number(env!("CARGO_PKG_VERSION_MINOR")) == VMAN_VERSION_MINOR
        && number(env!("CARGO_PKG_VERSION_PATCH")) == VMAN_VERSION_PATCH
);

/// Version of the library that is loaded, "MAJOR.MINOR.PATCH"; the macros tell that of the header. The text is
/// constant.
#[unsafe(no_mangle)]
pub const extern "C" fn vman_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Version of the loaded library's binary interface; a program works if it equals VMAN_ABI_VERSION.
#[unsafe(no_mangle)]
pub const extern "C" fn vman_abi_version() -> u32 {
    VMAN_ABI_VERSION
}
