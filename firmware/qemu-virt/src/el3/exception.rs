//! Exceptions taken to EL3: SMCs, kicks, and what nobody expects.

use arm_sysregs::el3::accessors::read_esr_el3;
use arm_sysregs::read_sysreg;
use firmware::{Kick, Outcome};
use qemu_virt::{service, weaken};
use vman_core::abi::smc::{FaultReason, FunctionId, SmcCall, SmcReturn};
use vman_core::id::CpuId;

use crate::{cpu, gic, platform, secure};

read_sysreg!(far_el3, u64, safe);

/// Registers of the interrupted level, as entry.S saves them.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Frame {
    x: [u64; 31],
    elr: u64,
    spsr: u64,
    _alignment: u64,
}

const _: () = assert!(size_of::<Frame>() == 272);

/// Vector: synchronous exception of a lower level in AArch64.
const LOWER_SYNC: u64 = 8;
/// Vector: FIQ of a lower level in AArch64.
const LOWER_FIQ: u64 = 10;
/// Exception class: WFI or WFE that EL3 traps.
const EC_WAIT: u8 = 0x01;
/// Exception class: SMC in AArch64.
const EC_SMC: u8 = 0x17;
/// PSCI functions that name a CPU.
const CPU_ON: u64 = 0xc400_0003;
const AFFINITY_INFO: u64 = 0xc400_0004;
/// Bytes of an instruction.
const INSTRUCTION: u64 = 4;
/// `SPSR_EL3.M[3:2]`: the level that the exception came from.
const SPSR_LEVEL_SHIFT: u32 = 2;

impl Frame {
    /// All zero.
    pub(crate) const EMPTY: Self = Self { x: [0; 31], elr: 0, spsr: 0, _alignment: 0 };

    /// A context that starts at `entry` with `x0` = `argument`.
    pub(crate) fn at(entry: u64, spsr: u64, argument: u64) -> Self {
        let mut frame = Self { elr: entry, spsr, ..Self::EMPTY };
        frame.x[0] = argument;
        frame
    }

    fn level(&self) -> u64 {
        self.spsr >> SPSR_LEVEL_SHIFT & 3
    }

    fn call(&self) -> SmcCall {
        let [function, args @ ..] = self.x.first_chunk::<8>().expect("31 registers are more than 8");
        SmcCall { function: *function, args: *args }
    }

    fn answer(&mut self, answer: SmcReturn) {
        self.x[..4].copy_from_slice(&answer.0);
    }
}

// SAFETY: the only function of this name; called by entry.S with the frame on this CPU's stack.
#[unsafe(no_mangle)]
extern "C" fn exception(frame: &mut Frame, vector: u64) {
    match vector {
        lower if lower >= LOWER_SYNC && secure::is_current() => from_secure(frame, lower),
        LOWER_SYNC if read_esr_el3().ec() == EC_SMC && frame.level() == 2 => from_el2(frame),
        LOWER_SYNC if read_esr_el3().ec() == EC_SMC => smc(frame),
        LOWER_FIQ => {
            gic::take_kicks();
            kicked();
        }
        lower if lower > LOWER_SYNC => unexpected(frame),
        LOWER_SYNC => unexpected(frame),
        own => panic!(
            "vector {own}: ESR {:#x}, ELR {:#x}, FAR {:#x}",
            read_esr_el3().bits(),
            frame.elr,
            read_far_el3()
        ),
    }
}

/// An exception of a critical partition.
fn from_secure(frame: &mut Frame, vector: u64) {
    match (vector, read_esr_el3().ec()) {
        (LOWER_SYNC, EC_SMC) => secure_smc(frame),
        (LOWER_SYNC, EC_WAIT) => {
            frame.elr = frame.elr.wrapping_add(INSTRUCTION);
            secure::sleep(frame)
        }
        (LOWER_FIQ, _) => {
            gic::take_kicks();
            secure::interrupted(frame)
        }
        _ => {
            log_unexpected(frame);
            let (lane, address) = (secure::lane(), read_far_el3());
            platform::with(|monitor, board| {
                monitor.on_fault(lane, FaultReason::Exception, address, frame.elr, board)
            });
            secure::interrupted(frame)
        }
    }
}

/// A call of a critical partition.
fn secure_smc(frame: &mut Frame) {
    let call = frame.call();
    if call.function == service::SECURE_PUT {
        let [byte, ..] = call.args[0].to_le_bytes();
        secure::put(byte);
        return frame.answer(SmcReturn::SUCCESS);
    }
    let lane = secure::lane();
    match platform::with(|monitor, board| monitor.on_smc(lane, call, board)) {
        Outcome::Return(answer) => frame.answer(answer),
        Outcome::Standby(answer) => {
            frame.answer(answer);
            secure::sleep(frame)
        }
        // The monitor answers the next question with "park".
        Outcome::Park => secure::interrupted(frame),
    }
}

/// A call of an operating system.
fn smc(frame: &mut Frame) {
    #[cfg(feature = "weaken")]
    if let Some(answer) = crate::weaken::call(frame.call()) {
        return frame.answer(answer);
    }
    let cpu = caller(frame.call());
    match platform::with(|monitor, board| monitor.on_smc(cpu, frame.call(), board)) {
        Outcome::Return(answer) => frame.answer(answer),
        Outcome::Standby(answer) => {
            cpu::wait_for_interrupt();
            frame.answer(answer);
        }
        Outcome::Park => leave(),
    }
}

/// Whom the monitor takes for the caller: weakened firmware asks nobody who calls the service or turns CPUs on.
fn caller(call: SmcCall) -> CpuId {
    let [power, service] = [weaken::POWER, weaken::SERVICE].map(weaken::is_off);
    let is_service = FunctionId::from_register(call.function).is_some();
    let is_power = matches!(call.function, CPU_ON | AFFINITY_INFO);
    if (is_service && service) || (is_power && power) { CpuId(0) } else { cpu::current() }
}

/// The monitor says what becomes of this CPU now; the critical partition that shares it goes first.
fn kicked() {
    let cpu = cpu::current();
    loop {
        match platform::with(|monitor, board| monitor.on_kick(cpu, board)) {
            Kick::Resume if secure::serve() => {}
            Kick::Resume => return,
            Kick::Hold if secure::serve() => {}
            Kick::Hold => gic::wait_for_kick(),
            Kick::Park => leave(),
        }
    }
}

/// This CPU leaves its partition: it is proven off only when nothing of the partition is left in it.
fn leave() -> ! {
    cpu::scrub();
    let cpu = cpu::current();
    platform::with(|monitor, board| monitor.on_off(cpu, board));
    cpu::park()
}

/// A call of the EL2 layer.
fn from_el2(frame: &mut Frame) {
    let SmcCall { function, args } = frame.call();
    if function == service::EL2_FAULT {
        fault(FaultReason::from_register(args[0]), args[1], args[2]);
    } else {
        frame.answer(SmcReturn::refused(vman_core::abi::smc::SmcError::NotSupported));
    }
}

/// A lower level did something that EL3 has no answer to.
fn unexpected(frame: &mut Frame) {
    log_unexpected(frame);
    fault(FaultReason::Exception, read_far_el3(), frame.elr);
}

fn log_unexpected(frame: &Frame) {
    crate::log::line(format_args!(
        "CPU {}: unexpected exception of EL{}: ESR {:#x}, ELR {:#x}",
        cpu::current(),
        frame.level(),
        read_esr_el3().bits(),
        frame.elr
    ));
}

/// The partition is faulted; this CPU never goes back to it.
fn fault(reason: FaultReason, address: u64, program_counter: u64) -> ! {
    let cpu = cpu::current();
    crate::log::line(format_args!(
        "CPU {cpu}: {} fault at {address:#x}, program counter {program_counter:#x}",
        reason.name()
    ));
    platform::with(|monitor, board| monitor.on_fault(cpu, reason, address, program_counter, board));
    while platform::with(|monitor, board| monitor.on_kick(cpu, board)) != Kick::Park {
        if !secure::serve() {
            gic::wait_for_kick();
        }
    }
    leave()
}
