//! Bodies of requests.

use serde::de::DeserializeOwned;

use super::Failure;

/// A refusal quotes what was sent, but not all of it.
const QUOTED: usize = 400;

/// Reads a body strictly; a refusal tells where.
///
/// # Errors
/// What is wrong, and where.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        let text = format!("{place}{}", error.into_inner());
        Failure::argument(text.chars().take(QUOTED).collect::<String>())
    })?;
    reader.end().map_err(|error| Failure::argument(error.to_string()))?;
    Ok(value)
}
