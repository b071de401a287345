//! The relay's command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Carries connections to the vmand of a board over one serial line.
#[derive(Debug, Parser)]
#[command(name = "vman-relay", version, about, max_term_width = 100)]
pub struct Args {
    /// Which side this is.
    #[command(subcommand)]
    pub side: Side,
    /// What is logged, for example `debug` or `warn`
    #[arg(long, value_name = "FILTER", default_value = "info", global = true)]
    pub log: String,
}

/// The two sides.
#[derive(Debug, Subcommand)]
pub enum Side {
    /// On the host: listens for vmanctl and other clients, and knows who they are.
    Host {
        /// Socket to listen on.
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// The port: the Unix socket of QEMU's virtio-serial port.
        #[arg(long, value_name = "PATH")]
        port: PathBuf,
        /// Group whose members may do everything; others may query, if the socket's mode lets them in.
        #[arg(long, value_name = "NAME", default_value = "vman")]
        group: String,
        /// Mode of the socket, in octal.
        #[arg(long, value_name = "MODE", default_value = "660", value_parser = octal)]
        socket_mode: u32,
    },
    /// In the management partition: connects to vmand's `relay_socket`.
    Board {
        /// The port's device.
        #[arg(long, value_name = "PATH", default_value = "/dev/virtio-ports/vman.relay")]
        port: PathBuf,
        /// vmand's `relay_socket`.
        #[arg(long, value_name = "PATH", default_value = "/run/vman/relay.sock")]
        vmand: PathBuf,
    },
}

fn octal(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).map_err(|error| error.to_string())?;
    match mode <= 0o777 {
        true => Ok(mode),
        false => Err("More than 777".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent_and_modes_are_octal() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
        assert_eq!(octal("660"), Ok(0o660));
        assert!(octal("1777").is_err() && octal("rw").is_err());
    }
}
