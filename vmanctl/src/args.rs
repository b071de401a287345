//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use uuid::Uuid;
use vman_core::command::ShutdownMode;

use crate::partition_ref::PartitionRef;
use crate::target::DeviceName;

const AFTER_HELP: &str = "\
Long options take one dash or two, before or after the partition: `-cores 2`, `--cores 2` and `--cores=2` are the same.

Without --socket and --device, vmanctl talks to vmand at /run/vman/vmand.sock if it answers, else to /dev/vmanager.

Exit status: 0 done, 1 output not written, 2 wrong command line; otherwise 10 + number of the error kind: \
11 InvalidArgument, 12 NotFound, 13 InvalidState, 14 NoResources, 15 Busy, 16 PermissionDenied, 17 Unsupported, \
18 Timeout, 19 Disconnected, 20 Protocol, 21 Firmware, 22 Internal, 23 AlreadyExists.";

/// Create, start and watch the partitions of an ARMv8 server.
#[derive(Debug, Parser)]
#[command(name = "vmanctl", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Socket of vmand.
    #[arg(short, long, global = true, value_name = "PATH", conflicts_with = "device")]
    pub socket: Option<PathBuf>,
    /// Go to a device without vmand: /dev/vmanager, `sim` (a simulated board that lasts as long as this command) or
    /// `sim:PATH` (a simulated board that others share).
    #[arg(long, global = true, value_name = "DEV")]
    pub device: Option<DeviceName>,
    /// Print exactly the `return` object of each reply, and errors as `{"error": {...}}` on the standard error output.
    #[arg(long, global = true)]
    pub json: bool,
    /// How long the command may take: seconds, or a number with ms, s or m.
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Whether to colour the output.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: clap::ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Create a partition; it is READY then.
    CreatePartition(Create),
    /// Load a kernel into a READY partition and start it.
    Deploy(Deploy),
    /// Give the cores and the memory of a READY partition back.
    DestroyPartition(Target),
    /// Halt a DEPLOYED partition, load its kernel again and start it.
    Reboot(Target),
    /// Halt a DEPLOYED or SUSPENDED partition; it is READY then.
    Shutdown(Shutdown),
    /// Hold the CPUs of a DEPLOYED partition with their state.
    Suspend(Target),
    /// Let the CPUs of a SUSPENDED partition go on.
    Restore(Target),
    /// List the partitions.
    #[command(visible_alias = "ls")]
    List,
    /// Show everything about one partition.
    Info(Target),
    /// Show the board: a map of cores and memory by partition.
    Host,
    /// Print events as they happen.
    Events(Events),
    /// Attach to a partition's console.
    Console(Console),
    /// Watch the partitions: states, counters, rates.
    Top(Top),
    /// Show one partition's counters.
    Stats(Target),
    /// Make memory that two READY partitions share; their device trees tell of it when they are deployed next.
    CreateLink(CreateLink),
    /// List the links between partitions.
    Links,
    /// Upload, list and delete images.
    Image {
        /// What to do.
        #[command(subcommand)]
        action: ImageAction,
    },
    /// Show the versions of vmanctl, vmand and firmware.
    Version,
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages.
    #[command(hide = true)]
    Man {
        /// Into this directory.
        directory: PathBuf,
    },
}

/// `create-partition` (source document, 3.2.1.1).
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("memory").required(true))]
pub struct Create {
    /// Number of physical cores.
    #[arg(long, value_name = "NUMBER")]
    pub cores: u32,
    /// Memory in GiB.
    #[arg(long, value_name = "GIB", group = "memory")]
    pub memsize: Option<u64>,
    /// Memory in MiB.
    #[arg(long, value_name = "MIB", group = "memory")]
    pub memsize_mib: Option<u64>,
    /// Whether the partition is critical.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value = "false", default_missing_value = "true")]
    #[arg(action = ArgAction::Set)]
    pub secure: bool,
    /// Unique name.
    #[arg(long)]
    pub name: Option<String>,
    /// Unique identity for other management systems.
    #[arg(long)]
    pub uuid: Option<Uuid>,
    /// Partition over whose cores a critical one has priority, instead of cores of its own.
    #[arg(long, value_name = "PARTITION")]
    pub shared_with: Option<PartitionRef>,
}

/// `deploy` (source document, 3.2.1.2).
#[derive(Debug, Args)]
pub struct Deploy {
    /// Uncompressed arm64 kernel image: a file or `image:sha256:HEX`.
    #[arg(long, value_name = "FILE")]
    pub kernel: String,
    /// Device tree blob; made from the board's tree when missing.
    #[arg(long, value_name = "FILE")]
    pub dtb: Option<String>,
    /// Initial RAM disk.
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<String>,
    /// Kernel command line.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub cmdline: Option<String>,
    /// Id, name or UUID of the partition.
    pub partition: PartitionRef,
}

/// The partition that a command is about.
#[derive(Debug, Args)]
pub struct Target {
    /// Id, name or UUID of the partition.
    pub partition: PartitionRef,
}

/// `create-link`.
#[derive(Debug, Args)]
pub struct CreateLink {
    /// Id, name or UUID of a partition.
    pub first: PartitionRef,
    /// Id, name or UUID of another one.
    pub second: PartitionRef,
}

/// `shutdown` (source document, 3.2.1.5).
#[derive(Debug, Args)]
pub struct Shutdown {
    /// Halt the CPUs, or ask the operating system.
    #[arg(long, default_value = "forced")]
    pub mode: Mode,
    /// Id, name or UUID of the partition.
    pub partition: PartitionRef,
}

/// How a partition is shut down.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Mode {
    /// Halt the CPUs.
    Forced,
    /// Ask the operating system; boards may not support it.
    Graceful,
}

impl From<Mode> for ShutdownMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Forced => Self::Forced,
            Mode::Graceful => Self::Graceful,
        }
    }
}

/// `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// End after so many events.
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<u64>,
}

/// `console`.
#[derive(Debug, Args)]
pub struct Console {
    /// Print what the partition has printed before, as far as it is kept, then go on.
    #[arg(long)]
    pub all: bool,
    /// Print what is kept and end.
    #[arg(long, conflicts_with_all = ["all", "no_input"])]
    pub dump: bool,
    /// Watch only: type nothing into the console.
    #[arg(long)]
    pub no_input: bool,
    /// Id, name or UUID of the partition.
    pub partition: PartitionRef,
}

/// `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// Print one frame and end.
    #[arg(long, conflicts_with = "count")]
    pub once: bool,
    /// End after so many frames.
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<u64>,
    /// Time between frames: seconds, or a number with ms, s or m.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    pub interval: Duration,
}

/// `image ...`.
#[derive(Debug, Subcommand)]
pub enum ImageAction {
    /// Upload a file; what is there already is not sent again.
    Put {
        /// The file.
        file: PathBuf,
    },
    /// List the images in vmand's store.
    List,
    /// Remove an image from vmand's store.
    Delete {
        /// SHA-256 as 64 hexadecimal digits, with or without `image:sha256:` before it.
        image: String,
    },
}

/// The whole command line, for a program called `name`.
pub fn command(name: &'static str) -> clap::Command {
    let mut command = Cli::command().name(name).bin_name(name);
    command.build();
    command
}

/// The same without the `help` commands, which need no manual pages.
pub(crate) fn command_without_help(name: &'static str) -> clap::Command {
    fn strip(command: clap::Command) -> clap::Command {
        command.disable_help_subcommand(true).mut_subcommands(strip)
    }
    strip(Cli::command().name(name).bin_name(name))
}

/// `1.5`, `90s`, `250ms`, `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 3] = [("ms", 1e-3), ("s", 1.0), ("m", 60.0)];
    let split = UNITS.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (number, seconds) = split.unwrap_or((text, 1.0));
    let value: f64 =
        number.trim().parse().map_err(|_| "must be a number, with ms, s or m behind it".to_owned())?;
    let wanted = Duration::try_from_secs_f64(value * seconds).map_err(|_| "must be a time".to_owned())?;
    if wanted < Duration::from_millis(1) || wanted > Duration::from_secs(24 * 60 * 60) {
        return Err("must be between 1ms and 1440m".into());
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        let times =
            ["2", "2s", "0.5", "250ms", "1m", "1.5 m"].map(|text| duration(text).unwrap().as_millis());
        assert_eq!(times, [2000, 2000, 500, 250, 60_000, 90_000]);
    }

    #[test]
    fn absurd_times_are_refused() {
        for text in ["", "x", "-1", "0", "NaN", "inf", "1e30", "2 h", "0.1ms", "1441m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn help_tells_the_exit_status_of_every_kind() {
        for kind in vman_core::ErrorKind::ALL {
            let line = format!("{} {}", crate::exit::code(*kind), kind.name());
            assert!(AFTER_HELP.contains(&line), "{line}");
        }
    }
}
