//! Trained slice agents: weights in, decisions out.

use std::ffi::c_char;
use std::fs::File;
use std::io::{self, Read};
use std::ptr::{self, NonNull};

use slice_agent::infer::{Agent, InferError, LEVELS};
use vman_core::ErrorKind;

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow, items, out, text};
use crate::status::vman_status;

/// Levels of claim that an agent chooses from: 25, 75, 100, 150 and 200 percent of the own share.
pub const VMAN_AGENT_LEVELS: u32 = 5;

/// In `allowed` of vman_agent_act: every level.
pub const VMAN_AGENT_ALL_LEVELS: u32 = 31;

const _: () = assert!(VMAN_AGENT_LEVELS as usize == LEVELS && VMAN_AGENT_ALL_LEVELS == (1 << LEVELS) - 1);

/// No file of weights comes near.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A trained agent of one slice. It does not change; any thread may use it. Deciding allocates nothing.
#[derive(Debug)]
pub struct vman_agent {
    agent: Agent<'static>,
    /// What `agent` points into.
    memory: NonNull<[f32]>,
}

// SAFETY: the memory belongs to this handle alone and nobody writes into it.
unsafe impl Send for vman_agent {}
// SAFETY: as above.
unsafe impl Sync for vman_agent {}

impl vman_agent {
    fn read(file: &[u8]) -> Result<Self, InferError> {
        let memory = NonNull::from(Box::leak(vec![0.0; Agent::memory(file)?].into_boxed_slice()));
        // SAFETY: just leaked, so valid until `Drop` takes it back, and nobody else has it.
        match Agent::read(file, unsafe { &mut *memory.as_ptr() }) {
            Ok(agent) => Ok(Self { agent, memory }),
            Err(error) => {
                // SAFETY: leaked above; the agent that borrowed it is not there.
                drop(unsafe { Box::from_raw(memory.as_ptr()) });
                Err(error)
            }
        }
    }
}

impl Drop for vman_agent {
    fn drop(&mut self) {
        // SAFETY: leaked in `read`; `agent` is not used after this.
        drop(unsafe { Box::from_raw(self.memory.as_ptr()) });
    }
}

impl From<InferError> for Failure {
    fn from(error: InferError) -> Self {
        Self::new(ErrorKind::InvalidArgument, error.to_string())
    }
}

/// Reads the agent whose weights are in the file `path` (safetensors, as `slice-agent train` and PyTorch write them).
///
/// Fails with VMAN_STATUS_NOT_FOUND, VMAN_STATUS_PERMISSION_DENIED, and VMAN_STATUS_INVALID_ARGUMENT for a file that is
/// cut off or holds no agent.
///
/// # Safety
/// `path` is a NUL-terminated text, `agent` a valid place for the handle, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_load(
    path: *const c_char,
    agent: *mut *mut vman_agent,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let path = unsafe { text(path, "path") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(agent, "agent") }?;
        let failed = |error: io::Error| Failure::new(kind(&error), format!("Cannot read {path}: {error}"));
        let mut file = Vec::new();
        File::open(path).map_err(failed)?.take(MAX_FILE_BYTES).read_to_end(&mut file).map_err(failed)?;
        place.write(Box::into_raw(Box::new(vman_agent::read(&file)?)));
        Ok(())
    })
}

fn kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::InvalidArgument,
    }
}

/// As vman_agent_load, from the `count` bytes of a file.
///
/// # Safety
/// `bytes` is valid for `count` bytes, `agent` a valid place for the handle, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_read(
    bytes: *const u8,
    count: usize,
    agent: *mut *mut vman_agent,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let file = unsafe { items(bytes, count, "bytes") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(agent, "agent") }?;
        place.write(Box::into_raw(Box::new(vman_agent::read(file)?)));
        Ok(())
    })
}

/// Features of an observation; 0 for NULL.
///
/// # Safety
/// `agent` is NULL or an agent that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_features(agent: *const vman_agent) -> usize {
    // SAFETY: promised by the caller.
    unsafe { agent.as_ref() }.map_or(0, |agent| agent.agent.features())
}

/// Messages that the agent can send; 0 for one that says nothing, and for NULL.
///
/// # Safety
/// `agent` is NULL or an agent that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_messages(agent: *const vman_agent) -> usize {
    // SAFETY: promised by the caller.
    unsafe { agent.as_ref() }.map_or(0, |agent| agent.agent.messages())
}

/// Decides for an observation of `count` features: the best level among those whose bits are set in `allowed`
/// (VMAN_AGENT_ALL_LEVELS for every one), and the message to the other agents.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT for a wrong count, a feature that is infinite or not a number, unknown bits, and
/// when nothing is allowed.
///
/// # Safety
/// `agent` is an agent, `observation` is valid for `count` numbers, `level` and `message` are valid places, `error` is NULL
/// or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_act(
    agent: *const vman_agent,
    observation: *const f32,
    count: usize,
    allowed: u32,
    level: *mut u32,
    message: *mut u32,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let agent = unsafe { borrow(agent, "agent") }?;
        // SAFETY: promised by the caller.
        let observation = unsafe { items(observation, count, "observation") }?;
        // SAFETY: promised by the caller.
        let (level, message) = unsafe { (out(level, "level")?, out(message, "message")?) };
        if allowed & !VMAN_AGENT_ALL_LEVELS != 0 {
            return Err(Failure::argument("allowed", format_args!("{allowed:#x} has unknown bits")));
        }
        let mask = std::array::from_fn(|level| allowed & (1 << level) != 0);
        let decision = agent.agent.act(observation, Some(&mask))?;
        level.write(narrow(decision.level));
        message.write(narrow(decision.message));
        Ok(())
    })
}

/// Writes the values that the agent gives to all levels and then to all messages, VMAN_AGENT_LEVELS +
/// vman_agent_messages of them, into `values`, which has `places` places.
///
/// Fails as vman_agent_act does, and with VMAN_STATUS_INVALID_ARGUMENT for too few places; nothing is written then.
///
/// # Safety
/// `agent` is an agent, `observation` is valid for `count` numbers, `values` for `places` numbers, `error` is NULL or a
/// valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_values(
    agent: *const vman_agent,
    observation: *const f32,
    count: usize,
    values: *mut f32,
    places: usize,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let agent = unsafe { borrow(agent, "agent") }?;
        // SAFETY: promised by the caller.
        let observation = unsafe { items(observation, count, "observation") }?;
        // SAFETY: promised by the caller.
        let first = unsafe { out(values, "values") }?.as_mut_ptr();
        let mut found = [0.0; slice_agent::infer::MAX_WIDTH];
        let count = agent.agent.values(observation, &mut found)?;
        if places < count {
            return Err(InferError::Memory { found: places, needed: count }.into());
        }
        // SAFETY: `places`, so at least `count`, numbers are writable as promised by the caller.
        unsafe { ptr::copy_nonoverlapping(found.as_ptr(), first, count) };
        Ok(())
    })
}

/// Frees an agent; NULL is fine.
///
/// # Safety
/// `agent` is NULL or an agent that is not freed yet and that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_agent_free(agent: *mut vman_agent) {
    guard_value((), || {
        if !agent.is_null() {
            // SAFETY: made by `Box::into_raw`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(agent) });
        }
    });
}

/// An index below [`slice_agent::infer::MAX_WIDTH`].
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
