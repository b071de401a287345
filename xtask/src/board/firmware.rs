//! The two images of the firmware.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::directory;
use crate::assets::{self, FIRMWARE_TARGET};
use crate::{process, workspace};

/// Both images together must stay below this: small enough to be read by a person.
const SIZE_LIMIT: u64 = 64 << 10;

/// Raw images, as they lie in flash and in memory.
#[derive(Debug, Clone)]
pub struct Firmware {
    /// The EL3 monitor.
    pub el3: PathBuf,
    /// The EL2 layer.
    pub el2: PathBuf,
}

/// Builds both images and prints their sizes.
///
/// # Errors
/// No toolchain, a build that fails, or images that are too large.
pub(super) fn build() -> Result<Firmware> {
    let rust = assets::rust_aarch64()?;
    let manifest = workspace::root().join("firmware/qemu-virt/Cargo.toml");
    let mut cargo = rust.build_firmware();
    cargo.arg("--quiet").arg("--release").arg("--locked").arg("--manifest-path").arg(&manifest);
    process::run(&mut cargo)?;
    let built = assets::target_dir().join(FIRMWARE_TARGET).join("release");
    let firmware = Firmware { el3: raw(&built, "el3")?, el2: raw(&built, "el2")? };
    check_sizes(&firmware)?;
    Ok(firmware)
}

/// The image without symbols and headers.
fn raw(built: &Path, name: &str) -> Result<PathBuf> {
    let image = directory()?.join(format!("{name}.bin"));
    let mut objcopy = Command::new("aarch64-linux-gnu-objcopy");
    objcopy.args(["-O", "binary"]).arg(built.join(name)).arg(&image);
    process::read(&mut objcopy)?;
    Ok(image)
}

fn check_sizes(firmware: &Firmware) -> Result<()> {
    let size =
        |path: &Path| fs::metadata(path).map(|file| file.len()).with_context(|| path.display().to_string());
    let (el3, el2) = (size(&firmware.el3)?, size(&firmware.el2)?);
    println!("firmware: EL3 {el3} bytes, EL2 {el2} bytes, together {} of at most {SIZE_LIMIT}", el3 + el2);
    if el3 + el2 > SIZE_LIMIT {
        bail!("The firmware images are larger than {SIZE_LIMIT} bytes");
    }
    Ok(())
}
