//! `memsize` (GiB, as in the source document) or `memsize_mib`: one conversion.

use crate::id::ByteSize;

use super::codec::CodecError;

/// The bytes meant by the two spellings, of which exactly one is given.
pub(super) fn memory_size(gib: Option<u64>, mib: Option<u64>) -> Result<ByteSize, CodecError> {
    let refused = |rule| Err(CodecError::Arguments { path: "memsize".into(), rule });
    let size = match (gib, mib) {
        (Some(gib), None) => ByteSize::from_gib(gib),
        (None, Some(mib)) => ByteSize::from_mib(mib),
        (None, None) => return refused("needs memsize (GiB) or memsize_mib".into()),
        (Some(_), Some(_)) => return refused("memsize and memsize_mib exclude each other".into()),
    };
    match size {
        Some(ByteSize::ZERO) => refused("must not be 0".into()),
        Some(size) => Ok(size),
        None => refused("is beyond 64 bits of bytes".into()),
    }
}
