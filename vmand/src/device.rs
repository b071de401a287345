//! Which board vmand manages.

use std::path::Path;

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The kernel driver's device.
    Driver(&'a Path),
    /// A simulated board in this process: `sim`.
    Simulator,
    /// The simulated board of another process: `sim:PATH`.
    RemoteSimulator(&'a Path),
}

/// Reads `--device`.
pub fn wanted(name: &str) -> Wanted<'_> {
    match (name, name.strip_prefix("sim:")) {
        ("sim", _) => Wanted::Simulator,
        (_, Some(path)) => Wanted::RemoteSimulator(Path::new(path)),
        (path, None) => Wanted::Driver(Path::new(path)),
    }
}
