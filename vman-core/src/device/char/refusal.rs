//! Words for what the driver refuses.

use crate::abi::ioctl::{Command, Header, Reason, operation, state};
use crate::abi::smc::SmcError;
use crate::device::DeviceError;
use crate::id::ByteSize;
use crate::state::InvalidTransition;

/// The error of a call that failed with `errno`, its argument's header being `header`.
pub(super) fn error(command: Command, errno: i32, header: &Header) -> DeviceError {
    let reason = Reason::from_number(header.reason).and_then(|reason| text(reason, header.detail));
    match reason {
        // The reason says more than errno, which would only repeat it.
        Some(text) => DeviceError { source: None, ..DeviceError::from_errno(errno, text) },
        None => DeviceError::from_errno(errno, plain_text(command, errno)),
    }
}

fn plain_text(command: Command, errno: i32) -> String {
    const ENOMEM: i32 = 12;
    const EFAULT: i32 = 14;
    match errno {
        ENOMEM => "Management partition has no memory left for it".into(),
        EFAULT => "Data cannot be read".into(),
        _ => format!("{} failed", command.name()),
    }
}

/// One clause, or `None` if there is nothing to say but errno.
fn text(reason: Reason, [a, b]: [u64; 2]) -> Option<String> {
    Some(match reason {
        Reason::None => return None,
        Reason::Size => format!("Driver takes arguments of {b} bytes and more, not of {a}"),
        Reason::Flags => format!("Driver does not know flags {:#x}", a & !b),
        Reason::Reserved => "Driver does not know a field that is set".into(),
        Reason::NoPartition => format!("There is no partition {a}"),
        Reason::State => return transition(a, b, false),
        Reason::Faulted => return transition(a, b, true),
        Reason::Busy => return busy(a, b),
        Reason::Timeout => format!("Partition did not come to rest within {a} ms; it is {}", state_name(b)),
        Reason::Firmware => SmcError::from_register(a).to_string(),
        Reason::NoCores => "A partition needs at least one core".into(),
        Reason::Cores => format!("{a} cores asked, {b} free"),
        Reason::Granule => granule(ByteSize(a), ByteSize(b)),
        Reason::Memory => format!("{} asked, largest free range is {}", ByteSize(a), ByteSize(b)),
        Reason::SecureMemory => {
            format!("{} of secure memory asked, largest free range is {}", ByteSize(a), ByteSize(b))
        }
        Reason::Slots => format!("There are {a} partitions, the board takes {b} at most"),
        Reason::Name => format!("Name has a control character or no end at byte {a}"),
        Reason::NameTaken => format!("Partition {a} has this name"),
        Reason::UuidTaken => format!("Partition {a} has this UUID"),
        Reason::World => format!("There is no world {a}"),
        Reason::NoSecureWorld => "This board takes no critical (secure) partition".into(),
        Reason::Shared => {
            format!("Only a secure partition can share CPUs, and only those of a non-secure one: not of {a}")
        }
        Reason::SharedGone => format!("There is no partition {a} whose CPUs could be shared"),
        Reason::Cpu => format!("Linux does not let CPU {a} go (errno {b})"),
        Reason::Segments => format!("{a} segments given, 1 to {b} possible"),
        Reason::SegmentRange => {
            format!("Segment {a} is empty or does not lie in the partition's {}", ByteSize(b))
        }
        Reason::SegmentOverlap => format!("Segments {a} and {b} overlap"),
        Reason::Entry => format!("Entry {a:#x} is not 4-byte aligned or in no segment"),
        Reason::DeviceTree => format!("Device tree {a:#x} is not 8-byte aligned or in no segment"),
        Reason::ImageSize => {
            format!(
                "Image has {}, the management partition can keep a copy of {} now",
                ByteSize(a),
                ByteSize(b)
            )
        }
        Reason::NoImage => {
            format!(
                "Driver was loaded after partition {a} was deployed and has no image: shut it down, deploy again"
            )
        }
        Reason::SecureLoad => {
            format!("Segment at offset {b:#x}: critical partition {a} takes multiples of 8 bytes only")
        }
        Reason::NoConsole => format!("Partition {a} has no console"),
        Reason::CpuIndex => format!("There is no CPU {a}, the board has {b}"),
        Reason::LinkEnds => {
            format!("A link joins two different partitions that are not critical, not {a} and {b}")
        }
        Reason::LinkState => format!("A link is made between READY partitions; {a} or {b} is not"),
        Reason::Links => format!("There are {a} links, the board takes {b} at most"),
        Reason::NotRunning => format!("Partition {a} is READY; nobody reads its console"),
    })
}

fn transition(state: u64, operation: u64, faulted: bool) -> Option<String> {
    let state = state::from_number(state)?;
    let operation = operation::from_number(operation)?;
    let refused = if faulted {
        InvalidTransition::Faulted { state, operation }
    } else {
        InvalidTransition::State { state, operation }
    };
    Some(refused.to_string())
}

fn busy(under_way: u64, asked: u64) -> Option<String> {
    let under_way = operation::from_number(under_way)?;
    let asked = operation::from_number(asked)?;
    Some(format!("Partition is busy with {under_way}; {asked} has to wait"))
}

fn granule(wanted: ByteSize, granule: ByteSize) -> String {
    match wanted {
        ByteSize::ZERO => "A partition needs memory".into(),
        wanted => format!("Memory of {wanted} is not a multiple of {granule}"),
    }
}

fn state_name(number: u64) -> String {
    state::from_number(number).map_or_else(|| format!("in state {number}"), |state| state.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn refused(errno: i32, reason: Reason, detail: [u64; 2]) -> DeviceError {
        error(Command::Destroy, errno, &Header { reason: reason as u32, detail, ..Header::default() })
    }

    #[test]
    fn refused_state_reads_as_the_state_machine_says_it() {
        let error = refused(77, Reason::State, [2, 6]);
        assert_eq!(error.kind, ErrorKind::InvalidState);
        assert_eq!(error.text, "Partition is DEPLOYED; destroy-partition needs READY");
        assert!(error.source.is_none());
    }

    #[test]
    fn every_reason_has_words_of_its_own_and_keeps_the_kind_of_errno() {
        let mut seen = std::collections::BTreeSet::new();
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::None) {
            let error = refused(16, *reason, [1, 1]);
            assert_eq!(error.kind, ErrorKind::Busy);
            assert!(!error.text.contains("VMANAGER_"), "{reason:?}: {}", error.text);
            assert!(seen.insert(error.text.clone()), "{}", error.text);
        }
    }

    #[test]
    fn reason_of_a_newer_driver_falls_back_to_errno() {
        let header = Header { reason: 9999, ..Header::default() };
        let error = error(Command::Create, 28, &header);
        assert_eq!(error.kind, ErrorKind::NoResources);
        assert_eq!(error.text, "VMANAGER_CREATE failed");
        assert!(error.source.is_some());
    }

    #[test]
    fn unknown_code_of_the_firmware_is_kept() {
        let error = refused(121, Reason::Firmware, [0x8000_0000_0000_0001, 0xC300_0002]);
        assert_eq!(error.kind, ErrorKind::Firmware);
        assert_eq!(error.text, "Firmware answered 0x8000000000000001");
    }
}
