//! The composition rules R1-R11 (source document, chapter 2.3) as one pure function: [`decide`] looks at the world and
//! a change, and answers with the effects of the change or with the rule that it breaks.
//!
//! | rule | says |
//! |---|---|
//! | R1 | a slice has at least one compute chunk |
//! | R2 | it has a `data-network` chunk if a compute chunk of it lies on an OpenStack compute |
//! | R3 | it has an `access-network` chunk if a cellular radio service runs on its radio chunk |
//! | R4 | it has at most one radio chunk |
//! | R5 | what somebody uses is not deleted |
//! | R6 | a slice's chunks belong to the slice's user |
//! | R7 | the compute chunk that a network chunk serves is in the same slice |
//! | R8 | a chunk is in at most one slice |
//! | R9 | taking chunks away breaks none of R1-R3 and R7 |
//! | R10 | a quota is neither below what is in use nor above what is free |
//! | R11 | adding a chunk that is there, or taking away one that is not, changes nothing |

mod change;
mod create;
mod delete;
mod error;
mod quota;
mod slice;
mod world;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use change::{Change, Effect, Quota, Usage};
pub use error::CompositionError;
pub use world::World;

/// What `change` does to `world`: the effects in the order in which they are to be carried out, none if there is
/// nothing to do.
///
/// # Errors
/// The rule that the change breaks. The world is as it was.
pub fn decide(world: &World, change: &Change) -> Result<Vec<Effect>, CompositionError> {
    match change {
        Change::Create(resource) => create::decide(world, resource),
        Change::Replace(resource) => create::replace(world, resource),
        Change::Delete(kind, id) => delete::decide(world, *kind, id),
        Change::AddChunks { slice, chunk_ids } => slice::add(world, slice, chunk_ids),
        Change::DelChunks { slice, chunk_ids } => slice::remove(world, slice, chunk_ids),
        Change::Resize { chunk, quota, usage } => quota::resize(world, chunk, *quota, *usage),
    }
}
