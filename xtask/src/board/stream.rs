//! The paced stream of `tests/board/guest_link.c` between two ordinary virtual machines of QEMU, over its shared-memory
//! device: what a link between two partitions is compared with.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::qemu::{Direct, Time};
use super::{default_cpu, directory, initramfs};
use crate::apt::Series;
use crate::assets;

/// Longest time of one stream, boots included.
const LIMIT: Duration = Duration::from_secs(300);
/// As many as the suite streams between partitions, ten seconds.
const FRAMES: u32 = 300;
const MEMORY_MIB: u32 = 256;
const COMMON: &str = "earlycon=pl011,0x9000000 console=ttyAMA0 loglevel=7 panic=-1";

/// Measures, with and without a neighbour that attacks; hands the figures over as lines.
///
/// # Errors
/// A machine cannot be built or run, or says nothing.
pub(super) fn between_machines(take: &mut impl FnMut(&str)) -> Result<()> {
    let initrd = directory()?.join("guest.cpio");
    initramfs::guest(&initrd)?;
    let kernel = assets::kernel(Series::Stable)?.image;
    let board = Boards { kernel: &kernel, initrd: &initrd };
    for (name, attacked) in [("calm", false), ("attacked", true)] {
        let attacker = if attacked { Some(board.attacker()?) } else { None };
        let told = board.stream()?;
        drop(attacker);
        for figure in figures(&told, &format!("machines_{name}")) {
            take(&figure);
        }
    }
    Ok(())
}

struct Boards<'a> {
    kernel: &'a Path,
    initrd: &'a Path,
}

impl Boards<'_> {
    fn machine<'a>(&'a self, command_line: &'a str, shared: Option<&'a Path>) -> Direct<'a> {
        Direct {
            cpu: default_cpu(),
            kernel: self.kernel,
            initrd: self.initrd,
            cpus: 1,
            memory_mib: MEMORY_MIB,
            command_line,
            time: Time::Wall,
            shared,
        }
    }

    /// What the sender says of the stream.
    fn stream(&self) -> Result<String> {
        let shared = tempfile::NamedTempFile::new()?;
        shared.as_file().set_len(super::memory_map::GRANULE)?;
        let line = |role: &str| {
            format!(
                "{COMMON} aivirt.try=link-{role} aivirt.frames={FRAMES} aivirt.after=1 aivirt.then=poweroff"
            )
        };
        let (send, receive) = (line("send"), line("receive"));
        let mut told = None;
        thread::scope(|scope| {
            let receiver = self.machine(&receive, Some(shared.path()));
            let receiver = scope.spawn(move || receiver.run(LIMIT, |_| ()));
            self.machine(&send, Some(shared.path())).run(LIMIT, |line| {
                if line.contains("GUEST-LINK frames") {
                    told = Some(line.to_owned());
                }
            })?;
            receiver.join().map_err(|_| anyhow::anyhow!("the receiver's thread panicked"))?
        })?;
        told.context("The sender said nothing of its stream")
    }

    /// A machine that attacks until it is dropped.
    fn attacker(&self) -> Result<Attacker> {
        let line = format!("{COMMON} aivirt.try=attack");
        let mut command = self.machine(&line, None).command();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut attacker = Attacker(child);
        let output = attacker.0.stdout.take().context("QEMU has no output")?;
        let (said, wait) = std::sync::mpsc::channel();
        // Reads on to the end: the attacker floods its console.
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if String::from_utf8_lossy(&line).contains("GUEST-ATTACKS") {
                    // Nobody waits any more if the time was up.
                    let _ = said.send(());
                }
            }
        });
        match wait.recv_timeout(LIMIT) {
            Ok(()) => Ok(attacker),
            Err(_) => bail!("The attacker does not come up"),
        }
    }
}

struct Attacker(Child);

impl Drop for Attacker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `GUEST-LINK NAME VALUE ...` as lines of figures.
fn figures(told: &str, name: &str) -> Vec<String> {
    let words: Vec<_> = told.split("GUEST-LINK ").nth(1).unwrap_or_default().split_whitespace().collect();
    let pairs = words.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    pairs
        .map(|(what, value)| match what {
            "frames" | "lost" | "broken" | "late" => format!("BENCH stream/{name}/{what} {value} frames"),
            _ => format!("BENCH stream/{name}/latency_{what}_wall {value} us"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_the_sender_says() {
        let told =
            "[   21.5] GUEST-LINK frames 300 lost 2 broken 0 late 0 min 900 median 1500 p99 2000 max 9000";
        let figures = figures(told, "machines_calm");
        assert_eq!(figures[1], "BENCH stream/machines_calm/lost 2 frames");
        assert_eq!(figures[5], "BENCH stream/machines_calm/latency_median_wall 1500 us");
        assert_eq!(figures.len(), 8);
        assert!(super::figures("nothing", "x").is_empty());
    }
}
