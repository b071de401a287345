//! `vman-sim`: a simulated ARMv8 board that several programs share through a Unix socket.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use vman_core::id::ByteSize;
use vman_sim::{SimConfig, SimDevice, replay};

type Failure = Box<dyn std::error::Error>;

/// A simulated ARMv8 board: the real firmware library on simulated cores and memory, with scripted guests instead of
/// operating systems. `vmand --device sim:PATH` and `vmanctl --device sim:PATH` use it.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a board (the default).
    Serve(Serve),
    /// Makes the calls of a recorded trace again and reports the first answer that differs.
    Replay {
        /// The trace, as --trace or the board's driver writes it.
        trace: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Serve {
    /// Unix socket.
    #[arg(long, default_value = "/run/vman/sim.sock")]
    socket: PathBuf,
    /// Records every SMC in this file.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// `model` of the board's device tree.
    #[arg(long, default_value_t = SimConfig::default().model)]
    model: String,
    /// Physical CPUs.
    #[arg(long, default_value_t = SimConfig::default().cpus)]
    cpus: u16,
    /// CPUs of a cluster.
    #[arg(long, default_value_t = SimConfig::default().cluster)]
    cluster: u16,
    /// CPUs that the management partition keeps.
    #[arg(long, default_value_t = SimConfig::default().management_cpus)]
    management_cpus: u16,
    /// Memory of the management partition in MiB.
    #[arg(long, default_value_t = SimConfig::default().management_memory.mib())]
    management_memory_mib: u64,
    /// Memory for partitions in MiB.
    #[arg(long, default_value_t = SimConfig::default().memory.mib())]
    memory_mib: u64,
    /// Secure memory for critical partitions in MiB; 0 for none.
    #[arg(long, default_value_t = SimConfig::default().secure_memory.mib())]
    secure_memory_mib: u64,
    /// Memory granule in KiB.
    #[arg(long, default_value_t = SimConfig::default().granule.0 >> 10)]
    granule_kib: u64,
}

impl Serve {
    fn config(&self) -> SimConfig {
        let mib = |mib| ByteSize::from_mib(mib).unwrap_or(ByteSize(u64::MAX));
        SimConfig {
            model: self.model.clone(),
            cpus: self.cpus,
            cluster: self.cluster,
            management_cpus: self.management_cpus,
            management_memory: mib(self.management_memory_mib),
            memory: mib(self.memory_mib),
            secure_memory: mib(self.secure_memory_mib),
            granule: ByteSize(self.granule_kib.saturating_mul(1 << 10)),
            ..SimConfig::default()
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command.unwrap_or(Command::Serve(arguments.serve)) {
        Command::Serve(options) => serve(&options),
        Command::Replay { trace } => check(&trace),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vman-sim: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Serve) -> Result<(), Failure> {
    let config = options.config();
    let device = match &options.trace {
        Some(path) => {
            let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
            SimDevice::with_trace(config, Box::new(LineWriter(BufWriter::new(file))))?
        }
        None => SimDevice::new(config)?,
    };
    let config = device.config();
    let (model, cpus, memory) = (config.model.clone(), config.cpus, config.memory);
    vman_sim::serve(&device, &options.socket, || {
        eprintln!(
            "vman-sim: {model}, {cpus} CPUs, {memory} for partitions, simulated, at {}",
            options.socket.display()
        );
    })?;
    Ok(())
}

fn check(trace: &Path) -> Result<(), Failure> {
    let file = File::open(trace).map_err(|error| format!("{}: {error}", trace.display()))?;
    let summary = replay(BufReader::new(file))?;
    println!("{} calls, {} compared, all answers equal", summary.calls, summary.compared);
    Ok(())
}

/// Writes whole lines, so that a killed simulator leaves a trace that ends with one.
struct LineWriter(BufWriter<File>);

impl Write for LineWriter {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(data)?;
        if data.ends_with(b"\n") {
            self.0.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// The error and its causes, one after another.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
