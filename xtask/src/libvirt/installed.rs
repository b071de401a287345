//! The libvirt of this machine: the driver is built for exactly this version.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::apt::source_package::upstream;
use crate::process;

/// The installed library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libvirt {
    /// Version of the source package, as `9.0.0-4+deb12u2`.
    pub source_version: String,
    /// Folder of `libvirt.so.0`.
    pub libdir: PathBuf,
    /// Name of the architecture in such folders, as `x86_64-linux-gnu`.
    pub multiarch: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
}

impl Libvirt {
    /// Asks dpkg.
    ///
    /// # Errors
    /// libvirt is not installed from a package, or there is no dpkg.
    pub fn find() -> Result<Libvirt> {
        let query = ["-W", "-f", "${source:Version} ${Architecture}", "libvirt0"];
        let text = process::read(Command::new("dpkg-query").args(query)).context(
            "The driver is built for the installed libvirt, and there is no package libvirt0 here",
        )?;
        let (version, architecture) =
            text.trim().split_once(' ').ok_or_else(|| anyhow!("dpkg-query answered `{text}`"))?;
        let multiarch = process::read(Command::new("gcc").arg("-print-multiarch"))?.trim().to_owned();
        Ok(Libvirt {
            source_version: version.to_owned(),
            libdir: Path::new("/usr/lib").join(&multiarch),
            multiarch,
            architecture: architecture.to_owned(),
        })
    }

    /// The version as libvirt's own project counts.
    pub fn version(&self) -> &str {
        upstream(&self.source_version)
    }

    /// The end of the library's file name for this version: `0.9000.0` of 9.0.0.
    ///
    /// # Errors
    /// The version is not of three numbers.
    pub fn soname_version(&self) -> Result<String> {
        let [major, minor, micro] = self.numbers()?;
        Ok(format!("0.{}.{micro}", 1000 * major + minor))
    }

    /// The first version that is surely another one: 9.0.1 after 9.0.0.
    ///
    /// # Errors
    /// The version is not of three numbers.
    pub fn next_version(&self) -> Result<String> {
        let [major, minor, micro] = self.numbers()?;
        Ok(format!("{major}.{minor}.{}", micro + 1))
    }

    fn numbers(&self) -> Result<[u32; 3]> {
        let numbers: Option<Vec<u32>> = self.version().split('.').map(|number| number.parse().ok()).collect();
        let numbers = numbers.and_then(|numbers| <[u32; 3]>::try_from(numbers).ok());
        numbers.ok_or_else(|| anyhow!("libvirt's version {} is not of the form 9.0.0", self.version()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn libvirt(version: &str) -> Libvirt {
        Libvirt {
            source_version: version.to_owned(),
            libdir: PathBuf::new(),
            multiarch: String::new(),
            architecture: String::new(),
        }
    }

    #[test]
    fn the_file_name_counts_as_libvirt_does() {
        assert_eq!(libvirt("9.0.0-4+deb12u2").soname_version().unwrap(), "0.9000.0");
        assert_eq!(libvirt("11.3.1-2").soname_version().unwrap(), "0.11003.1");
        assert!(libvirt("9.0-1").soname_version().is_err());
        assert_eq!(libvirt("9.0.0-4").next_version().unwrap(), "9.0.1");
    }
}
