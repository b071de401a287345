//! The arbiter: grants the claims of slices on a shared resource, never beyond its total, in fair rotation.

use slice_agent::arbiter::{Arbiter, ArbiterError, Claim};
use vman_core::ErrorKind;

use crate::error::{ErrorOut, Failure, vman_error};
use crate::panic::{guard, guard_value};
use crate::pointer::{items, out};
use crate::status::vman_status;

/// The demand of a slice about which nothing is known: its claim counts in full.
pub const VMAN_DEMAND_UNKNOWN: u64 = u64::MAX;

/// What one slice has and asks for, in one unit for all (Hz of CPU, radio blocks).
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct vman_claim {
    /// Its share: what of its claim lies within is granted always.
    pub share: u64,
    /// What it asks for.
    pub amount: u64,
    /// What it can use now; VMAN_DEMAND_UNKNOWN reserves the claim whether it is used or not.
    pub demand: u64,
}

/// Whose turn it is. One thread at a time.
#[derive(Debug)]
pub struct vman_arbiter {
    arbiter: Arbiter,
    // Kept between rounds, so that a round allocates nothing.
    shares: Vec<u64>,
    claims: Vec<Claim>,
    grants: Vec<u64>,
}

impl From<ArbiterError> for Failure {
    fn from(error: ArbiterError) -> Self {
        Self::new(ErrorKind::InvalidArgument, error.to_string())
    }
}

/// Makes an arbiter whose first turn is the first slice's.
///
/// # Safety
/// `arbiter` is a valid place for the handle, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_arbiter_new(
    arbiter: *mut *mut vman_arbiter,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller.
        let place = unsafe { out(arbiter, "arbiter") }?;
        let (shares, claims, grants) = (Vec::new(), Vec::new(), Vec::new());
        let arbiter = vman_arbiter { arbiter: Arbiter::new(), shares, claims, grants };
        place.write(Box::into_raw(Box::new(arbiter)));
        Ok(())
    })
}

/// Holds a round: writes a grant for each of `count` claims into `grants`, at least what of the claim lies within the
/// share, at most the claim. What is used of all grants never exceeds the sum of the shares. `trimmed`, if not NULL, gets
/// the number of slices whose useful claim was cut.
///
/// Fails with VMAN_STATUS_INVALID_ARGUMENT if the shares together exceed 64 bits; the turn stays then.
///
/// # Safety
/// `arbiter` is an arbiter that nobody else uses, `claims` and `grants` are valid for `count` items, `trimmed` is NULL or a
/// valid place, `error` NULL or a valid place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_arbiter_share(
    arbiter: *mut vman_arbiter,
    claims: *const vman_claim,
    count: usize,
    grants: *mut u64,
    trimmed: *mut usize,
    error: *mut *mut vman_error,
) -> vman_status {
    // SAFETY: promised by the caller.
    let error = unsafe { ErrorOut::new(error) };
    guard(error, || {
        // SAFETY: promised by the caller; nobody else uses it.
        let arbiter = unsafe { arbiter.as_mut() };
        let arbiter = arbiter.ok_or_else(|| Failure::argument("arbiter", "must not be NULL"))?;
        // SAFETY: promised by the caller.
        let claims = unsafe { items(claims, count, "claims") }?;
        if count > 0 && grants.is_null() {
            return Err(Failure::argument("grants", "must not be NULL"));
        }
        let round = arbiter.share(claims)?;
        if count > 0 {
            // SAFETY: not NULL and valid for `count` items as promised by the caller.
            unsafe { std::ptr::copy_nonoverlapping(arbiter.grants.as_ptr(), grants, count) };
        }
        if !trimmed.is_null() {
            // SAFETY: not NULL, so a valid place as promised by the caller.
            unsafe { trimmed.write(round) };
        }
        Ok(())
    })
}

impl vman_arbiter {
    /// The grants are in `grants`; returns how many claims were trimmed.
    fn share(&mut self, slices: &[vman_claim]) -> Result<usize, ArbiterError> {
        self.shares.clear();
        self.shares.extend(slices.iter().map(|slice| slice.share));
        self.claims.clear();
        self.claims.extend(slices.iter().map(|slice| Claim { amount: slice.amount, demand: slice.demand }));
        self.grants.resize(slices.len(), 0);
        Ok(self.arbiter.share(&self.shares, &self.claims, &mut self.grants)?.trimmed_slices)
    }
}

/// Frees an arbiter; NULL is fine.
///
/// # Safety
/// `arbiter` is NULL or an arbiter that is not freed yet and that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vman_arbiter_free(arbiter: *mut vman_arbiter) {
    guard_value((), || {
        if !arbiter.is_null() {
            // SAFETY: made by `Box::into_raw`; the caller promises that it is not freed yet.
            drop(unsafe { Box::from_raw(arbiter) });
        }
    });
}
