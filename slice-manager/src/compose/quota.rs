//! R10: quotas.

use super::world::Taken;
use super::{CompositionError, Effect, Quota, Usage, World};
use crate::api::{Compute, ComputeChunk, Cpus, Id, Requirements, Resource, Size};

/// A new quota of a compute chunk; the old one again changes nothing.
pub(super) fn resize(
    world: &World,
    id: &Id,
    quota: Quota,
    usage: Usage,
) -> Result<Vec<Effect>, CompositionError> {
    let chunk = world.find::<ComputeChunk>(id)?;
    let mut resized = chunk.clone();
    match quota {
        Quota::Cpus(cpus) => resized.requirements.cpus.required = cpus,
        Quota::Ram(size) => resized.requirements.ram.required = size,
        Quota::Storage(size) => resized.requirements.storage.required = size,
    }
    if resized == *chunk {
        return Ok(Vec::new());
    }
    not_below_use(id, quota, usage)?;
    let others = world.taken(&chunk.compute_id).without(&chunk.requirements);
    fits(world, &resized, others)?;
    Ok(vec![Effect::Put(Box::new(Resource::ComputeChunk(resized)))])
}

fn not_below_use(chunk: &Id, quota: Quota, usage: Usage) -> Result<(), CompositionError> {
    let (what, below, asked, used) = match quota {
        Quota::Cpus(asked) => ("cores", asked < usage.cpus, asked.to_string(), usage.cpus.to_string()),
        Quota::Ram(asked) => ("memory", asked < usage.ram, asked.to_string(), usage.ram.to_string()),
        Quota::Storage(asked) => {
            ("storage", asked < usage.storage, asked.to_string(), usage.storage.to_string())
        }
    };
    match below {
        true => Err(CompositionError::BelowUse { chunk: chunk.clone(), what, asked, used }),
        false => Ok(()),
    }
}

/// Whether a chunk finds room beside the `others` of its compute.
pub(super) fn fits(world: &World, chunk: &ComputeChunk, others: Taken) -> Result<(), CompositionError> {
    let Requirements { cpus, ram, storage } = chunk.requirements;
    if cpus.required == Cpus::default() {
        return Err(CompositionError::NoCores);
    }
    let quota = world.find::<Compute>(&chunk.compute_id)?.compute_data.quota;
    let free = quota.cpus.total.saturating_sub(others.cpus);
    if cpus.required > free {
        return Err(CompositionError::above_free_cpus(&chunk.compute_id, cpus.required, free));
    }
    size_fits(chunk, "memory", ram.required, quota.ram.total_size().saturating_sub(others.ram))?;
    size_fits(chunk, "storage", storage.required, quota.storage.total_size().saturating_sub(others.storage))
}

fn size_fits(
    chunk: &ComputeChunk,
    what: &'static str,
    asked: Size,
    free: Size,
) -> Result<(), CompositionError> {
    match asked > free {
        true => Err(CompositionError::above_free(&chunk.compute_id, what, asked, free)),
        false => Ok(()),
    }
}
