//! Recorded SMCs.
//!
//! A trace is a text of JSON objects, one a line. The first one names the format and the board:
//!
//! ```json
//! {"trace":"vman-smc","version":1,"cpus":8,"cluster":4,"boot_cpu":0,"slots":128,"granule":2097152,"memory":[2147483648,8589934592],"secure_memory":[10737418240,1073741824]}
//! ```
//!
//! Every other one is a call in the order in which the calls were made:
//!
//! | member | what |
//! |---|---|
//! | `cpu` | index of the physical CPU that made the call |
//! | `shared` | `true` if it was the critical partition that shares the CPU; else missing |
//! | `function` | `x0` of the call |
//! | `args` | `x1`..`x7`; zeros at the end may be missing |
//! | `return` | `x0`..`x3` of the answer; `null` if the CPU parked instead of returning |
//!
//! All numbers are unsigned decimals of up to 64 bits. Any recorder may leave calls out that it cannot see (a kernel
//! driver sees only its own); [`crate::replay`] needs those of the management partition's driver.

use std::fmt;
use std::io::Write;

use firmware::Lane;
use serde::{Deserialize, Serialize};
use vman_core::abi::smc::{SmcCall, SmcReturn};
use vman_core::id::{ByteSize, CpuId, PhysAddr, PhysRange};

use crate::config::SimConfig;
use crate::machine::DRIVER_CPU;

/// Name of the format in the first line.
pub(crate) const FORMAT: &str = "vman-smc";
/// Version of the format.
pub(crate) const VERSION: u32 = 1;

/// First line of a trace: the board that the calls were made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHeader {
    /// `vman-smc`.
    pub trace: String,
    /// Version of the format, 1.
    pub version: u32,
    /// CPUs of the board.
    pub cpus: u16,
    /// CPUs of a cluster, numbered by Aff0 of MPIDR; Aff1 numbers the clusters.
    pub cluster: u16,
    /// The management partition's first CPU.
    pub boot_cpu: u16,
    /// Partitions at a time.
    pub slots: usize,
    /// Memory granule in bytes.
    pub granule: u64,
    /// Base and size in bytes of the memory for partitions.
    pub memory: [u64; 2],
    /// Base and size in bytes of the secure memory; size 0 if there is none.
    pub secure_memory: [u64; 2],
}

impl TraceHeader {
    /// The header for calls on a simulated board.
    pub fn of(config: &SimConfig) -> Self {
        let pair = |range: PhysRange| [range.base().0, range.size().0];
        Self {
            trace: FORMAT.into(),
            version: VERSION,
            cpus: config.cpus,
            cluster: config.cluster,
            boot_cpu: DRIVER_CPU.0,
            slots: config.slots,
            granule: config.granule.0,
            memory: pair(config.pool()),
            secure_memory: pair(config.secure_pool()),
        }
    }

    pub(crate) fn memory(&self) -> Option<PhysRange> {
        range(self.memory)
    }

    pub(crate) fn secure_memory(&self) -> Option<PhysRange> {
        range(self.secure_memory)
    }
}

fn range([base, size]: [u64; 2]) -> Option<PhysRange> {
    PhysRange::new(PhysAddr(base), ByteSize(size))
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceCall {
    /// The CPU that made it.
    pub cpu: u16,
    /// Whether the critical partition that shares the CPU made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// `x0`.
    pub function: u64,
    /// `x1`..`x7`; missing ones are zero.
    pub args: Vec<u64>,
    /// `x0`..`x3` of the answer, `None` if the CPU parked.
    #[serde(rename = "return")]
    pub answer: Option<[u64; 4]>,
}

impl TraceCall {
    /// A call that was made.
    pub fn new(lane: Lane, call: SmcCall, answer: Option<SmcReturn>) -> Self {
        let used = call.args.iter().rposition(|arg| *arg != 0).map_or(0, |last| last + 1);
        Self {
            cpu: lane.cpu.0,
            shared: lane.shared,
            function: call.function,
            args: call.args[..used].to_vec(),
            answer: answer.map(|SmcReturn(registers)| registers),
        }
    }

    /// Who made it.
    pub fn lane(&self) -> Lane {
        Lane { cpu: CpuId(self.cpu), shared: self.shared }
    }

    /// Its registers; more than seven arguments are no call.
    pub fn call(&self) -> Option<SmcCall> {
        let mut call = SmcCall { function: self.function, args: [0; 7] };
        call.args.get_mut(..self.args.len())?.copy_from_slice(&self.args);
        Some(call)
    }
}

/// Writes a trace as the calls are made.
pub struct Tracer {
    out: Box<dyn Write + Send>,
    failed: bool,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Tracer {
    /// A trace of a board that is about to be turned on.
    ///
    /// # Errors
    /// What writing the first line says.
    pub fn new(mut out: Box<dyn Write + Send>, config: &SimConfig) -> std::io::Result<Self> {
        serde_json::to_writer(&mut out, &TraceHeader::of(config))?;
        out.write_all(b"\n")?;
        Ok(Self { out, failed: false })
    }

    /// Appends a call. A trace that cannot be written ends there; the board goes on.
    pub(crate) fn record(&mut self, lane: Lane, call: SmcCall, answer: Option<SmcReturn>) {
        if self.failed {
            return;
        }
        let line = serde_json::to_vec(&TraceCall::new(lane, call, answer));
        let written = line.map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.out.write_all(&line)
        });
        self.failed = written.is_err();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.out.flush();
    }
}
