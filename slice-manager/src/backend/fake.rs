//! A back end with nothing behind it.

use super::{BackendError, ComputeBackend};
use crate::api::{Compute, ComputeChunk, Id};
use crate::compose::{Quota, Usage};

/// Agrees to everything. A compute of type `fake` is a book of quotas and no more.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fake;

impl ComputeBackend for Fake {
    fn acts(&self) -> bool {
        false
    }

    fn reserve(&mut self, _: &Compute, _: &ComputeChunk) -> Result<(), BackendError> {
        Ok(())
    }

    fn resize(&mut self, _: &Compute, _: &Id, _: Quota) -> Result<(), BackendError> {
        Ok(())
    }

    fn release(&mut self, _: &Compute, _: &Id) -> Result<(), BackendError> {
        Ok(())
    }

    fn usage(&mut self, _: &Compute, _: &Id) -> Result<Usage, BackendError> {
        Ok(Usage::default())
    }
}
