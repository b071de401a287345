//! The guard around every exported body: no panic and no error leaves it other than as a status.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::error::{ErrorOut, Failure};
use crate::status::vman_status;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static REPORT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a failure or a panic goes to `error`.
pub(crate) fn guard(error: ErrorOut<'_>, body: impl FnOnce() -> Result<(), Failure>) -> vman_status {
    match caught(body) {
        Ok(Ok(())) => vman_status::Ok,
        Ok(Err(failure)) => error.set(failure),
        Err(report) => error.set(Failure::panic(report)),
    }
}

/// Runs a body that has no error object; `fallback` stands for a panic.
pub(crate) fn guard_value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    caught(body).unwrap_or(fallback)
}

/// The value of `body`, or what its panic said. The panic leaves no trace on stderr, which belongs to the program.
///
/// Handles stay sound after a panic: a connection is marked broken before it is used, and good again only when the
/// answer is complete.
fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    silence();
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(body));
    GUARDED.set(outer);
    result.map_err(|_| REPORT.take().unwrap_or_else(|| "Unknown panic".into()))
}

/// Sends the report of a guarded panic to [`REPORT`]; all other panics go where they went before.
fn silence() {
    static HOOK: Once = Once::new();
    if HOOK.is_completed() || std::thread::panicking() {
        return;
    }
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if GUARDED.try_with(Cell::get).unwrap_or(false) {
                let report = info.to_string();
                let _ = REPORT.try_with(|slot| slot.replace(Some(report)));
            } else {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{vman_error_free, vman_error_message};

    /// As an exported function is written.
    unsafe extern "C" fn panics(error: *mut *mut crate::error::vman_error) -> vman_status {
        // SAFETY: the tests pass NULL or a valid pointer.
        let error = unsafe { ErrorOut::new(error) };
        guard(error, || {
            let empty: [u8; 0] = [];
            let index = std::hint::black_box(1);
            Err(Failure::argument("index", format!("{}", empty[index])))
        })
    }

    #[test]
    fn panic_becomes_a_status_and_a_text() {
        let mut error = std::ptr::null_mut();
        // SAFETY: `error` is a valid place for a pointer.
        let status = unsafe { panics(&raw mut error) };
        assert_eq!(status, vman_status::Panic);
        // SAFETY: the failure above has set `error`; it is freed once, and not used after.
        let text = unsafe {
            let text = std::ffi::CStr::from_ptr(vman_error_message(error)).to_str().unwrap().to_owned();
            vman_error_free(error);
            text
        };
        assert!(text.contains("index out of bounds"), "{text}");
    }

    #[test]
    fn panic_without_an_error_object_is_a_status() {
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { panics(std::ptr::null_mut()) }, vman_status::Panic);
        assert_eq!(guard_value(7, || panic!("lost")), 7);
    }
}
