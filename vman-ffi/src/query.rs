//! What a board and its partitions are.

use std::ffi::{CString, c_char};

use vman_core::command::{
    Command, HostRecord, MemoryRecord, PartitionRecord, Partitions, Paths, Stats, Target, VersionRecord,
};
use vman_core::id::CpuSet;

use crate::client::{partition_id, vman_client};
use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow, out, text};
use crate::sized::{extensible, sized_out};
use crate::state::{vman_condition, vman_operation, vman_state};
use crate::status::vman_status;

/// Length of a name's place, its NUL included.
pub const VMAN_NAME_LENGTH: usize = 64;
/// Words of a set of CPUs: bit n % 64 of word n / 64 stands for CPU n.
pub const VMAN_CPU_WORDS: usize = 4;

/// vmand and the board behind it. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_daemon {
    /// sizeof(vman_daemon).
    pub size: u32,
    /// Version of the JSON protocol: 1.
    pub protocol: u32,
    /// 1 if paths name files of vmand's machine alone, so that files are uploaded; 0 if they are the caller's.
    pub paths_remote: u32,
    /// 1 if the board is simulated.
    pub simulated: u32,
    /// Version of vmand, cut after 63 bytes.
    pub version: [c_char; VMAN_NAME_LENGTH],
    /// Version of the firmware's service, cut after 63 bytes.
    pub firmware: [c_char; VMAN_NAME_LENGTH],
}
extensible!(vman_daemon, 144, {
    size: u32, protocol: u32, paths_remote: u32, simulated: u32,
    version: [c_char; VMAN_NAME_LENGTH], firmware: [c_char; VMAN_NAME_LENGTH],
});

/// A pool of memory in MiB.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_memory {
    /// Size of the pool.
    pub total_mib: u64,
    /// What belongs to no partition.
    pub free_mib: u64,
    /// Largest contiguous free range.
    pub largest_free_mib: u64,
}

/// What a board is and what it has left. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_host {
    /// sizeof(vman_host).
    pub size: u32,
    /// 1 if the board is simulated.
    pub simulated: u32,
    /// Number of physical cores.
    pub cores_total: u32,
    /// Cores that a new partition may get.
    pub cores_free: u32,
    /// Cores of the management partition that are never given away.
    pub cores_management: u32,
    /// 0.
    pub reserved: u32,
    /// Which cores a new partition may get.
    pub free: [u64; VMAN_CPU_WORDS],
    /// Non-secure memory for partitions.
    pub memory: vman_memory,
    /// Secure memory for critical partitions; total 0 if there is none.
    pub secure_memory: vman_memory,
    /// Memory of the management partition in MiB.
    pub memory_management_mib: u64,
    /// Memory is given in multiples of this, in MiB.
    pub memory_granule_mib: u64,
    /// Architecture of the partitions: "aarch64".
    pub arch: [c_char; 16],
    /// The board's name, cut after 127 bytes.
    pub model: [c_char; 128],
}
extensible!(vman_host, 264, {
    size: u32, simulated: u32, cores_total: u32, cores_free: u32, cores_management: u32, reserved: u32,
    free: [u64; VMAN_CPU_WORDS], memory: vman_memory, secure_memory: vman_memory,
    memory_management_mib: u64, memory_granule_mib: u64, arch: [c_char; 16], model: [c_char; 128],
});

/// One partition. Set `size` to sizeof.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_partition {
    /// sizeof(vman_partition).
    pub size: u32,
    /// Its number.
    pub id: u32,
    /// READY, DEPLOYED or SUSPENDED.
    pub state: vman_state,
    /// Running or faulted.
    pub condition: vman_condition,
    /// The operation that is under way.
    pub busy: vman_operation,
    /// 1 if it is critical.
    pub secure: u32,
    /// Partition whose cores it shares, or 0.
    pub shared_with: u32,
    /// Number of its cores.
    pub core_count: u32,
    /// Its physical cores.
    pub cores: [u64; VMAN_CPU_WORDS],
    /// Its memory in MiB.
    pub memory_mib: u64,
    /// First physical address of its memory.
    pub memory_base: u64,
    /// Its name, empty if it has none.
    pub name: [c_char; VMAN_NAME_LENGTH],
    /// Its identity as 36 characters, empty if it has none.
    pub uuid: [c_char; 40],
    /// Why it is faulted, empty if it is not.
    pub fault: [c_char; 32],
}
extensible!(vman_partition, 216, {
    size: u32, id: u32, state: vman_state, condition: vman_condition, busy: vman_operation, secure: u32,
    shared_with: u32, core_count: u32, cores: [u64; VMAN_CPU_WORDS], memory_mib: u64, memory_base: u64,
    name: [c_char; VMAN_NAME_LENGTH], uuid: [c_char; 40], fault: [c_char; 32],
});

/// The partitions at one moment, by rising number. It does not change and may be read by several threads.
#[derive(Debug)]
pub struct vman_partitions {
    records: Vec<PartitionRecord>,
}

/// A partition's counters at one moment, by name. It does not change and may be read by several threads.
#[derive(Debug)]
pub struct vman_stats {
    counters: Vec<(CString, u64)>,
}

/// A text in a place of fixed length, cut at a character if it is too long, NUL-terminated.
pub(crate) fn fixed<const LENGTH: usize>(text: &str) -> [c_char; LENGTH] {
    let text = &text[..text.floor_char_boundary(LENGTH.saturating_sub(1))];
    let mut place = [0; LENGTH];
    for (place, byte) in place.iter_mut().zip(text.bytes().take_while(|byte| *byte != 0)) {
        *place = c_char::from_ne_bytes([byte]);
    }
    place
}

fn words(cpus: impl IntoIterator<Item = vman_core::id::CpuId>) -> [u64; VMAN_CPU_WORDS] {
    cpus.into_iter().collect::<CpuSet>().words()
}

impl From<MemoryRecord> for vman_memory {
    fn from(memory: MemoryRecord) -> Self {
        let MemoryRecord { total_mib, free_mib, largest_free_mib } = memory;
        Self { total_mib, free_mib, largest_free_mib }
    }
}

impl From<&VersionRecord> for vman_daemon {
    fn from(daemon: &VersionRecord) -> Self {
        Self {
            size: 0,
            protocol: daemon.protocol,
            paths_remote: (daemon.paths == Paths::Remote).into(),
            simulated: daemon.simulated.into(),
            version: fixed(&daemon.version),
            firmware: fixed(&daemon.firmware),
        }
    }
}

impl From<&HostRecord> for vman_host {
    fn from(host: &HostRecord) -> Self {
        Self {
            size: 0,
            simulated: host.simulated.into(),
            cores_total: host.cores_total,
            cores_free: host.cores_free,
            cores_management: host.cores_management,
            reserved: 0,
            free: words(host.cpus.iter().filter(|cpu| cpu.free).map(|cpu| cpu.id)),
            memory: host.memory.into(),
            secure_memory: host.secure_memory.into(),
            memory_management_mib: host.memory_management_mib,
            memory_granule_mib: host.memory_granule_mib,
            arch: fixed(&host.arch),
            model: fixed(&host.model),
        }
    }
}

impl From<&PartitionRecord> for vman_partition {
    fn from(record: &PartitionRecord) -> Self {
        Self {
            size: 0,
            id: record.id.0,
            state: record.state.into(),
            condition: record.condition.into(),
            busy: record.busy.map_or(vman_operation::None, vman_operation::from),
            secure: record.secure.into(),
            shared_with: record.shared_with.map_or(0, |id| id.0),
            core_count: u32::try_from(record.cores.len()).unwrap_or(u32::MAX),
            cores: words(record.cores.iter().copied()),
            memory_mib: record.memsize_mib,
            memory_base: record.memory_base,
            name: fixed(record.name.as_deref().unwrap_or_default()),
            uuid: fixed(&record.uuid.map(|uuid| uuid.to_string()).unwrap_or_default()),
            fault: fixed(record.fault.as_ref().map_or("", |fault| &fault.reason)),
        }
    }
}

/// Asks for versions, and whether the board is simulated.
///
/// # Safety
/// `client` is a handle that is not freed yet, `daemon` a structure with its size, `error` NULL or a valid place for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_daemon_query(
    client: *const vman_client,
    daemon: *mut vman_daemon,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(daemon, "daemon") }?;
        let record: VersionRecord = client.send(&Command::QueryVersion)?;
        place.write(vman_daemon::from(&record));
        Ok(())
    })
}

/// Asks what the board is and what is free.
///
/// # Safety
/// `client` is a handle that is not freed yet, `host` a structure with its size, `error` NULL or a valid place for a
/// pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_host_query(
    client: *const vman_client,
    host: *mut vman_host,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(host, "host") }?;
        let record: HostRecord = client.send(&Command::QueryHost)?;
        place.write(vman_host::from(&record));
        Ok(())
    })
}

/// Asks about one partition. Never waits for an operation that is under way.
///
/// Fails with VMAN_STATUS_NOT_FOUND.
///
/// # Safety
/// `client` is a handle that is not freed yet, `partition` a structure with its size, `error` NULL or a valid place
/// for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partition_query(
    client: *const vman_client,
    id: u32,
    partition: *mut vman_partition,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(partition, "partition") }?;
        let id = partition_id(id, "id")?;
        let record: PartitionRecord = client.send(&Command::QueryPartition(Target { id }))?;
        place.write(vman_partition::from(&record));
        Ok(())
    })
}

/// Asks for all partitions. Free `*partitions` with `vman_partitions_free`.
///
/// # Safety
/// `client` is a handle that is not freed yet, `partitions` a valid place for the list, `error` NULL or a valid place
/// for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partitions_query(
    client: *const vman_client,
    partitions: *mut *mut vman_partitions,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(partitions, "partitions") }?;
        let Partitions { partitions } = client.send(&Command::QueryPartitions)?;
        place.write(Box::into_raw(Box::new(vman_partitions { records: partitions })));
        Ok(())
    })
}

/// Number of partitions in the list, 0 for NULL.
///
/// # Safety
/// `partitions` is NULL or a list that is not freed yet.
#[unsafe(no_mangle)]
pub const unsafe extern "C" fn vman_partitions_count(partitions: *const vman_partitions) -> usize {
    // SAFETY: promised by the caller.
    match unsafe { partitions.as_ref() } {
        Some(partitions) => partitions.records.len(),
        None => 0,
    }
}

/// One partition of the list, counted from 0.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT for an index behind the end.
///
/// # Safety
/// `partitions` is a list that is not freed yet, `partition` a structure with its size, `error` NULL or a valid place
/// for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partitions_get(
    partitions: *const vman_partitions,
    index: usize,
    partition: *mut vman_partition,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let partitions = unsafe { borrow(partitions, "partitions") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(partition, "partition") }?;
        place.write(vman_partition::from(at(&partitions.records, index)?));
        Ok(())
    })
}

fn at<T>(list: &[T], index: usize) -> Result<&T, Failure> {
    let rule = || format!("{index} is behind the end of a list of {}", list.len());
    list.get(index).ok_or_else(|| Failure::argument("index", rule()))
}

/// Frees a list; NULL is fine.
///
/// # Safety
/// `partitions` is NULL or a list that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_partitions_free(partitions: *mut vman_partitions) {
    guard_value((), || {
        if !partitions.is_null() {
            // SAFETY: made by `vman_partitions_query`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(partitions) });
        }
    });
}

/// Asks for a partition's counters. Free `*stats` with `vman_stats_free`.
///
/// Fails with VMAN_STATUS_NOT_FOUND.
///
/// # Safety
/// `client` is a handle that is not freed yet, `stats` a valid place for the list, `error` NULL or a valid place for
/// a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_stats_query(
    client: *const vman_client,
    id: u32,
    stats: *mut *mut vman_stats,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let client = unsafe { borrow(client, "client") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(stats, "stats") }?;
        let id = partition_id(id, "id")?;
        let Stats { counters, .. } = client.send(&Command::QueryStats(Target { id }))?;
        let counters =
            counters.into_iter().filter_map(|(name, value)| Some((CString::new(name).ok()?, value)));
        place.write(Box::into_raw(Box::new(vman_stats { counters: counters.collect() })));
        Ok(())
    })
}

/// Number of counters, 0 for NULL.
///
/// # Safety
/// `stats` is NULL or a list that is not freed yet.
#[unsafe(no_mangle)]
pub const unsafe extern "C" fn vman_stats_count(stats: *const vman_stats) -> usize {
    // SAFETY: promised by the caller.
    match unsafe { stats.as_ref() } {
        Some(stats) => stats.counters.len(),
        None => 0,
    }
}

/// Name and value of one counter, counted from 0 in the order of names. The name is valid until `vman_stats_free`.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT for an index behind the end.
///
/// # Safety
/// `stats` is a list that is not freed yet, `name` and `value` valid places for the answers, `error` NULL or a valid
/// place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_stats_get(
    stats: *const vman_stats,
    index: usize,
    name: *mut *const c_char,
    value: *mut u64,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let stats = unsafe { borrow(stats, "stats") }?;
        // SAFETY: promised by the caller.
        let name = unsafe { out(name, "name") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(value, "value") }?;
        let (text, value) = at(&stats.counters, index)?;
        name.write(text.as_ptr());
        place.write(*value);
        Ok(())
    })
}

/// The value of the counter with this name, "starts" for example.
///
/// Fails with VMAN_STATUS_NOT_FOUND if the board does not count it.
///
/// # Safety
/// `stats` is a list that is not freed yet, `name` a NUL-terminated text, `value` a valid place for the answer,
/// `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_stats_find(
    stats: *const vman_stats,
    name: *const c_char,
    value: *mut u64,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let stats = unsafe { borrow(stats, "stats") }?;
        // SAFETY: promised by the caller.
        let name = unsafe { text(name, "name") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { out(value, "value") }?;
        let found = stats.counters.iter().find(|(known, _)| known.as_bytes() == name.as_bytes());
        let Some((_, value)) = found else {
            let text = format!("The board has no counter {name:?}");
            return Err(Failure::new(vman_core::ErrorKind::NotFound, text));
        };
        place.write(*value);
        Ok(())
    })
}

/// Frees counters; NULL is fine.
///
/// # Safety
/// `stats` is NULL or a list that is not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_stats_free(stats: *mut vman_stats) {
    guard_value((), || {
        if !stats.is_null() {
            // SAFETY: made by `vman_stats_query`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(stats) });
        }
    });
}
