//! The command line of `cargo xtask`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::apt::Series;
use crate::assets::{self, Asset};

/// The one entry to every job of the repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
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
            Job::Assets(job) => job.run().map(|()| ExitCode::SUCCESS),
        }
    }
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
    use clap::ValueEnum;
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
