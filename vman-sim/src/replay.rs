//! Makes the calls of a trace again on a fresh board and compares the answers.
//!
//! The board of a replay has the firmware library and CPUs that start and stop as they are told; nothing runs on
//! them. So only calls of the management partition's CPUs are made again, and only what does not depend on what a
//! guest does or on the machine is compared:
//!
//! | call | what is not compared |
//! |---|---|
//! | polls | of equal calls in a row only the last one counts: how often somebody looked is chance |
//! | `PART_STOP`, `PART_SUSPEND` | whether they were complete at once; the status that is read next tells |
//! | `PART_INFO` page 0 | a status while an operation is under way |
//! | `PART_INFO` page 2 | the number of CPUs that are on |
//! | `STATS` | the values, and which counters the board has |
//! | `CONSOLE_INFO` | the values |
//! | `CPU_INFO` | the power state |
//! | `BOARD_INFO` page 3 | the interrupt |
//! | `EVENT_GET` | events that a guest caused |
//! | `VERSION` | the number of slots, if the trace's board has more than a simulated one can have |
//! | PSCI, queries of the SMC Calling Convention | all of it: calls of the operating system, not of the driver |

use std::io::BufRead;

use vman_core::abi::smc::{
    BoardPage, EventKind, FunctionId, InfoPage, PENDING, SmcCall, SmcError, SmcReturn, Status,
};
use vman_core::id::{ByteSize, CpuId, PartitionId};

use crate::config::SimConfig;
use crate::machine::{DRIVER_CPU, Machine, SLOTS};
use crate::trace::{FORMAT, TraceCall, TraceHeader, VERSION};

/// What a replay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Calls in the trace.
    pub calls: usize,
    /// Answers that were compared.
    pub compared: usize,
}

/// Why a replay ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The trace cannot be read.
    #[error("Trace cannot be read")]
    Read(#[from] std::io::Error),
    /// A line is none of the format.
    #[error("Line {line} of the trace is malformed: {text}")]
    Malformed {
        /// Number of the line.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// The simulated board answers something else.
    #[error(
        "Line {line}: {function} with {args:x?} answered {recorded:x?}, the simulated board answers {replayed:x?}"
    )]
    Differs {
        /// Number of the line.
        line: usize,
        /// The call.
        function: String,
        /// Its arguments.
        args: Vec<u64>,
        /// `x0`..`x3` in the trace.
        recorded: [u64; 4],
        /// `x0`..`x3` now.
        replayed: [u64; 4],
    },
}

/// Makes the calls of `trace` again.
///
/// # Errors
/// [`ReplayError::Differs`] at the first difference.
pub fn replay(trace: impl BufRead) -> Result<Replayed, ReplayError> {
    let mut lines = trace.lines().enumerate().map(|(index, line)| (index + 1, line));
    let header: TraceHeader = match lines.next() {
        Some((number, line)) => parse(number, &line?)?,
        None => return Err(malformed(1, "the trace is empty")),
    };
    let mut replayer = Replayer::new(&header)?;
    for (number, line) in lines {
        let call: TraceCall = parse(number, &line?)?;
        replayer.take(number, call)?;
    }
    replayer.finish()
}

fn parse<T: serde::de::DeserializeOwned>(line: usize, text: &str) -> Result<T, ReplayError> {
    serde_json::from_str(text).map_err(|error| malformed(line, &error.to_string()))
}

fn malformed(line: usize, text: &str) -> ReplayError {
    ReplayError::Malformed { line, text: text.into() }
}

/// A recorded call whose answer is not compared yet: an equal one may follow.
#[derive(Debug)]
struct Recorded {
    line: usize,
    function: FunctionId,
    call: SmcCall,
    answer: [u64; 4],
}

struct Replayer {
    machine: Machine,
    slots_differ: bool,
    waiting: Option<Recorded>,
    done: Replayed,
}

impl Replayer {
    fn new(header: &TraceHeader) -> Result<Self, ReplayError> {
        if header.trace != FORMAT || header.version != VERSION {
            let text = format!("{} {} is not {FORMAT} {VERSION}", header.trace, header.version);
            return Err(malformed(1, &text));
        }
        if header.boot_cpu != DRIVER_CPU.0 {
            return Err(malformed(1, "boot_cpu is not 0"));
        }
        let (Some(memory), Some(secure_memory)) = (header.memory(), header.secure_memory()) else {
            return Err(malformed(1, "memory goes past the last address"));
        };
        let config = SimConfig {
            cpus: header.cpus,
            cluster: header.cluster,
            management_cpus: 1,
            granule: ByteSize(header.granule),
            memory: memory.size(),
            secure_memory: secure_memory.size(),
            slots: header.slots.min(SLOTS),
            ..SimConfig::default()
        };
        config.check().map_err(|error| malformed(1, &error.to_string()))?;
        Ok(Self {
            machine: Machine::with_puppets(&config, memory, secure_memory),
            slots_differ: header.slots > SLOTS,
            waiting: None,
            done: Replayed { calls: 0, compared: 0 },
        })
    }

    /// Takes the next call. An equal one before it was a poll.
    fn take(&mut self, line: usize, recorded: TraceCall) -> Result<(), ReplayError> {
        self.done.calls += 1;
        let call = recorded.call().ok_or_else(|| malformed(line, "more than seven arguments"))?;
        let Some(function) = FunctionId::from_register(call.function) else { return Ok(()) };
        let Some(answer) = recorded.answer else { return Ok(()) };
        if !self.is_managed(recorded.lane().cpu) {
            return Ok(());
        }
        if caused_by_guest(function, &answer) || is_under_way(function, &call, &answer) {
            return Ok(());
        }
        let next = Recorded { line, function, call, answer };
        match self.waiting.take() {
            Some(before) if is_poll(function) && before.call == call => {}
            Some(before) => self.compare(&before)?,
            None => {}
        }
        self.waiting = Some(next);
        Ok(())
    }

    fn finish(mut self) -> Result<Replayed, ReplayError> {
        if let Some(last) = self.waiting.take() {
            self.compare(&last)?;
        }
        Ok(self.done)
    }

    fn compare(&mut self, recorded: &Recorded) -> Result<(), ReplayError> {
        let mut replayed = self.call(recorded.call);
        // A recorded poll that ended with another answer: goes on until this board has it, too.
        let mut polls = 0;
        while is_poll(recorded.function) && replayed[0] == PENDING && recorded.answer[0] != PENDING {
            replayed = self.call(recorded.call);
            polls += 1;
            if polls > POLLS_MAX {
                break;
            }
        }
        let [mut was, mut is] = [recorded.answer, replayed];
        forget_what_differs(recorded, self.slots_differ, &mut was, &mut is);
        self.done.compared += 1;
        if was == is {
            return Ok(());
        }
        Err(ReplayError::Differs {
            line: recorded.line,
            function: format!("{:?}", recorded.function),
            args: recorded.call.args.to_vec(),
            recorded: recorded.answer,
            replayed,
        })
    }

    fn call(&mut self, call: SmcCall) -> [u64; 4] {
        let answer = self.machine.smc(DRIVER_CPU.into(), call);
        self.machine.run();
        answer.map_or([0; 4], |SmcReturn(registers)| registers)
    }

    /// Whether a CPU belongs to the management partition now.
    fn is_managed(&mut self, cpu: CpuId) -> bool {
        let owner = self.call(SmcCall::new(FunctionId::CpuInfo, &[cpu.0.into()]));
        owner[0] == 0 && owner[2] == u64::from(PartitionId::MANAGEMENT.0)
    }
}

/// Steps of a destroy: 1 TiB in pieces of 2 MiB.
const POLLS_MAX: u32 = 1 << 20;

/// Calls that are repeated until their answer is another one.
fn is_poll(function: FunctionId) -> bool {
    matches!(
        function,
        FunctionId::PartStop | FunctionId::PartSuspend | FunctionId::PartDestroy | FunctionId::PartInfo
    )
}

/// A status between the states: how long it takes is chance, and the status that is read next tells.
fn is_under_way(function: FunctionId, call: &SmcCall, answer: &[u64; 4]) -> bool {
    let is_status = function == FunctionId::PartInfo && call.args[1] == InfoPage::Status as u64;
    is_status && Status::from_register(answer[1]).is_some_and(|status| status.pending.is_some())
}

/// Events of an operating system, which a replay has none of.
fn caused_by_guest(function: FunctionId, answer: &[u64; 4]) -> bool {
    function == FunctionId::EventGet
        && match EventKind::from_register(answer[2]) {
            Some(EventKind::Stopped | EventKind::Suspended) => false,
            Some(EventKind::GuestOff | EventKind::GuestReset | EventKind::Faulted | EventKind::Overflow)
            | None => true,
        }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the table above names every exception")]
fn forget_what_differs(recorded: &Recorded, slots_differ: bool, was: &mut [u64; 4], is: &mut [u64; 4]) {
    let [page, ..] = recorded.call.args[1..] else { return };
    for answer in [was, is] {
        match recorded.function {
            FunctionId::PartStop | FunctionId::PartSuspend if answer[0] == PENDING => answer[0] = 0,
            FunctionId::PartInfo if page == InfoPage::CpusHigh as u64 => answer[3] = 0,
            FunctionId::Stats if answer[0] == SmcError::NotSupported.to_register() => answer.fill(0),
            FunctionId::Stats | FunctionId::ConsoleInfo => answer[1..].fill(0),
            FunctionId::EventGet | FunctionId::CpuInfo => answer[3] = 0,
            FunctionId::BoardInfo if recorded.call.args[0] == BoardPage::EventInterrupt as u64 => {
                answer[1] = 0
            }
            FunctionId::Version if slots_differ => answer[2] = 0,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimDevice;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use vman_core::device::suite::{Guest, Images as _, ScriptedImages};
    use vman_core::device::{CreateRequest, EventSource as _, ManagerDevice as _, PartitionDevice as _};
    use vman_core::plan::World;
    use vman_core::state::Operation;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(data)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A trace of two partitions' lives, with refusals and a guest that turns itself off.
    fn recorded() -> String {
        let out = Shared::default();
        let device = SimDevice::with_trace(SimConfig::default(), Box::new(out.clone())).unwrap();
        let host = device.host().unwrap();
        let request = |cores| CreateRequest {
            cores,
            memory: ByteSize(64 << 20),
            world: World::NonSecure,
            shared_with: None,
            name: String::new(),
            uuid: uuid::Uuid::nil(),
        };
        let mut events = device.events().unwrap();
        let first = device.open(device.create(&request(2)).unwrap()).unwrap();
        let second = device.open(device.create(&request(3)).unwrap()).unwrap();
        for (partition, guest) in [(&first, Guest::Boot), (&second, Guest::Boot)] {
            let image = ScriptedImages::default().image(&host, &partition.info().unwrap(), guest).unwrap();
            partition.deploy(&image.as_load()).unwrap();
        }
        for operation in [Operation::Suspend, Operation::Restore, Operation::Reboot, Operation::Shutdown] {
            first.control(operation, std::time::Duration::from_secs(9)).unwrap();
            second.stats().unwrap();
            device.list().unwrap();
        }
        second.control(Operation::Shutdown, std::time::Duration::from_secs(9)).unwrap();
        for partition in [&first, &second] {
            partition.control(Operation::Destroy, std::time::Duration::from_secs(9)).unwrap();
        }
        while events.next().unwrap().is_some() {}
        let trace = out.0.lock().unwrap().clone();
        String::from_utf8(trace).unwrap()
    }

    #[test]
    fn recorded_lives_answer_the_same_again() {
        let trace = recorded();
        let replayed = replay(trace.as_bytes()).unwrap();
        assert_eq!(replayed.calls, trace.lines().count() - 1);
        assert!(replayed.compared > 40, "{replayed:?}");
    }

    #[test]
    fn first_difference_is_told() {
        let trace = recorded();
        let create = u64::from(FunctionId::PartCreate as u32).to_string();
        let line = trace.lines().position(|line| line.contains(&create)).unwrap();
        let changed: Vec<String> = trace
            .lines()
            .enumerate()
            .map(|(number, text)| match number == line {
                true => text.replace("\"return\":[0,1,", "\"return\":[0,2,"),
                false => text.into(),
            })
            .collect();
        match replay(changed.join("\n").as_bytes()) {
            Err(ReplayError::Differs { line: told, recorded, replayed, .. }) => {
                assert_eq!((told, recorded[1], replayed[1]), (line + 1, 2, 1));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        for text in ["", "{}", "x", "{\"trace\":\"vman-smc\",\"version\":1}"] {
            assert!(matches!(replay(text.as_bytes()), Err(ReplayError::Malformed { line: 1, .. })), "{text}");
        }
        let trace = recorded();
        let header = trace.lines().next().unwrap();
        let broken = format!("{header}\n{{\"cpu\":0}}\n");
        assert!(matches!(replay(broken.as_bytes()), Err(ReplayError::Malformed { line: 2, .. })));
        let other = header.replace("\"version\":1", "\"version\":2");
        assert!(matches!(replay(other.as_bytes()), Err(ReplayError::Malformed { line: 1, .. })));
    }
}
