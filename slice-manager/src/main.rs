//! `slice-manager`: the reference server of the Slice Manager API.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use slice_manager::server::config::Config;
use slice_manager::server::daemon;
use tracing_subscriber::EnvFilter;

/// Slices, chunks and computes behind the API of the i2CAT Slice Manager
#[derive(Debug, Parser)]
#[command(name = "slice-manager", version)]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Serve the API until SIGTERM
    Serve(ServeArgs),
    /// Print the OpenAPI document
    Openapi,
    /// Print the manual page
    Man,
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// Settings (TOML); options given here win over it
    #[arg(long, env = "SLICE_MANAGER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the API, on a loopback interface [default: 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Folder of the store, its key and the operator's token [default: /var/lib/slice-manager]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Without tokens: everybody who reaches the address may do everything
    #[arg(long)]
    open: bool,
}

fn main() -> ExitCode {
    let result = match Cli::parse().job {
        Job::Serve(args) => serve(args),
        Job::Openapi => {
            println!("{:#}", slice_manager::server::http::document());
            Ok(())
        }
        Job::Man => {
            clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout()).map_err(|e| e.to_string())
        }
        Job::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "slice-manager", &mut std::io::stdout());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: ServeArgs) -> Result<(), String> {
    let filter = EnvFilter::try_from_env("SLICE_MANAGER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut config = match &args.config {
        Some(path) => Config::read(path).map_err(|error| error.to_string())?,
        None => Config::default(),
    };
    config.listen = args.listen.unwrap_or(config.listen);
    config.state = args.state.unwrap_or(config.state);
    config.open |= args.open;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("No runtime: {error}"))?;
    let (open, token) = (config.open, config.state.join("operator.token"));
    let ready = move |address: SocketAddr| {
        let who = match open {
            true => "Everybody who reaches this address may do everything (--open)".to_owned(),
            false => format!("The operator's token: {}", token.display()),
        };
        // Nobody may be there to read it.
        let _ = writeln!(std::io::stdout(), "Listening on http://{address}/api/v1.0\n{who}");
    };
    runtime.block_on(daemon::run(&config, ready)).map_err(|error| error.to_string())
}
