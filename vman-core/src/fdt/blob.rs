//! From an untrusted blob to a tree and back.

use alloc::vec;
use alloc::vec::Vec;

use dtoolkit::Node;
use dtoolkit::fdt::Fdt;
use dtoolkit::model::DeviceTree;

use super::FdtError;
use crate::id::ByteSize;
use crate::image::DEVICE_TREE_MAX;

/// Levels of nodes that a tree may have, as in Linux: conversions recurse, and a blob could have 100,000.
pub const MAX_DEPTH: usize = 64;

const MAGIC: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];
const HEADER_LEN: usize = 40;
const TOTALSIZE: core::ops::Range<usize> = 4..8;

/// Reads a blob; what follows behind its `totalsize` is ignored.
pub(super) fn parse(blob: &[u8]) -> Result<DeviceTree, FdtError> {
    let fdt = Fdt::new(trim(blob)?).map_err(FdtError::Malformed)?;
    check_depth(fdt)?;
    Ok(DeviceTree::from_fdt(&fdt))
}

/// Writes a tree, if it is small enough.
pub(super) fn write(tree: &DeviceTree) -> Result<Vec<u8>, FdtError> {
    let blob = tree.to_dtb();
    check_len(size(&blob))?;
    Ok(blob)
}

fn trim(blob: &[u8]) -> Result<&[u8], FdtError> {
    let has = size(blob);
    let header = blob.first_chunk::<HEADER_LEN>().ok_or(FdtError::TooShort { len: has })?;
    let [a, b, c, d, ..] = *header;
    if [a, b, c, d] != MAGIC {
        return Err(FdtError::Magic { found: [a, b, c, d] });
    }
    let claims = header[TOTALSIZE].iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    check_len(ByteSize(claims))?;
    let len = usize::try_from(claims).ok().filter(|len| *len <= blob.len());
    len.map(|len| &blob[..len]).ok_or(FdtError::Truncated { claims: ByteSize(claims), has })
}

fn size(blob: &[u8]) -> ByteSize {
    ByteSize(u64::try_from(blob.len()).unwrap_or(u64::MAX))
}

fn check_len(len: ByteSize) -> Result<(), FdtError> {
    if len > DEVICE_TREE_MAX { Err(FdtError::TooLarge { len }) } else { Ok(()) }
}

fn check_depth(fdt: Fdt<'_>) -> Result<(), FdtError> {
    let mut levels = vec![fdt.root().children()];
    while let Some(level) = levels.last_mut() {
        match level.next() {
            Some(_) if levels.len() == MAX_DEPTH => return Err(FdtError::TooDeep),
            Some(child) => levels.push(child.children()),
            None => {
                levels.pop();
            }
        }
    }
    Ok(())
}
