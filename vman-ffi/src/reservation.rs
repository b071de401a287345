//! A thread under SCHED_DEADLINE: attach, set, read, release.

use std::time::Duration;

use deadline_monitor::account::{CpuAccounting, SchedStat};
use deadline_monitor::budget::ReservationParams;
use deadline_monitor::sched::{DeadlineScheduler, LinuxScheduler, SchedAttr, Tid};

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{borrow_mut, out};
use crate::policy::failure;
use crate::sized::{extensible, sized_out};
use crate::status::vman_status;

/// In `flags` of vman_reservation_attach: the thread may use bandwidth that others leave unused (GRUB).
pub const VMAN_RESERVATION_RECLAIM: u32 = 1;

/// In `flags` of vman_usage: `waited_ns` is known.
pub const VMAN_USAGE_WAITED: u32 = 1;

/// What a thread has used since it began, and what it has.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_usage {
    /// sizeof(vman_usage).
    pub size: u32,
    /// VMAN_USAGE_WAITED or 0.
    pub flags: u32,
    /// CPU time in nanoseconds.
    pub executed_ns: u64,
    /// Time spent runnable without running, throttling included, in nanoseconds.
    pub waited_ns: u64,
    /// Q in nanoseconds.
    pub runtime_ns: u64,
    /// P in nanoseconds.
    pub period_ns: u64,
}
extensible!(vman_usage, 40, {
    size: u32, flags: u32, executed_ns: u64, waited_ns: u64, runtime_ns: u64, period_ns: u64,
});

/// A thread that has a reservation through this library. One thread at a time may use it.
#[derive(Debug)]
pub struct vman_reservation {
    tid: Tid,
    params: ReservationParams,
    reclaim: bool,
    /// How the thread was scheduled before; none once it is released.
    before: Option<SchedAttr>,
    /// Its open file tells the thread from a later one with the same id.
    accounting: SchedStat,
}

impl vman_reservation {
    fn attach(tid: Tid, params: ReservationParams, reclaim: bool) -> Result<Self, Failure> {
        let mut accounting = SchedStat::default();
        accounting.cpu_time(tid).map_err(|error| failure(error.kind(), &error))?;
        let attached = LinuxScheduler
            .attributes(tid)
            .and_then(|before| LinuxScheduler.reserve(tid, &params, reclaim).map(|()| before));
        let before = attached.map_err(|error| failure(error.kind(), &error))?;
        Ok(Self { tid, params, reclaim, before: Some(before), accounting })
    }

    /// That the thread is there and under this reservation.
    fn alive(&mut self) -> Result<(), Failure> {
        if self.before.is_none() {
            return Err(Failure::new(vman_core::ErrorKind::InvalidState, "The thread was released"));
        }
        self.accounting.cpu_time(self.tid).map(drop).map_err(|error| failure(error.kind(), &error))
    }

    fn set(&mut self, runtime: Duration) -> Result<(), Failure> {
        self.alive()?;
        let params = self.params.with_runtime(runtime).map_err(|error| failure(error.kind(), &error))?;
        LinuxScheduler
            .reserve(self.tid, &params, self.reclaim)
            .map_err(|error| failure(error.kind(), &error))?;
        self.params = params;
        Ok(())
    }

    fn usage(&mut self) -> Result<vman_usage, Failure> {
        let time = self.accounting.cpu_time(self.tid).map_err(|error| failure(error.kind(), &error))?;
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Ok(vman_usage {
            size: 0,
            flags: if time.waited.is_some() { VMAN_USAGE_WAITED } else { 0 },
            executed_ns: nanos(time.executed),
            waited_ns: nanos(time.waited.unwrap_or_default()),
            runtime_ns: nanos(self.params.runtime()),
            period_ns: nanos(self.params.period()),
        })
    }

    fn release(&mut self) -> Result<(), Failure> {
        self.alive()?;
        let Some(before) = self.before else { return Ok(()) };
        LinuxScheduler.release(self.tid, &before).map_err(|error| failure(error.kind(), &error))?;
        self.before = None;
        Ok(())
    }
}

/// The calling thread's id.
fn calling_thread() -> Result<Tid, Failure> {
    let link = std::fs::read_link("/proc/thread-self").ok();
    let name = link.as_ref().and_then(|link| link.file_name()).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).map(Tid).ok_or_else(|| {
        Failure::new(vman_core::ErrorKind::Unsupported, "/proc/thread-self cannot be read; is /proc mounted?")
    })
}

/// Gives a thread a reservation: `runtime_ns` of CPU time in each `period_ns`, within `deadline_ns` (0: the period).
/// `tid` 0 is the calling thread. `flags` is VMAN_RESERVATION_RECLAIM or 0. It needs CAP_SYS_NICE. Threads and
/// processes that the thread makes begin without a reservation. Free it with vman_reservation_free.
///
/// Fails with VMAN_STATUS_NOT_FOUND (no such thread), VMAN_STATUS_INVALID_ARGUMENT, VMAN_STATUS_NO_RESOURCES (no
/// bandwidth left), VMAN_STATUS_INVALID_STATE (the thread is pinned), VMAN_STATUS_PERMISSION_DENIED,
/// VMAN_STATUS_UNSUPPORTED. The text names the rule.
///
/// # Safety
/// `reservation` is a valid place for a pointer, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_reservation_attach(
    tid: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
    flags: u32,
    reservation: *mut *mut vman_reservation,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let place = unsafe { out(reservation, "reservation") }?;
        if flags & !VMAN_RESERVATION_RECLAIM != 0 {
            return Err(Failure::argument("flags", format_args!("{flags:#x} has unknown bits")));
        }
        let deadline_ns = if deadline_ns == 0 { period_ns } else { deadline_ns };
        let [runtime, deadline, period] = [runtime_ns, deadline_ns, period_ns].map(Duration::from_nanos);
        let params = ReservationParams::within(runtime, deadline, period, &Default::default())
            .map_err(|error| failure(error.kind(), &error))?;
        let tid = if tid == 0 { calling_thread()? } else { Tid(tid) };
        let attached = vman_reservation::attach(tid, params, flags & VMAN_RESERVATION_RECLAIM != 0)?;
        place.write(Box::into_raw(Box::new(attached)));
        Ok(())
    })
}

/// Changes the budget; if it is refused the old one stays. It counts from the thread's next period on.
///
/// Fails as vman_reservation_attach does, and with VMAN_STATUS_INVALID_STATE if the thread was released.
///
/// # Safety
/// `reservation` is a reservation that nobody else uses now, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_reservation_set(
    reservation: *mut vman_reservation,
    runtime_ns: u64,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        unsafe { borrow_mut(reservation, "reservation") }?.set(Duration::from_nanos(runtime_ns))
    })
}

/// Tells what the thread has used since it began. The difference of two of these is a vman_sample. The times of a
/// running thread are at most a tick of the kernel old.
///
/// Fails with VMAN_STATUS_NOT_FOUND if the thread has ended.
///
/// # Safety
/// `reservation` is a reservation that nobody else uses now, `usage` a structure with its size, `error` NULL or a valid
/// place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_reservation_usage(
    reservation: *mut vman_reservation,
    usage: *mut vman_usage,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let reservation = unsafe { borrow_mut(reservation, "reservation") }?;
        // SAFETY: promised by the caller.
        let place = unsafe { sized_out(usage, "usage") }?;
        place.write(reservation.usage()?);
        Ok(())
    })
}

/// Schedules the thread as it was before it was attached, in two steps that leave no bandwidth behind in the kernel. The
/// handle is still to be freed.
///
/// Fails with VMAN_STATUS_NOT_FOUND if the thread has ended, VMAN_STATUS_INVALID_STATE if it was released already.
///
/// # Safety
/// `reservation` is a reservation that nobody else uses now, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_reservation_release(
    reservation: *mut vman_reservation,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        unsafe { borrow_mut(reservation, "reservation") }?.release()
    })
}

/// Frees a reservation; a thread that was not released is released first. NULL is fine.
///
/// # Safety
/// `reservation` is NULL or a reservation that is not freed yet and that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_reservation_free(reservation: *mut vman_reservation) {
    guard_value((), || {
        if !reservation.is_null() {
            // SAFETY: made by `Box::into_raw` in `vman_reservation_attach`; the caller promises that it is not freed yet.
            let mut reservation = unsafe { Box::from_raw(reservation) };
            // Whoever wants to know calls vman_reservation_release.
            let _ = reservation.release();
        }
    });
}
