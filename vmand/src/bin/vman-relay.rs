//! `vman-relay`: see [`vmand::relay`] and `vman-relay --help`.

use std::process::ExitCode;

use clap::Parser as _;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use vmand::access::Access;
use vmand::config::Log;
use vmand::listener::Socket;
use vmand::relay::args::{Args, Side};
use vmand::relay::{board, host};
use vmand::{Error, error, log, notify};

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("vman-relay: {}", error::chain(&problem));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Error> {
    log::start(&Log { filter: args.log, ..Log::default() })?;
    let failed = |action| move |source| Error::System { action, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(failed("Starting the event loop"))?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(failed("Catching SIGTERM"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("Catching SIGINT"))?;
        tokio::select! {
            served = serve(args.side) => served,
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}

async fn serve(side: Side) -> Result<(), Error> {
    match side {
        Side::Host { socket, port, group, socket_mode } => {
            let access = Access::new(&group);
            let (listener, _socket) = Socket::listen(&socket, socket_mode, access.group())?;
            let failed = |source| Error::System { action: "Registering the socket", source };
            listener.set_nonblocking(true).map_err(failed)?;
            let listener = UnixListener::from_std(listener).map_err(failed)?;
            notify::ready();
            host::run(listener, access, port).await;
        }
        Side::Board { port, vmand } => board::run(&port, &vmand).await,
    }
    Ok(())
}
