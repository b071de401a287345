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

/// How the firmware is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// As it is shipped.
    Shipped,
    /// A partition can turn single protections off: for positive controls.
    Weakened,
}

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
pub(super) fn build(variant: Variant) -> Result<Firmware> {
    let mut cargo = cargo("vman-firmware-qemu-virt")?;
    if variant == Variant::Weakened {
        cargo.args(["--features", "weaken"]);
    }
    process::run(&mut cargo)?;
    let suffix = if variant == Variant::Weakened { "-weakened" } else { "" };
    let raw = |name: &str| raw(name, &format!("{name}{suffix}"));
    let firmware = Firmware { el3: raw("el3")?, el2: raw("el2")? };
    if variant == Variant::Shipped {
        check_sizes(&firmware)?;
    }
    Ok(firmware)
}

/// Builds the payloads, kernels of ours for partitions, and says where they are: the hostile one, the critical one.
///
/// # Errors
/// As [`build`].
pub(super) fn payloads() -> Result<[PathBuf; 2]> {
    process::run(&mut cargo("vman-payload")?)?;
    Ok([raw("hostile", "hostile")?, raw("critical", "critical")?])
}

fn cargo(package: &str) -> Result<Command> {
    let manifest = workspace::root().join("firmware/qemu-virt/Cargo.toml");
    let mut cargo = assets::rust_aarch64()?.build_firmware();
    cargo.args(["--quiet", "--release", "--locked", "--package", package, "--manifest-path"]).arg(&manifest);
    Ok(cargo)
}

/// The image without symbols and headers.
fn raw(name: &str, output: &str) -> Result<PathBuf> {
    let built = assets::target_dir().join(FIRMWARE_TARGET).join("release");
    let image = directory()?.join(format!("{output}.bin"));
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
