//! What a guest does with what is typed on its console.

use std::time::Duration;

use vman_core::id::PartitionId;

use super::loaded;
use super::script::Behaviour;
use crate::clock::Action;
use crate::machine::Machine;

/// Longest line that is typed.
const LINE_MAX: usize = 256;
/// Characters of base64 in a line.
const ARMOUR_WIDTH: usize = 64;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;

impl Machine {
    /// The guest reads what was typed, echoes it, and obeys a few words.
    pub(crate) fn read_typed(&mut self, id: PartitionId) {
        let Some(guest) = self.guests.get(&id) else { return };
        let listens = guest.booted && guest.script.behaviour != Behaviour::Spin;
        if !listens || !self.is_running(guest.first, id) {
            return;
        }
        let typed =
            self.board.spaces.get_mut(&id).map(|space| space.console.take_typed()).unwrap_or_default();
        for byte in typed {
            self.type_byte(id, byte);
        }
    }

    fn type_byte(&mut self, id: PartitionId, byte: u8) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        match byte {
            b'\r' | b'\n' => {
                let line = std::mem::take(&mut guest.line);
                self.board.print(id, b"\r\n");
                self.obey_line(id, String::from_utf8_lossy(&line).trim());
            }
            BACKSPACE | DELETE if guest.line.pop().is_some() => self.board.print(id, b"\x08 \x08"),
            BACKSPACE | DELETE => {}
            _ if guest.line.len() < LINE_MAX => {
                guest.line.push(byte);
                self.board.print(id, &[byte]);
            }
            _ => {}
        }
    }

    fn obey_line(&mut self, id: PartitionId, line: &str) {
        let action = match line {
            "" => None,
            "poweroff" => Some(Action::PowerOff),
            "reboot" => Some(Action::Reset),
            "crash" => Some(Action::Crash),
            "oops" => Some(Action::Oops),
            "fdt" => {
                self.print_tree(id);
                None
            }
            "help" => {
                self.board.print(id, b"poweroff reboot crash oops fdt help\r\n");
                None
            }
            _ => {
                let word = line.split_whitespace().next().unwrap_or_default();
                self.board.print(id, format!("sh: {word}: not found (simulated)\r\n").as_bytes());
                None
            }
        };
        match action {
            Some(action) => self.later(id, Duration::ZERO, action),
            None => self.prompt(id),
        }
    }

    /// The device tree as it lies in the guest's memory, in base64 between two marks.
    fn print_tree(&mut self, id: PartitionId) {
        let Some(address) = self.guests.get(&id).map(|guest| guest.tree) else { return };
        match loaded::tree_blob(&mut self.board, id, address) {
            Ok(blob) => self.board.print(id, armoured(&blob).as_bytes()),
            Err(unusable) => self.log(id, &unusable.text),
        }
    }

    pub(super) fn prompt(&mut self, id: PartitionId) {
        self.board.print(id, format!("partition-{id} (simulated) # ").as_bytes());
    }
}

/// `blob` in base64, as mail and keys have it: lines of 64 characters between two marks.
fn armoured(blob: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(blob);
    let mut lines = String::from("-----BEGIN DEVICE TREE-----\r\n");
    for line in text.as_bytes().chunks(ARMOUR_WIDTH) {
        lines += &String::from_utf8_lossy(line);
        lines += "\r\n";
    }
    lines + "-----END DEVICE TREE-----\r\n"
}
