//! Lines of the protocol, and what can be wrong with one.

use serde::Serialize;
use serde_json::value::RawValue;

use super::ErrorReply;
use crate::error::ErrorKind;

/// The longest line in bytes, its newline included.
pub const MAX_LINE: usize = 1 << 20;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// It is no JSON object, or an envelope member is wrong.
    #[error("Line is no request: {0}")]
    Syntax(String),
    /// It is longer than [`MAX_LINE`].
    #[error("Line is longer than {MAX_LINE} bytes")]
    TooLong,
    /// Nobody knows the command.
    #[error("There is no command {0:?}")]
    UnknownCommand(String),
    /// An argument is missing, unknown, of the wrong type or out of range.
    #[error("Argument {path}: {rule}")]
    Arguments {
        /// Path to the argument, `args` for the whole.
        path: String,
        /// The broken rule.
        rule: String,
    },
    /// The peer's answer is no reply.
    #[error("Peer sent no reply: {0}")]
    Reply(String),
}

impl CodecError {
    /// What kind of error it is.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Syntax(_) | Self::TooLong | Self::Reply(_) => ErrorKind::Protocol,
            Self::UnknownCommand(_) => ErrorKind::Unsupported,
            Self::Arguments { .. } => ErrorKind::InvalidArgument,
        }
    }
}

/// What a parser says, which may repeat a megabyte of what it was given: its beginning and its end.
pub(crate) fn brief(error: &dyn std::fmt::Display) -> String {
    const BEGINNING: usize = 200;
    const END: usize = 200;
    let text = error.to_string();
    let length = text.chars().count();
    if length <= BEGINNING + END {
        return text;
    }
    let beginning: String = text.chars().take(BEGINNING).collect();
    let end: String = text.chars().skip(length - END).collect();
    format!("{beginning}...{end}")
}

#[derive(Serialize)]
struct ReturnLine<'a, T> {
    r#return: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    error: &'a ErrorReply,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
}

/// Appends the line of a success; `id` is the request's, echoed.
pub fn encode_return<T: Serialize>(out: &mut Vec<u8>, reply: &T, id: Option<&RawValue>) {
    encode(out, &ReturnLine { r#return: reply, id });
}

/// Appends the line of a refusal; `id` is the request's, echoed.
pub fn encode_error(out: &mut Vec<u8>, error: &ErrorReply, id: Option<&RawValue>) {
    encode(out, &ErrorLine { error, id });
}

/// Appends a line that is no reply: an event or a piece of a console.
pub fn encode_push<T: Serialize>(out: &mut Vec<u8>, line: &T) {
    encode(out, line);
}

/// A `Vec` takes every byte and our types have string keys only, so writing cannot fail.
pub(crate) fn encode<T: Serialize>(out: &mut Vec<u8>, line: &T) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, line).is_err() {
        out.truncate(start);
    }
    out.push(b'\n');
}
