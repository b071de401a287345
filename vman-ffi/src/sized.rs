//! Structures that may grow: the first member holds the size that the caller was compiled with.
//!
//! A structure gains members at its end only. An older caller passes a smaller size: members that it does not know
//! read as zero and are not written. A newer caller passes a larger size: what this library does not know must be
//! zero on the way in, and is set to zero on the way out.

use std::mem::{MaybeUninit, size_of};
use std::ptr;

use crate::error::Failure;

/// The largest size that is believed.
const MAX_SIZE: usize = 4096;

/// # Safety
/// `repr(C)`, no padding, first member `size: u32`, and all bytes zero is a valid value.
pub(crate) unsafe trait Extensible: Copy {
    /// Size of the structure in its first release.
    const FIRST_SIZE: usize;

    /// Stores the size.
    fn set_size(&mut self, size: u32);
}

/// Implements [`Extensible`] and proves at compile time that there is no padding.
macro_rules! extensible {
    ($name:ident, $first_size:literal, { $($member:ident: $type:ty),* $(,)? }) => {
        const _: () = {
            assert!(std::mem::size_of::<$name>() == 0 $(+ std::mem::size_of::<$type>())*, "padding");
            assert!(std::mem::size_of::<$name>() >= $first_size && std::mem::offset_of!($name, size) == 0);
            // Fails to build if a member is missing here.
            #[allow(clippy::missing_const_for_fn, reason = "never called")]
            fn _complete(value: &$name) {
                let $name { $($member: _),* } = value;
            }
        };
        // SAFETY: `repr(C)` of integers, pointers, arrays and enumerations that have a value 0; no padding and size
        // first are proved above.
        unsafe impl $crate::sized::Extensible for $name {
            const FIRST_SIZE: usize = $first_size;

            fn set_size(&mut self, size: u32) {
                self.size = size;
            }
        }
    };
}
pub(crate) use extensible;

/// # Safety
/// `structure` is NULL, or its first member is readable.
unsafe fn stated_size<T: Extensible>(structure: *const T, name: &str) -> Result<usize, Failure> {
    if structure.is_null() {
        return Err(Failure::argument(name, "must not be NULL"));
    }
    // SAFETY: not NULL, and the first member is a u32 that is readable as promised by the caller.
    let size = unsafe { structure.cast::<u32>().read() };
    usize::try_from(size).ok().filter(|size| (T::FIRST_SIZE..=MAX_SIZE).contains(size)).ok_or_else(|| {
        let rule = format!("size is {size}, which is not {} to {MAX_SIZE}: set it to sizeof", T::FIRST_SIZE);
        Failure::argument(name, rule)
    })
}

/// Copies a structure in.
///
/// # Safety
/// `structure` is NULL, or valid for as many bytes as its first member says.
pub(crate) unsafe fn read_sized<T: Extensible>(structure: *const T, name: &str) -> Result<T, Failure> {
    // SAFETY: promised by the caller.
    let size = unsafe { stated_size(structure, name) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes are readable as promised by the caller, `known` of them are skipped.
    let unknown = unsafe { std::slice::from_raw_parts(structure.cast::<u8>().add(known), size - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        return Err(Failure::new(
            vman_core::ErrorKind::Unsupported,
            format!("Argument {name}: members behind byte {known} are not known to this version"),
        ));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes are readable and fit in `value`, which is a place of its own.
    unsafe { ptr::copy_nonoverlapping(structure.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), known) };
    // SAFETY: bytes of the caller's `T`, the rest zero, which `Extensible` allows.
    Ok(unsafe { value.assume_init() })
}

/// A caller's structure that waits for its value.
#[derive(Debug)]
pub(crate) struct SizedOut<'a, T> {
    place: &'a mut [MaybeUninit<u8>],
    size: u32,
    value: std::marker::PhantomData<T>,
}

/// A place for a structure.
///
/// # Safety
/// `structure` is NULL, or valid for writing as many bytes as its first member says, for `'a`.
pub(crate) unsafe fn sized_out<'a, T: Extensible>(
    structure: *mut T,
    name: &str,
) -> Result<SizedOut<'a, T>, Failure> {
    // SAFETY: promised by the caller.
    let size = unsafe { stated_size(structure, name) }?;
    // SAFETY: valid for `size` bytes as promised by the caller; `MaybeUninit` asks for no valid value.
    let place = unsafe { std::slice::from_raw_parts_mut(structure.cast::<MaybeUninit<u8>>(), size) };
    let size = u32::try_from(size).map_err(|error| Failure::argument(name, error))?;
    Ok(SizedOut { place, size, value: std::marker::PhantomData })
}

impl<T: Extensible> SizedOut<'_, T> {
    /// Stores what the caller knows of `value`.
    pub(crate) fn write(self, mut value: T) {
        value.set_size(self.size);
        // SAFETY: any value may be seen as bytes that may be uninitialised; it lives longer than the view.
        let bytes = unsafe {
            std::slice::from_raw_parts(ptr::from_ref(&value).cast::<MaybeUninit<u8>>(), size_of::<T>())
        };
        let known = bytes.len().min(self.place.len());
        let (head, tail) = self.place.split_at_mut(known);
        head.copy_from_slice(&bytes[..known]);
        tail.fill(MaybeUninit::new(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it was first released.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Old {
        size: u32,
        first: u32,
    }

    /// As it is.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Now {
        size: u32,
        first: u32,
        second: u64,
    }
    extensible!(Now, 8, { size: u32, first: u32, second: u64 });

    /// As it will be.
    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct New {
        now: Now,
        third: u64,
    }

    #[test]
    fn older_and_newer_callers_are_read() {
        let mut old = Old { size: 8, first: 1 };
        let mut new = New { now: Now { size: 24, first: 1, second: 2 }, third: 0 };
        // SAFETY: each structure has the size that it states.
        unsafe {
            let read = read_sized((&raw mut old).cast::<Now>(), "old").unwrap();
            assert_eq!(read, Now { size: 8, first: 1, second: 0 });
            assert_eq!(read_sized((&raw mut new).cast::<Now>(), "new").unwrap().second, 2);
            new.third = 1;
            assert!(read_sized((&raw mut new).cast::<Now>(), "new").is_err());
        }
    }

    #[test]
    fn older_and_newer_callers_get_what_they_know() {
        let value = Now { size: 0, first: 5, second: 6 };
        let mut old = [Old { size: 8, first: 0 }, Old { size: 77, first: 77 }];
        let mut new = New { now: Now { size: 24, first: 0, second: 0 }, third: 9 };
        // SAFETY: each structure has the size that it states.
        unsafe {
            sized_out(old.as_mut_ptr().cast::<Now>(), "old").unwrap().write(value);
            sized_out((&raw mut new).cast::<Now>(), "new").unwrap().write(value);
        }
        assert_eq!(old, [Old { size: 8, first: 5 }, Old { size: 77, first: 77 }]);
        assert_eq!(new, New { now: Now { size: 24, first: 5, second: 6 }, third: 0 });
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for size in [0, 7, 4097, u32::MAX] {
            let mut now = Now { size, first: 0, second: 0 };
            // SAFETY: only the first member is read.
            assert!(unsafe { sized_out(&raw mut now, "now") }.is_err(), "{size}");
        }
    }
}
