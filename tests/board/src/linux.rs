//! What the management partition's own Linux says.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::bench::{Outcome, text};

/// CPUs that Linux runs on, as a list.
pub fn online() -> Outcome<String> {
    fs::read_to_string("/sys/devices/system/cpu/online").map(|list| list.trim().to_owned()).map_err(text)
}

/// What a program of the management partition gets when it reads a word of physical memory.
#[derive(Debug, PartialEq, Eq)]
pub enum Word {
    /// The word.
    Value(u32),
    /// The program died of SIGBUS: nothing answers there.
    Nothing,
}

/// Reads a word of physical memory that is not Linux's own.
pub fn read_physical(address: u64) -> Outcome<Word> {
    const SIGBUS: i32 = 7;
    let mut devmem = Command::new("/bin/devmem");
    devmem.arg(format!("{address:#x}")).arg("32").stdin(Stdio::null());
    let output = devmem.output().map_err(text)?;
    if output.status.signal() == Some(SIGBUS) {
        return Ok(Word::Nothing);
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let digits = printed.trim().trim_start_matches("0x");
    let word = u32::from_str_radix(digits, 16);
    word.map(Word::Value).map_err(|_| format!("devmem {address:#x}: {} {printed}", output.status))
}
