//! cargo run --release -p vman-core --example query_times -- SOCKET ID ROUNDS
//!
//! Asks a daemon ROUNDS times for a partition and prints the nanoseconds of each answer, one a line: what clients in
//! other languages are compared with.

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use vman_core::client::Client;
use vman_core::command::{Command, PartitionRecord, Target};
use vman_core::id::PartitionId;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [socket, id, rounds] = args.as_slice() else { return Err("Give SOCKET, ID and ROUNDS".into()) };
    let (id, rounds) = (PartitionId(id.parse()?), rounds.parse::<usize>()?);
    let mut client = Client::connect(socket)?;
    let mut times_ns = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begin = Instant::now();
        let partition: PartitionRecord = client.call(&Command::QueryPartition(Target { id }))?;
        times_ns.push(begin.elapsed().as_nanos());
        if partition.id != id {
            return Err("The daemon told of another partition".into());
        }
    }
    let mut out = std::io::stdout().lock();
    times_ns.iter().try_for_each(|ns| writeln!(out, "{ns}"))?;
    Ok(())
}
