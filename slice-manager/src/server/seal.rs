//! Secrets: taken out of what clients send, sealed for the store, never in an answer or a log.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, AeadCore as _, KeyInit as _, OsRng};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use serde_json::{Map, Value};

use crate::api::Resource;

/// Bytes of the nonce in front of a sealed secret.
const NONCE: usize = 12;
/// Bytes of the key.
const KEY: usize = 32;

/// Members with these words in their names hold secrets.
const WORDS: [&str; 6] = ["password", "passwd", "secret", "token", "kubeconfig", "private_key"];

/// The secrets of a resource, by name.
pub type Secrets = BTreeMap<String, Value>;

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key's file cannot be used.
    #[error("Cannot use the key {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Others may read the key.
    #[error("Others may read the key {}: chmod 600 it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file is no key.
    #[error("The key {} has {len} bytes and not {KEY}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// A sealed secret is damaged, or was sealed with another key.
    #[error("A secret cannot be opened with this key")]
    Damaged,
}

/// Seals and opens.
pub struct Seal(ChaCha20Poly1305);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// With the key of a file, which is made if it is not there.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(path: &Path) -> Result<Self, SealError> {
        let failed = |source| SealError::File { path: path.into(), source };
        let bytes = match fs::File::open(path) {
            Ok(mut file) => {
                if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
                    return Err(SealError::Open { path: path.into() });
                }
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(failed)?;
                bytes
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        match bytes.len() {
            KEY => Ok(Self(ChaCha20Poly1305::new(Key::from_slice(&bytes)))),
            len => Err(SealError::Length { path: path.into(), len }),
        }
    }

    /// Secrets as they are stored; nothing if there are none.
    pub fn seal(&self, secrets: &Secrets) -> Option<Vec<u8>> {
        if secrets.is_empty() {
            return None;
        }
        let text = serde_json::to_vec(secrets).ok()?;
        let nonce = ChaCha20Poly1305::generate_nonce(&mut OsRng);
        let sealed = self.0.encrypt(&nonce, text.as_slice()).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Self::seal`] sealed.
    ///
    /// # Errors
    /// Another key, or a damaged secret.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Secrets, SealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE).ok_or(SealError::Damaged)?;
        let text = self.0.decrypt(Nonce::from_slice(nonce), text).map_err(|_| SealError::Damaged)?;
        serde_json::from_slice(&text).map_err(|_| SealError::Damaged)
    }
}

/// A new key in a file that only its owner reads. It is whole before it has its name.
fn make_key(path: &Path) -> io::Result<Vec<u8>> {
    let key = ChaCha20Poly1305::generate_key(&mut OsRng).to_vec();
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(key)
}

/// Takes the secrets out of a resource.
pub fn take_secrets(resource: &mut Resource) -> Secrets {
    let mut secrets = Secrets::new();
    match resource {
        Resource::ComputeChunk(chunk) => {
            if let Some(password) = chunk.password.take() {
                secrets.insert("password".into(), password.into());
            }
        }
        Resource::Compute(compute) => take_members(&mut compute.compute_data.access, "", &mut secrets),
        Resource::RanInfrastructure(ran) => {
            if let Value::Object(members) = &mut ran.ran_infrastructure_data {
                take_members(members, "", &mut secrets);
            }
        }
        Resource::User(_)
        | Resource::PhysicalNetwork(_)
        | Resource::NetworkChunk(_)
        | Resource::RadioChunk(_)
        | Resource::RadioService(_)
        | Resource::Slice(_)
        | Resource::NetworkService(_)
        | Resource::NetworkServiceInstance(_) => {}
    }
    secrets
}

/// Secrets inside of inner objects are named by their path.
fn take_members(members: &mut Map<String, Value>, path: &str, secrets: &mut Secrets) {
    let is_secret = |name: &str| WORDS.iter().any(|word| name.to_lowercase().contains(word));
    let names: Vec<String> = members.keys().filter(|name| is_secret(name)).cloned().collect();
    for name in names {
        if let Some(value) = members.remove(&name) {
            secrets.insert(format!("{path}{name}"), value);
        }
    }
    for (name, value) in members.iter_mut() {
        if let Value::Object(inner) = value {
            take_members(inner, &format!("{path}{name}."), secrets);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Kind;

    #[test]
    fn what_was_sealed_is_opened_with_the_same_key_and_with_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(&dir.path().join("key")).unwrap();
        let secrets = Secrets::from([("password".into(), json!("hunter2"))]);
        let sealed = seal.seal(&secrets).unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(Seal::open(&dir.path().join("key")).unwrap().unseal(&sealed).unwrap(), secrets);
        let other = Seal::open(&dir.path().join("other")).unwrap();
        assert!(matches!(other.unseal(&sealed), Err(SealError::Damaged)));
        assert!(matches!(seal.unseal(&sealed[..5]), Err(SealError::Damaged)));
    }

    #[test]
    fn a_key_that_others_may_read_and_one_of_another_length_are_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, [0; 31]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Seal::open(&path), Err(SealError::Open { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Seal::open(&path), Err(SealError::Length { len: 31, .. })));
    }

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        let json = json!({"name": "c", "user_id": "u", "compute_type": "kubernetes", "compute_data": {
            "quota": {"cpus": {"total": 8}, "ram": {"total": 1}},
            "address": "a", "auth": {"Kubeconfig": "k", "deep": {"access_token": [1]}}, "password": "p"}});
        let mut compute = Resource::from_json(Kind::Compute, &json.to_string()).unwrap();
        let secrets = take_secrets(&mut compute);
        let names: Vec<&String> = secrets.keys().collect();
        assert_eq!(names, ["auth.Kubeconfig", "auth.deep.access_token", "password"]);
        let left = serde_json::to_string(&compute).unwrap();
        assert!(
            left.contains("address") && !left.contains("Kubeconfig") && !left.contains("token"),
            "{left}"
        );
    }
}
