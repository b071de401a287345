//! The program, and the memory that it shares with us.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::Error;
use super::btf::Layout;
use super::system::{self, Shared};
use crate::sched::Tid;

/// Threads of one program. The verifier follows each of them, so that this is bounded.
pub(super) const CHUNK: usize = 1_024;
/// Shared memory: how many entries there are, and from [`ENTRIES`] on the entries.
const COUNT: usize = 0;
const ENTRIES: usize = 8;
/// Words of an entry: the thread's id, then what the program writes.
const WORDS: usize = 4;
const PID: usize = 0;
const EXECUTED: usize = 1;
const WAITED: usize = 2;
const START: usize = 3;
/// What an entry holds for its start before the first sweep; no thread began then.
const NOT_SWEPT: u64 = u64::MAX;

/// What a program has read of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Whether the program has been here since the thread was put in.
    pub(super) swept: bool,
    pub(super) executed_ns: u64,
    pub(super) waited_ns: u64,
    /// Since the machine started; 0 if there is no such thread.
    pub(super) start_ns: u64,
}

/// A loaded program and its threads.
#[derive(Debug)]
pub(super) struct Chunk {
    shared: Shared,
    program: OwnedFd,
    used: usize,
}

impl Chunk {
    /// Loads one.
    pub(super) fn new(layout: &Layout) -> Result<Chunk, Error> {
        let refused = |action| move |error: io::Error| Error::Refused { action, reason: error.to_string() };
        let map = system::array(ENTRIES + WORDS * CHUNK).map_err(refused("make an array"))?;
        let shared = Shared::map(&map, ENTRIES + WORDS * CHUNK).map_err(refused("share its memory"))?;
        let program =
            system::load(&instructions(map.as_raw_fd(), layout)).map_err(refused("load the program"))?;
        system::run(&program).map_err(refused("run the program"))?;
        Ok(Chunk { shared, program, used: 0 })
    }

    /// Puts a thread into an entry.
    pub(super) fn put(&mut self, entry: usize, tid: Tid) {
        self.shared.write(place(entry, PID), u64::from(tid.0));
        self.shared.write(place(entry, START), NOT_SWEPT);
        self.used = self.used.max(entry + 1);
        self.shared.write(COUNT, u64::try_from(self.used).unwrap_or_default());
    }

    /// Takes the thread out of an entry; id 0 is no thread's.
    pub(super) fn clear(&mut self, entry: usize) {
        self.shared.write(place(entry, PID), 0);
    }

    /// Reads all threads.
    pub(super) fn run(&mut self) -> io::Result<()> {
        if self.used == 0 { Ok(()) } else { system::run(&self.program) }
    }

    /// What the last run has read.
    pub(super) fn get(&self, entry: usize) -> Reading {
        let start_ns = self.shared.read(place(entry, START));
        Reading {
            swept: start_ns != NOT_SWEPT,
            executed_ns: self.shared.read(place(entry, EXECUTED)),
            waited_ns: self.shared.read(place(entry, WAITED)),
            start_ns,
        }
    }
}

fn place(entry: usize, word: usize) -> usize {
    ENTRIES + WORDS * entry + word
}

/// One instruction (`include/uapi/linux/bpf.h`, `struct bpf_insn`).
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    /// Destination in the lower half, source in the upper one.
    registers: u8,
    offset: i16,
    immediate: i32,
}

const fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: from << 4 | to, offset, immediate }
}

/// `to = *(u64 *)(from + offset)`.
const fn load(to: u8, from: u8, offset: i16) -> Instruction {
    instruction(0x79, to, from, offset, 0)
}

/// `*(u64 *)(to + offset) = from`.
const fn store(to: u8, offset: i16, from: u8) -> Instruction {
    instruction(0x7b, to, from, offset, 0)
}

const fn copy(to: u8, from: u8) -> Instruction {
    instruction(0xbf, to, from, 0, 0)
}

/// Calls a function of the kernel; its arguments are in registers 1 and up, its result in 0.
const fn call(function: i32) -> Instruction {
    instruction(0x85, 0, 2, 0, function)
}

/// Sets each entry: `for i in 0..count { if let Some(task) = task_from_pid(pid[i]) { copy three fields } }`.
fn instructions(map: i32, layout: &Layout) -> Vec<Instruction> {
    const MEMORY: u8 = 6;
    const INDEX: u8 = 7;
    const NUMBER: u8 = 8;
    const ENTRY: u8 = 9;
    let bytes = |words: usize| i16::try_from(words * size_of::<u64>()).unwrap_or_default();
    let at = |word: usize| bytes(ENTRIES + word);
    let chunk = i32::try_from(CHUNK).unwrap_or_default();
    vec![
        // The map's memory, from its descriptor.
        instruction(0x18, MEMORY, 2, 0, map),
        instruction(0, 0, 0, 0, 0),
        load(NUMBER, MEMORY, bytes(COUNT)),
        instruction(0xb7, INDEX, 0, 0, 0),
        // Loop: to the end once all are done; the second limit is for the verifier.
        instruction(0x3d, INDEX, NUMBER, 19, 0),
        instruction(0x35, INDEX, 0, 18, chunk),
        // The entry of 32 bytes.
        copy(ENTRY, INDEX),
        instruction(0x67, ENTRY, 0, 0, 5),
        instruction(0x0f, ENTRY, MEMORY, 0, 0),
        load(1, ENTRY, at(PID)),
        call(layout.task_from_pid),
        // No such task: begin = 0.
        instruction(0x15, 0, 0, 9, 0),
        load(1, 0, layout.executed),
        store(ENTRY, at(EXECUTED), 1),
        load(1, 0, layout.waited),
        store(ENTRY, at(WAITED), 1),
        load(1, 0, layout.start),
        store(ENTRY, at(START), 1),
        copy(1, 0),
        call(layout.task_release),
        instruction(0x05, 0, 0, 1, 0),
        instruction(0x7a, ENTRY, 0, at(START), 0),
        // The next one.
        instruction(0x07, INDEX, 0, 0, 1),
        instruction(0x05, 0, 0, -20, 0),
        // End.
        instruction(0xb7, 0, 0, 0, 0),
        instruction(0x95, 0, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_leads_to_the_instruction_that_it_should() {
        let layout = Layout { executed: 1, waited: 2, start: 3, task_from_pid: 4, task_release: 5 };
        let program = instructions(9, &layout);
        let lead = |from: usize| {
            let to = i64::try_from(from).unwrap() + 1 + i64::from(program[from].offset);
            program[usize::try_from(to).unwrap()].code
        };
        let end = 0xb7;
        assert_eq!((lead(4), lead(5)), (end, end));
        assert_eq!(lead(11), 0x7a, "no task: its start becomes 0");
        assert_eq!(lead(20), 0x07, "a task: on to the next one");
        assert_eq!(lead(23), 0x3d, "and around");
        assert_eq!(1 << 5, WORDS * size_of::<u64>());
    }
}
