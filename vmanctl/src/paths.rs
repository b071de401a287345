//! Which file an argument of `deploy` means.

use std::path::{Component, Path};

use vman_core::client::IMAGE_PREFIX;

/// A file of `deploy`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is in vmand's store, or vmand looks for it in its own directories.
    Theirs(String),
    /// It is a file of this machine, by this absolute path.
    Ours(String),
}

/// A path that exists here means that file; another one is left to vmand, which knows its image directories.
pub(crate) fn place(argument: &str) -> Place {
    if argument.starts_with(IMAGE_PREFIX) {
        return Place::Theirs(argument.into());
    }
    let path = Path::new(argument);
    if path.is_absolute() && !path.components().any(|part| part == Component::ParentDir) && path.exists() {
        return Place::Ours(argument.into());
    }
    match path.canonicalize().map(|path| path.into_os_string().into_string()) {
        Ok(Ok(absolute)) => Place::Ours(absolute),
        Ok(Err(_)) | Err(_) => Place::Theirs(argument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_path_that_exists_becomes_absolute() {
        let Place::Ours(path) = place("Cargo.toml") else { panic!("not found") };
        assert_eq!(Path::new(&path), std::env::current_dir().unwrap().join("Cargo.toml"));
    }

    #[test]
    fn parent_directories_are_resolved_here() {
        let Place::Ours(path) = place(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")) else {
            panic!("not found")
        };
        assert!(!path.contains(".."), "{path}");
    }

    #[test]
    fn absolute_path_stays_as_written_even_through_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("vmlinuz");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        let link = link.to_str().unwrap();
        assert_eq!(place(link), Place::Ours(link.into()));
    }

    #[test]
    fn images_and_what_is_not_here_are_left_to_vmand() {
        for argument in ["image:sha256:00", "no-such-kernel", "/no/such/kernel", ""] {
            assert_eq!(place(argument), Place::Theirs(argument.into()));
        }
    }
}
