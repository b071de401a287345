//! Which files a peer may deploy: paths of this machine, and uploaded images.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use vman_core::client::IMAGE_PREFIX;
use vman_core::id::ByteSize;
use vman_core::manager::{FileError, FileSource, check_path, open_options, read_regular, shortened};

use crate::config::Config;
use crate::store::ImageStore;

/// What every peer shares: directories, limits, store.
#[derive(Debug)]
pub struct Files {
    directories: Vec<PathBuf>,
    limit: ByteSize,
    store: Option<Arc<ImageStore>>,
}

impl Files {
    /// Files as configured.
    pub fn new(config: &Config, store: Option<Arc<ImageStore>>) -> Self {
        Self { directories: config.image_dirs.clone(), limit: config.limits.file(), store }
    }

    /// What a peer may read: root everything, others what lies beneath the directories.
    pub const fn of(&self, root: bool) -> PeerFiles<'_> {
        PeerFiles { files: self, root }
    }

    fn image(&self, digest: &str, limit: ByteSize) -> Result<Vec<u8>, FileError> {
        match &self.store {
            Some(store) => store.read(digest, limit),
            None => Err(FileError::NoImage(shortened(digest))),
        }
    }

    /// A relative path means the first directory that has it.
    fn open_relative(&self, path: &Path, root: bool) -> Result<(File, PathBuf), FileError> {
        let mut missing = io::Error::from(io::ErrorKind::NotFound);
        for directory in &self.directories {
            let full = directory.join(path);
            let opened = if root { open_options().open(&full) } else { open_beneath(directory, path) };
            match opened {
                Ok(file) => return Ok((file, full)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing = error,
                Err(error) => return Err(refusal(full, error)),
            }
        }
        Err(FileError::Io { path: path.into(), source: missing })
    }

    /// An absolute path of a peer that is not root.
    fn open_confined(&self, path: &Path) -> Result<File, FileError> {
        let inside =
            |directory: &PathBuf| path.strip_prefix(directory).ok().map(|rest| (directory.clone(), rest));
        let Some((directory, rest)) = self.directories.iter().find_map(inside) else {
            return Err(forbidden(path, format!("lies outside image_dirs ({})", self.listed())));
        };
        open_beneath(&directory, rest).map_err(|error| refusal(path.into(), error))
    }

    fn listed(&self) -> String {
        let names: Vec<_> =
            self.directories.iter().map(|directory| directory.display().to_string()).collect();
        if names.is_empty() { "none is configured".into() } else { names.join(", ") }
    }
}

/// What one peer may read.
#[derive(Debug, Clone, Copy)]
pub struct PeerFiles<'a> {
    files: &'a Files,
    root: bool,
}

impl FileSource for PeerFiles<'_> {
    fn read(&self, reference: &str, limit: ByteSize) -> Result<Vec<u8>, FileError> {
        let limit = limit.min(self.files.limit);
        if let Some(digest) = reference.strip_prefix(IMAGE_PREFIX) {
            return self.files.image(digest, limit);
        }
        let path = check_path(reference)?;
        if path.is_relative() {
            let (file, full) = self.files.open_relative(path, self.root)?;
            return read_regular(file, &full, limit);
        }
        let file = match self.root {
            true => {
                open_options().open(path).map_err(|source| FileError::Io { path: path.into(), source })?
            }
            false => self.files.open_confined(path)?,
        };
        read_regular(file, path, limit)
    }
}

/// The kernel walks the path and refuses to leave the directory or to follow any link.
fn open_beneath(directory: &Path, path: &Path) -> io::Result<File> {
    let directory = File::open(directory)?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    Ok(File::from(openat2(directory.as_fd(), path, how)?))
}

fn refusal(path: PathBuf, source: io::Error) -> FileError {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP) => {
            forbidden(&path, "goes through a symbolic link, which only root may use".into())
        }
        Some(Errno::EXDEV) => forbidden(&path, "leaves its image directory".into()),
        _ => FileError::Io { path, source },
    }
}

fn forbidden(path: &Path, rule: String) -> FileError {
    FileError::Forbidden { reference: shortened(&path.to_string_lossy()), rule }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use vman_core::ErrorKind;

    const LIMIT: ByteSize = ByteSize(1 << 20);

    struct Place {
        directory: tempfile::TempDir,
        files: Files,
    }

    impl Place {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let images = directory.path().join("boot");
            std::fs::create_dir_all(images.join("sub")).unwrap();
            std::fs::write(images.join("kernel"), "inside").unwrap();
            std::fs::write(images.join("sub/kernel"), "deeper").unwrap();
            std::fs::write(directory.path().join("secret"), "outside").unwrap();
            symlink(directory.path().join("secret"), images.join("out")).unwrap();
            symlink("kernel", images.join("vmlinuz")).unwrap();
            let config = Config { image_dirs: vec![images], ..Config::default() };
            Self { files: Files::new(&config, None), directory }
        }

        fn path(&self, name: &str) -> String {
            self.directory.path().join(name).to_str().unwrap().to_owned()
        }

        fn observed(&self, root: bool, reference: &str) -> Result<Vec<u8>, FileError> {
            self.files.of(root).read(reference, LIMIT)
        }
    }

    #[test]
    fn files_beneath_an_image_directory_are_read() {
        let place = Place::new();
        for root in [true, false] {
            assert_eq!(place.observed(root, "kernel").unwrap(), b"inside");
            assert_eq!(place.observed(root, "sub/kernel").unwrap(), b"deeper");
            assert_eq!(place.observed(root, &place.path("boot/sub/kernel")).unwrap(), b"deeper");
        }
    }

    #[test]
    fn others_are_confined_and_each_refusal_names_its_rule() {
        let place = Place::new();
        let cases = [
            (place.path("secret"), "lies outside image_dirs"),
            (place.path("boot/out"), "symbolic link"),
            ("out".into(), "symbolic link"),
            ("vmlinuz".into(), "symbolic link"),
            ("../secret".into(), "`..`"),
            (place.path("boot/../secret"), "`..`"),
            ("sub".into(), "no regular file"),
            (place.path("boot"), "cannot be read"),
        ];
        for (reference, rule) in cases {
            let error = place.observed(false, &reference).unwrap_err();
            assert!(error.to_string().contains(rule), "{reference}: {error}");
        }
    }

    #[test]
    fn root_may_use_links_and_any_directory() {
        let place = Place::new();
        assert_eq!(place.observed(true, "vmlinuz").unwrap(), b"inside");
        assert_eq!(place.observed(true, &place.path("secret")).unwrap(), b"outside");
    }

    #[test]
    fn missing_files_and_images_are_not_found() {
        let place = Place::new();
        for reference in ["nothing", "image:sha256:00"] {
            assert_eq!(place.observed(false, reference).unwrap_err().kind(), ErrorKind::NotFound);
        }
    }
}
