//! cargo run --example `device_suite` --features testing -- /boot/vmlinuz [INITRD]
//!
//! Runs the behaviour suite on `/dev/vmanager` with a real kernel: in the management partition of a board without
//! partitions, as root. Prints a line for each test; the exit code tells whether all of them hold.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use vman_core::device::suite::{Guest, Images, OwnedImage, Verdict, all};
use vman_core::device::{CharDevice, HostInfo, PartitionInfo};
use vman_core::fdt::{BoardTree, PartitionTree};
use vman_core::id::PhysAddr;
use vman_core::image::{KernelImage, layout};

/// Needs a guest that prompts for input.
const NOT_HERE: (&str, &str) = ("typing_is_echoed", "the guest has no prompt");

type Failure = Box<dyn std::error::Error>;

/// A real kernel, which boots and prints. It cannot be told to crash on purpose.
struct RealImages {
    kernel: Vec<u8>,
    initrd: Vec<u8>,
}

impl Images for RealImages {
    fn image(&self, host: &HostInfo, partition: &PartitionInfo, guest: Guest) -> Option<OwnedImage> {
        if guest != Guest::Boot {
            return None;
        }
        self.boot(host, partition).map_err(|error| eprintln!("{error}")).ok()
    }
}

impl RealImages {
    fn boot(&self, host: &HostInfo, partition: &PartitionInfo) -> Result<OwnedImage, Failure> {
        let header = KernelImage::parse(&self.kernel)?;
        let initrd_len = u64::try_from(self.initrd.len())?;
        let places = |tree_len| layout(partition.memory, &header, initrd_len, tree_len);
        let own = host.cpus.iter().filter(|cpu| partition.cpus.contains(cpu.id));
        let cpus: Vec<_> = own.map(|cpu| (cpu.id, cpu.mpidr)).collect();
        let tree = PartitionTree {
            cpus: &cpus,
            memory: partition.memory,
            command_line: Some("earlycon panic=-1"),
            initrd: places(1)?.initrd,
            console_interrupt: None,
            entropy: None,
            links: &[],
        };
        let tree = tree.build(&BoardTree::parse(&host.device_tree)?)?;
        let places = places(u64::try_from(tree.len())?)?;
        let offset = |address: PhysAddr| address.0 - partition.memory.base().0;
        let (entry, device_tree) = (offset(places.entry()), offset(places.device_tree.base()));
        let mut segments = vec![(entry, self.kernel.clone()), (device_tree, tree)];
        if let Some(initrd) = places.initrd {
            segments.push((offset(initrd.base()), self.initrd.clone()));
        }
        Ok(OwnedImage { segments, entry, device_tree })
    }
}

fn run() -> Result<bool, Failure> {
    let mut files = std::env::args_os().skip(1);
    let kernel = fs::read(files.next().ok_or("Usage: device_suite KERNEL [INITRD]")?)?;
    let initrd = files.next().map(fs::read).transpose()?.unwrap_or_default();
    let images = RealImages { kernel, initrd };
    let device = CharDevice::open("/dev/vmanager")?;
    let mut sound = true;
    for (name, test) in all::<CharDevice, RealImages>() {
        if name == NOT_HERE.0 {
            println!("T {name} skipped: {}", NOT_HERE.1);
            continue;
        }
        match catch_unwind(AssertUnwindSafe(|| test(&device, &images))) {
            Ok(Verdict::Passed) => println!("T {name} ok"),
            Ok(Verdict::Skipped(reason)) => println!("T {name} skipped: {reason}"),
            Err(_) => {
                println!("T {name} fail");
                sound = false;
            }
        }
    }
    Ok(sound)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("device_suite: {error}");
            ExitCode::FAILURE
        }
    }
}
