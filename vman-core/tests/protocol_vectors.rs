//! The lines of `tests/vectors/protocol.json`, which the C library reads too: what is accepted, and of which class
//! and with which text everything else is refused.
#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

use std::path::Path;

use serde::Deserialize;
use vman_core::ErrorKind;
use vman_core::command::{CodecError, Command, Incoming, MAX_LINE};

#[derive(Deserialize)]
struct Vectors {
    requests: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    /// Begin of the line, then `repeat` (a piece and how often), then `suffix`.
    #[serde(default)]
    line: String,
    #[serde(default)]
    repeat: Option<(String, usize)>,
    #[serde(default)]
    suffix: String,
    /// Instead of these: bytes that are no text.
    #[serde(default)]
    hex: String,
    /// Class of the refusal; none if the line is accepted.
    class: Option<String>,
    /// What the refusal's text must contain.
    #[serde(default)]
    says: String,
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        if !self.hex.is_empty() {
            let pairs = self.hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            return pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        }
        let repeated = self.repeat.as_ref().map(|(piece, count)| piece.repeat(*count)).unwrap_or_default();
        format!("{}{repeated}{}", self.line, self.suffix).into_bytes()
    }
}

fn vectors() -> Vectors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/protocol.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What a daemon does with a line before it looks at the board.
fn check(line: &[u8]) -> Result<Command, CodecError> {
    if line.len() >= MAX_LINE {
        return Err(CodecError::TooLong);
    }
    let command = Incoming::parse(line).command?;
    if let Command::CreatePartition(args) = &command {
        args.memory()?;
    }
    Ok(command)
}

#[test]
fn every_request_is_accepted_or_refused_as_written_down() {
    let mut wrong = Vec::new();
    for vector in vectors().requests {
        let found = check(&vector.bytes());
        let expected = vector.class.as_deref().map(|class| ErrorKind::from_name(class).unwrap());
        let agrees = match (&found, expected) {
            (Ok(_), None) => true,
            (Err(error), Some(kind)) => error.kind() == kind && error.to_string().contains(&vector.says),
            (Ok(_), Some(_)) | (Err(_), None) => false,
        };
        if !agrees {
            wrong.push(format!("{}: {found:?}", vector.name).chars().take(300).collect::<String>());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn refusals_stay_short_however_long_the_line_is() {
    for vector in vectors().requests {
        if let Err(error) = check(&vector.bytes()) {
            let length = error.to_string().len();
            assert!(length < 4096, "{}: {length} bytes", vector.name);
        }
    }
}

#[test]
fn accepted_requests_survive_being_written_again() {
    for vector in vectors().requests {
        if let Ok(command) = check(&vector.bytes()) {
            let mut line = Vec::new();
            command.encode(&mut line, None);
            let again = Incoming::parse(&line).command.unwrap();
            let mut expected = command;
            if let Command::CreatePartition(args) = &mut expected {
                // Figure 15's `primary` has no meaning and is not passed on.
                args.primary = None;
            }
            assert_eq!(again, expected, "{}", vector.name);
        }
    }
}

#[test]
fn every_command_has_a_vector() {
    let vectors = vectors();
    for name in Command::NAMES {
        let known = |vector: &Vector| check(&vector.bytes()).is_ok_and(|command| command.name() == *name);
        assert!(vectors.requests.iter().any(known), "{name}");
    }
}
