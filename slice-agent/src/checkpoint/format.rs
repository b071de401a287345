//! Content to bytes and back: safetensors, with one entry of metadata of ours.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Checkpoint, CheckpointError, Kind, Tensor};

/// The entry of the header's metadata that is ours.
const ENTRY: &str = "aivirt";
/// The version that is written, and the latest that is read.
const VERSION: u32 = 1;
/// What is metadata in a file of another program.
const FOREIGN: &str = "foreign";

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    kind: Kind,
    /// SHA-256 of everything else.
    seal: String,
    #[serde(default)]
    metadata: BTreeMap<String, Value>,
}

impl Checkpoint {
    /// As the bytes of a safetensors file; equal content gives equal bytes.
    ///
    /// # Errors
    /// A description cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let metadata = self.metadata.clone();
        let header = Header { version: VERSION, kind: self.kind, seal: self.seal()?, metadata };
        let entry = HashMap::from([(ENTRY.to_owned(), serde_json::to_string(&header)?)]);
        safetensors::serialize(&self.tensors, Some(entry)).map_err(CheckpointError::NotSafetensors)
    }

    /// Reads the bytes of a safetensors file. One without a header of ours counts as weights.
    ///
    /// # Errors
    /// The bytes are cut off, damaged, or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(CheckpointError::NotSafetensors)?;
        let file = SafeTensors::deserialize(bytes).map_err(CheckpointError::NotSafetensors)?;
        let tensors = file.iter().map(|(name, view)| Ok((name.to_owned(), tensor(name, &view)?)));
        let tensors = tensors.collect::<Result<_, CheckpointError>>()?;
        let foreign = header.metadata().clone().unwrap_or_default();
        let Some(entry) = foreign.get(ENTRY) else {
            let metadata = BTreeMap::from([(FOREIGN.to_owned(), serde_json::to_value(&foreign)?)]);
            return Ok(Checkpoint { kind: Kind::Weights, metadata, tensors });
        };
        sealed(entry, tensors)
    }

    /// A digest of kind, descriptions and tensors with their names.
    fn seal(&self) -> Result<String, CheckpointError> {
        let mut digest = Sha256::new();
        digest.update(self.kind.name());
        digest.update(serde_json::to_vec(&self.metadata)?);
        for (name, tensor) in &self.tensors {
            digest.update(format!("{name:?} {}\n", tensor.outline()));
            digest.update(&tensor.bytes);
        }
        let hex = digest.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(hex)
    }
}

/// The checkpoint of a header of ours, if its seal holds.
fn sealed(entry: &str, tensors: BTreeMap<String, Tensor>) -> Result<Checkpoint, CheckpointError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_str(entry)?;
    if version > VERSION {
        return Err(CheckpointError::LaterVersion { found: version, known: VERSION });
    }
    let header: Header = serde_json::from_str(entry)?;
    let checkpoint = Checkpoint { kind: header.kind, metadata: header.metadata, tensors };
    if checkpoint.seal()? == header.seal { Ok(checkpoint) } else { Err(CheckpointError::BrokenSeal) }
}

fn tensor(name: &str, view: &safetensors::tensor::TensorView<'_>) -> Result<Tensor, CheckpointError> {
    let dtype = view.dtype();
    if ![Dtype::F32, Dtype::F64, Dtype::U8, Dtype::U32, Dtype::U64].contains(&dtype) {
        return Err(CheckpointError::UnknownType { name: name.to_owned(), dtype: dtype.to_string() });
    }
    Ok(Tensor { dtype, shape: view.shape().to_vec(), bytes: view.data().to_vec() })
}
