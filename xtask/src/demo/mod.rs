//! `cargo xtask demo`: the layers at work, on real input.

mod board;
pub mod daemon;
pub mod device_tree;
mod libvirt;
mod partitions;
mod reservations;
mod slices;
pub mod transcript;
pub mod vmanctl;

pub(crate) use partitions::link_with_libvman;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

/// What `demo` takes.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// What to show.
    #[arg(value_enum)]
    layer: Option<Layer>,
    /// An arm64 kernel (a raw Image) instead of Debian's.
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// For `libvirt`: an initramfs for the kernel; a board needs one.
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    /// For `libvirt`: the socket of a vmand (the board's, forwarded) instead of one on the simulated board.
    #[arg(long, value_name = "SOCKET")]
    pub vmand: Option<PathBuf>,
    /// Install missing packages without asking.
    #[arg(long)]
    pub yes: bool,
}

/// The demonstrations by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layer {
    /// The life of partitions on the simulated board, through vmanctl and through the C ABI.
    Partitions,
    /// The same on the emulated ARMv8 board, where the kernels really boot.
    Board,
    /// CPU reservations on this machine's kernel.
    Reservations,
    /// Slices that share a CPU.
    Slices,
    /// virsh and libvirt on partitions.
    Libvirt,
    /// OpenStack Nova on partitions.
    Nova,
    /// Slice agents, broker and metrics in a cluster.
    Cloud,
}

/// Shows a layer, or the short ones of all.
///
/// # Errors
/// The layer does not exist in this version, or a step of it fails.
pub fn run(args: &DemoArgs) -> Result<()> {
    match args.layer {
        None => {
            partitions::run(args)?;
            reservations::run()?;
            slices::run()
        }
        Some(Layer::Partitions) => partitions::run(args),
        Some(Layer::Reservations) => reservations::run(),
        Some(Layer::Slices) => slices::run(),
        Some(Layer::Board) => board::run(args),
        Some(Layer::Libvirt) => libvirt::run(args),
        Some(Layer::Nova | Layer::Cloud) => {
            let name = args.layer.and_then(|layer| layer.to_possible_value());
            let name = name.map(|value| value.get_name().to_owned()).unwrap_or_default();
            bail!(
                "This version has no {name} layer to show; there are: partitions, board, reservations, slices, libvirt"
            )
        }
    }
}
