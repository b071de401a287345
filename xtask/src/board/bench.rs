//! Figures of the emulated board, each beside the same kernel straight on QEMU: by the wall, and in counted instructions.

use std::fs;
use std::time::Duration;

use anyhow::{Result, bail};

use super::qemu::{Direct, Time};
use super::{Job, Report, assemble, default_cpu, directory, firmware, initramfs, stream};
use crate::apt::Series;
use crate::assets;
use crate::bench::measure::{Measure, Reader};

/// Longest time of one run.
const LIMIT: Duration = Duration::from_secs(1500);
/// What the suite gives its partitions.
const CPUS: u32 = 2;
const MEMORY_MIB: u32 = 256;
const COMMAND_LINE: &str = "earlycon=pl011,0x9000000 console=ttyAMA0 loglevel=7 panic=-1 aivirt.try=bench aivirt.after=1 \
                            aivirt.then=poweroff";

/// Measures everything that is told by these clocks; prints what is measured as it comes.
///
/// # Errors
/// A part of the board cannot be built, a run fails or ends early.
pub fn run(times: &[Time]) -> Result<Vec<Measure>> {
    let mut reader = Reader::default();
    let mut take = |line: &str| {
        println!("{line}");
        reader.line(line);
    };
    let firmware = firmware::build(firmware::Variant::Shipped)?;
    for (name, image) in [("el3", &firmware.el3), ("el2", &firmware.el2)] {
        take(&format!("BENCH firmware_size/{name} {} bytes", fs::metadata(image)?.len()));
    }
    for time in times {
        direct(*time, &mut take)?;
        if *time == Time::Wall {
            stream::between_machines(&mut take)?;
        }
        on_board(*time, &mut take)?;
    }
    Ok(reader.measures)
}

const fn name(time: Time) -> &'static str {
    match time {
        Time::Wall => "wall",
        Time::Counted => "counted",
    }
}

/// The kernel and the program straight on QEMU.
fn direct(time: Time, take: &mut impl FnMut(&str)) -> Result<()> {
    let initrd = directory()?.join("guest.cpio");
    initramfs::guest(&initrd)?;
    let kernel = assets::kernel(Series::Stable)?.image;
    let machine = Direct {
        cpu: default_cpu(),
        kernel: &kernel,
        initrd: &initrd,
        cpus: CPUS,
        memory_mib: MEMORY_MIB,
        command_line: COMMAND_LINE,
        time,
        shared: None,
    };
    let told = name(time);
    let mut found = 0;
    machine.run(LIMIT, |line| {
        for measure in direct_line(line, told) {
            take(&measure);
            found += 1;
        }
    })?;
    if found == 0 {
        bail!("The kernel straight on QEMU told nothing");
    }
    Ok(())
}

/// Figures in a line of the kernel's log.
fn direct_line(line: &str, told: &str) -> Vec<String> {
    if line.contains(initramfs::GUEST_UP) {
        let stamp = line.trim_start_matches('[').split(']').next().unwrap_or_default().trim();
        return vec![format!("BENCH direct/boot_{told} {stamp} s")];
    }
    let words: Vec<_> = line.split("GUEST-BENCH ").nth(1).unwrap_or_default().split_whitespace().collect();
    match words[..] {
        [name, least, median, most] => vec![
            format!("BENCH direct/{name}_{told} {median} ns"),
            format!("BENCH direct/{name}_{told}_min {least} ns"),
            format!("BENCH direct/{name}_{told}_max {most} ns"),
        ],
        _ => vec![],
    }
}

fn on_board(time: Time, take: &mut impl FnMut(&str)) -> Result<()> {
    let machine = assemble(&Job::Figures(time), default_cpu(), Series::Stable)?;
    let mut report = Report::default();
    let run = machine.run(LIMIT, |line| {
        if let Some(told) = report.line(line) {
            take(&told);
        }
    });
    match report.failure(run.err()) {
        None => Ok(()),
        Some(why) => {
            report.print_log(&machine.firmware_log());
            bail!(why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_kernels_log() {
        let up = direct_line("[    1.234567] GUEST-UP 6.1.0 CPUs 0-1 MemTotal: 1 kB", "wall");
        assert_eq!(up, ["BENCH direct/boot_wall 1.234567 s"]);
        let bench = direct_line("[    2.0] GUEST-BENCH compute 1 2 3", "counted");
        assert_eq!(bench[0], "BENCH direct/compute_counted 2 ns");
        assert!(direct_line("[    2.0] anything", "wall").is_empty());
    }
}
