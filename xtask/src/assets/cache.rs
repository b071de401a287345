//! The cache directory: one folder per thing and key, made whole or not at all.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::{Serialize, de::DeserializeOwned};

use crate::apt::is_younger;

/// For this long a resolved version is used without asking the archive again.
const RESOLVED_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The cache, locked against other processes for as long as this value lives.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    _lock: File,
}

/// `$AIVIRT_CACHE`, else `$XDG_CACHE_HOME/aivirt`, else `~/.cache/aivirt`.
///
/// # Errors
/// None of the three variables is set.
pub fn directory() -> Result<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = variable("AIVIRT_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("aivirt")))
        .or_else(|| Some(variable("HOME")?.join(".cache/aivirt")))
        .ok_or_else(|| anyhow!("No place for a cache: set AIVIRT_CACHE, XDG_CACHE_HOME or HOME"))?;
    std::path::absolute(dir).context("The cache directory has no absolute path")
}

impl Cache {
    /// Opens the user's cache, waiting until no other process holds it.
    ///
    /// # Errors
    /// The directory cannot be made or locked.
    pub fn open() -> Result<Cache> {
        Cache::open_at(&directory()?)
    }

    fn open_at(root: &Path) -> Result<Cache> {
        fs::create_dir_all(root).with_context(|| format!("Cannot create the cache {}", root.display()))?;
        let lock = File::create(root.join("lock")).context("Cannot create the cache's lock")?;
        lock.lock().with_context(|| format!("Cannot lock the cache {}", root.display()))?;
        Ok(Cache { root: root.to_path_buf(), _lock: lock })
    }

    /// Where apt's private lists are.
    pub fn apt(&self) -> PathBuf {
        self.root.join("apt")
    }

    /// The folder of `name` for `key`; `fill` makes its content when it is not there yet.
    ///
    /// # Errors
    /// `fill` fails; then nothing of it stays.
    pub fn entry(&self, name: &str, key: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let dir = self.root.join(name).join(file_name(key));
        if dir.is_dir() {
            return Ok(dir);
        }
        fs::create_dir_all(self.root.join(name))?;
        let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(&self.root)?;
        let content = unfinished.path().join("content");
        fs::create_dir(&content)?;
        fill(&content)?;
        fs::rename(&content, &dir).with_context(|| format!("Cannot create {}", dir.display()))?;
        Ok(dir)
    }

    /// The answer that `resolve` gave within the last days under this name, or a new one.
    ///
    /// When `resolve` fails, an older answer is used with a warning: a machine that is offline goes on working.
    ///
    /// # Errors
    /// `resolve` fails and there is no older answer.
    pub fn resolved<T>(&self, name: &str, resolve: impl FnOnce() -> Result<T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        let file = self.resolved_file(name);
        let known = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
        match known {
            Some(value) if is_younger(&file, RESOLVED_MAX_AGE) => Ok(value),
            known => match (resolve(), known) {
                (Ok(value), _) => self.remember(&file, value),
                (Err(error), Some(value)) => {
                    eprintln!("warning: {name} stays as it was: {error:#}");
                    Ok(value)
                }
                (Err(error), None) => Err(error),
            },
        }
    }

    /// Forgets the answer, so that the next [`Cache::resolved`] asks again.
    pub fn forget(&self, name: &str) {
        // A file that is not there is forgotten already.
        let _ = fs::remove_file(self.resolved_file(name));
    }

    fn resolved_file(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.json"))
    }

    fn remember<T: Serialize>(&self, file: &Path, value: T) -> Result<T> {
        let text = serde_json::to_string_pretty(&value)?;
        fs::write(file, text).with_context(|| format!("Cannot write {}", file.display()))?;
        Ok(value)
    }
}

/// A key (versions with colons and tildes) as the name of a folder that make and shells accept.
fn file_name(key: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '-' };
    key.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_fill_leaves_nothing_and_a_good_one_runs_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open_at(dir.path()).unwrap();
        let broken = cache.entry("kernel", "1:2~3", |content| {
            fs::write(content.join("half"), "")?;
            bail!("network")
        });
        assert!(broken.is_err());
        assert!(!dir.path().join("kernel/1-2-3").exists());
        let made =
            cache.entry("kernel", "1:2~3", |content| Ok(fs::write(content.join("whole"), "")?)).unwrap();
        assert!(made.join("whole").is_file());
        assert_eq!(cache.entry("kernel", "1:2~3", |_| bail!("not again")).unwrap(), made);
    }

    #[test]
    fn an_answer_is_kept_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open_at(dir.path()).unwrap();
        assert_eq!(cache.resolved("v", || Ok("1".to_owned())).unwrap(), "1");
        assert_eq!(cache.resolved("v", || Ok("2".to_owned())).unwrap(), "1");
        cache.forget("v");
        assert_eq!(cache.resolved("v", || Ok("3".to_owned())).unwrap(), "3");
        cache.forget("v");
        assert!(cache.resolved::<String>("v", || bail!("offline")).is_err());
    }
}
