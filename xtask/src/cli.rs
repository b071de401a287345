//! The command line of `cargo xtask`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::apt::Series;
use crate::assets::{self, Asset};
use crate::report::Show;
use crate::setup::packages::Need;
use crate::stage::Recorder;
use crate::{bench, board, check, demo, guest, setup, test};

/// The one entry to every job of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Show a layer at work; without a name the short demonstrations of all layers.
    Demo(demo::DemoArgs),
    /// Run the tests: stages in order, cheap ones first.
    Test(test::TestArgs),
    /// Run the benchmarks of an area and print one table.
    Bench {
        /// Only this area: partitions, reservations, slices.
        area: Option<String>,
    },
    /// Check format, lints, documentation, edges between crates, text and licences.
    Check,
    /// Show the Debian packages that jobs need, and install what is missing.
    Setup {
        /// Only for these jobs.
        needs: Vec<Need>,
        /// Install without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Run the emulated ARMv8 board.
    Board(board::BoardArgs),
    /// Run deadline-monitor's kernel tests in a virtual machine with a newer kernel and control groups of version 2.
    Guest(guest::GuestArgs),
    /// Fetch things for arm64 into the cache, or say where they are.
    #[command(hide = true, subcommand)]
    Assets(AssetsJob),
}

#[derive(Debug, Subcommand)]
enum AssetsJob {
    /// Fetch these things, or all.
    Fetch {
        names: Vec<Asset>,
        #[arg(long, value_enum, default_value_t)]
        kernel_series: Series,
    },
    /// Fetch one thing if needed and print its path.
    Path {
        name: Asset,
        #[arg(long, value_enum, default_value_t)]
        kernel_series: Series,
    },
    /// Print shell lines that make cargo build for aarch64, and as comments the arguments for each target.
    Env,
}

impl Cli {
    /// Does the job.
    ///
    /// # Errors
    /// What the job could not do.
    pub fn run(self) -> Result<ExitCode> {
        match self.job {
            Job::Demo(args) => demo::run(&args).map(|()| ExitCode::SUCCESS),
            Job::Bench { area } => bench::run(area.as_deref()).map(|()| ExitCode::SUCCESS),
            Job::Test(args) => test::run(&args),
            Job::Guest(args) => guest::run(&args).map(|()| ExitCode::SUCCESS),
            Job::Check => Ok(run_checks()),
            Job::Setup { needs, yes } => set_up(&needs, yes).map(|()| ExitCode::SUCCESS),
            Job::Board(args) => board::run(&args),
            Job::Assets(job) => job.run().map(|()| ExitCode::SUCCESS),
        }
    }
}

/// The checks by themselves, with the header's test.
fn run_checks() -> ExitCode {
    let mut recorder = Recorder::new("check", Duration::from_secs(6 * 60), Show::Terminal);
    check::run(&mut recorder);
    check::header(&mut recorder);
    println!("{}", recorder.counts);
    if recorder.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn set_up(needs: &[Need], yes: bool) -> Result<()> {
    let needs = if needs.is_empty() { Need::value_variants() } else { needs };
    setup::list(needs);
    setup::ensure(needs, yes)
}

impl AssetsJob {
    fn run(self) -> Result<()> {
        match self {
            AssetsJob::Fetch { names, kernel_series } => fetch(&names, kernel_series),
            AssetsJob::Path { name, kernel_series } => {
                println!("{}", name.path(kernel_series)?.display());
                Ok(())
            }
            AssetsJob::Env => print_env(),
        }
    }
}

fn fetch(names: &[Asset], series: Series) -> Result<()> {
    let names = if names.is_empty() { Asset::value_variants() } else { names };
    for name in names {
        println!("{}", name.path(series)?.display());
    }
    Ok(())
}

fn print_env() -> Result<()> {
    let rust = assets::rust_aarch64()?;
    println!("# firmware: cargo build {}", rust.firmware_args().join(" "));
    println!("# Linux:    cargo build {}", rust.linux_args().join(" "));
    for (name, value) in rust.env() {
        println!("export {name}='{}'", value.to_string_lossy());
    }
    Ok(())
}
