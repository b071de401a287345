//! Pure checks of lines of the JSON protocol: nothing is sent.

use std::ffi::c_char;

use serde::Deserialize;
use serde::de::IgnoredAny;
use vman_core::ErrorKind;
use vman_core::command::{CodecError, Command, ErrorReply, Incoming, MAX_LINE};

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::guard;
use crate::pointer::text;
use crate::status::vman_status;

/// Checks a request as vmand does when it reads it: the envelope, the command's name, names and types of its
/// arguments, the memory size. Gives VMAN_STATUS_OK or the status that vmand's refusal would have; what depends on
/// the board or on a partition is left to vmand.
///
/// # Safety
/// `command_json` is a NUL-terminated text, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_command_check(
    command_json: *const c_char,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let line = unsafe { text(command_json, "command_json") }?;
        Ok(request(line).map_err(vman_core::Error::from)?)
    })
}

fn request(line: &str) -> Result<(), CodecError> {
    if line.len() >= MAX_LINE {
        return Err(CodecError::TooLong);
    }
    if let Command::CreatePartition(args) = Incoming::parse(line.as_bytes()).command? {
        args.memory()?;
    }
    Ok(())
}

/// Checks a reply: VMAN_STATUS_OK for `{"return": ...}`; for `{"error": {"class", "desc"}}` the status of the class,
/// with `desc` as the message of `*error`; VMAN_STATUS_PROTOCOL if it is neither.
///
/// # Safety
/// `reply_json` is a NUL-terminated text, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_reply_check(
    reply_json: *const c_char,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        reply(unsafe { text(reply_json, "reply_json") }?)
    })
}

fn reply(line: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Reply {
        r#return: Option<IgnoredAny>,
        error: Option<ErrorReply>,
    }
    let protocol = |text: String| Failure::new(ErrorKind::Protocol, format!("Peer sent no reply: {text}"));
    match serde_json::from_str(line).map_err(|error| protocol(error.to_string()))? {
        Reply { error: Some(refused), .. } => Err(Failure::new(refused.kind(), refused.desc)),
        Reply { r#return: Some(_), error: None } => Ok(()),
        Reply { r#return: None, error: None } => Err(protocol("neither return nor error".into())),
    }
}
