//! Quotas of compute chunks, and the chunks of slices.

use axum::extract::Path;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::Asked;
use crate::api::{ChunkIds, CpuQuota, Id, RamQuota, StorageQuota};
use crate::compose::Quota;
use crate::server::Failure;
use crate::server::engine::{Answer, Ask};

/// Most chunks that one request adds or takes away.
const CHUNKS: usize = 1_000;

/// Body of a quota.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CpusBody {
    cpus: CpuQuota,
}

/// Body of a quota.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RamBody {
    ram: RamQuota,
}

/// Body of a quota.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StorageBody {
    storage: StorageQuota,
}

/// `PUT /compute_chunk/{id}/cpus|ram|storage`.
pub(super) async fn resize(Path((id, what)): Path<(String, String)>, asked: Asked) -> Response {
    let quota = match what.as_str() {
        "cpus" => asked.read::<CpusBody>().map(|body| Quota::Cpus(body.cpus.required)),
        "ram" => asked.read::<RamBody>().map(|body| Quota::Ram(body.ram.required)),
        "storage" => asked.read::<StorageBody>().map(|body| Quota::Storage(body.storage.required)),
        _ => Err(Failure::UnknownPath { path: format!("quota {what} of a compute chunk") }),
    };
    asked.answer(match quota {
        Ok(quota) => asked.change(Ask::Resize(Id::new(id), quota)).await,
        Err(failure) => Err(failure),
    })
}

/// `PUT /slic3/{id}/add_chunks|del_chunks`.
pub(super) async fn recompose(Path((id, verb)): Path<(String, String)>, asked: Asked) -> Response {
    asked.answer(recomposed(&asked, Id::new(id), &verb).await)
}

async fn recomposed(asked: &Asked, slice: Id, verb: &str) -> Result<Answer, Failure> {
    let ask = match verb {
        "add_chunks" => Ask::AddChunks,
        "del_chunks" => Ask::DelChunks,
        _ => return Err(Failure::UnknownPath { path: format!("{verb} of a slice") }),
    };
    let chunk_ids = asked.read::<ChunkIds>()?.chunk_ids;
    match chunk_ids.len() {
        1..=CHUNKS => asked.change(ask(slice, chunk_ids)).await,
        _ => Err(Failure::malformed(format!("In chunk_ids: 1 to {CHUNKS} chunks at a time"))),
    }
}
