//! `cargo xtask bench [AREA]`: runs the benchmarks of an area and prints one table.
//!
//! To add a benchmark, add a `[[bench]]` target to a package of the area. Criterion's results are collected as they
//! are; a bench with `harness = false` prints lines `BENCH name value unit`, with ` vs other` at the end when the
//! ratio to another measure of the same area is what counts.

pub mod measure;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use cargo_metadata::{MetadataCommand, TargetKind};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::board::{self, Time};
use crate::check::cargo;
use crate::python::Python;
use crate::{libvirt, process, workspace};
use measure::{Measure, Reader, compare};

/// A part of the project whose benchmarks belong together.
#[derive(Debug)]
struct Area {
    name: &'static str,
    /// Packages whose bench targets are run.
    packages: &'static [&'static str],
    /// Programs of the Python package that measure, from its directory.
    scripts: &'static [&'static str],
    /// A program of another kind that prints measures.
    program: Option<fn() -> Result<Command>>,
}

const fn area(name: &'static str, packages: &'static [&'static str]) -> Area {
    Area { name, packages, scripts: &[], program: None }
}

const AREAS: &[Area] = &[
    area("partitions", &["vman-core", "vman-firmware", "vman-sim", "vmand", "vmanctl", "vman-ffi"]),
    area("reservations", &["deadline-monitor"]),
    area("slices", &["slice-agent", "slice-manager"]),
    Area { scripts: &["benches/calls.py", "benches/slices.py"], ..area("python", &[]) },
    Area { program: Some(libvirt::bench), ..area("libvirt", &[]) },
];

/// The emulated board measures itself: it is no bench target of cargo's. A run by the wall, one that counts instructions.
const BOARD: [(Area, &[Time]); 3] = [
    (area("board", &[]), &[Time::Wall, Time::Counted]),
    (area("board-wall", &[]), &[Time::Wall]),
    (area("board-counted", &[]), &[Time::Counted]),
];

/// What is written to `target/bench/AREA.json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    area: &'a str,
    date: String,
    cores: usize,
    measures: &'a [Measure],
}

/// Runs the benchmarks of `area`, or of all areas that have some.
///
/// # Errors
/// An unknown area, an area without benchmarks, or a benchmark that fails.
pub fn run(area: Option<&str>) -> Result<()> {
    if let Some((area, times)) = BOARD.iter().find(|(board, _)| area == Some(board.name)) {
        return finish(area, board::bench::run(times)?);
    }
    let areas: Vec<_> = match area {
        Some(name) => vec![find(name)?],
        None => AREAS.iter().collect(),
    };
    let mut ran = 0;
    for area in areas {
        let benches = benches(area)?;
        let count = benches.len() + area.scripts.len() + usize::from(area.program.is_some());
        ran += count;
        if count > 0 {
            run_area(area, &benches)?;
        }
    }
    if ran == 0 {
        bail!("There are no benchmarks in {}", area.unwrap_or("any area"));
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Area> {
    let names = || {
        AREAS
            .iter()
            .chain(BOARD.iter().map(|(board, _)| board))
            .map(|area| area.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    AREAS
        .iter()
        .find(|area| area.name == name)
        .with_context(|| format!("No area {name}; the areas are: {}", names()))
}

fn run_area(area: &Area, benches: &[(String, String)]) -> Result<()> {
    let mut measures = Vec::new();
    for (package, bench) in benches {
        println!("-- {}: {package}: {bench}", area.name);
        measures.extend(run_bench(package, bench)?);
    }
    measures.extend(run_scripts(area)?);
    if let Some(program) = area.program {
        measures.extend(read_measures(&mut program()?)?);
    }
    finish(area, measures)
}

/// Compares, prints the table, keeps the report.
fn finish(area: &Area, mut measures: Vec<Measure>) -> Result<()> {
    compare(&mut measures);
    println!("{}", table(&measures));
    println!("{}", write(area, &measures)?.display());
    Ok(())
}

/// Package and name of each bench target of the area.
fn benches(area: &Area) -> Result<Vec<(String, String)>> {
    let metadata =
        MetadataCommand::new().manifest_path(workspace::root().join("Cargo.toml")).no_deps().exec()?;
    let packages =
        metadata.packages.into_iter().filter(|package| area.packages.contains(&package.name.as_str()));
    let targets = packages.flat_map(|package| {
        let benches = package.targets.into_iter().filter(|target| target.kind.contains(&TargetKind::Bench));
        let package = package.name.to_string();
        benches.map(move |target| (package.clone(), target.name))
    });
    Ok(targets.collect())
}

fn run_bench(package: &str, bench: &str) -> Result<Vec<Measure>> {
    let mut command = cargo("bench");
    command.args(["--package", package, "--bench", bench]);
    read_measures(&mut command).with_context(|| format!("Benchmark {bench} of {package}"))
}

/// Python programs, with the daemon and the client of Rust that they compare with.
fn run_scripts(area: &Area) -> Result<Vec<Measure>> {
    if area.scripts.is_empty() {
        return Ok(Vec::new());
    }
    let python = Python::prepare()?;
    let mut build = cargo("build");
    process::read(build.args(["--release", "--package", "vmand", "--bin", "vmand"]))?;
    let mut build = cargo("build");
    process::read(build.args(["--release", "--package", "vman-core", "--example", "query_times"]))?;
    let mut measures = Vec::new();
    for script in area.scripts {
        println!("-- {}: {script}", area.name);
        let mut command = python.command();
        command.arg(script).env("AIVIRT_RELEASE", workspace::target_dir().join("release"));
        measures.extend(read_measures(&mut command).with_context(|| format!("Benchmark {script}"))?);
    }
    Ok(measures)
}

fn read_measures(command: &mut Command) -> Result<Vec<Measure>> {
    let mut reader = Reader::default();
    let mut text = Vec::new();
    let result = process::each_line_within(command, Duration::MAX, |line| {
        reader.line(line);
        text.push(line.to_owned());
    });
    if result.is_err() {
        text.iter().for_each(|line| println!("{line}"));
    }
    result?;
    if reader.measures.is_empty() {
        bail!("It printed no measure");
    }
    Ok(reader.measures)
}

fn table(measures: &[Measure]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["measure", "value", "unit", "ratio", "to"]);
    for measure in measures {
        table.add_row([
            measure.name.clone(),
            format!("{:.3}", measure.value),
            measure.unit.clone(),
            measure.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            measure.versus.clone().unwrap_or_default(),
        ]);
    }
    for column in [1, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn write(area: &Area, measures: &[Measure]) -> Result<PathBuf> {
    let dir = workspace::target_dir().join("bench");
    fs::create_dir_all(&dir).with_context(|| format!("Cannot create {}", dir.display()))?;
    let report = Report {
        area: area.name,
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        cores: thread::available_parallelism().map_or(1, Into::into),
        measures,
    };
    let path = dir.join(format!("{}.json", area.name));
    fs::write(&path, serde_json::to_string_pretty(&report)?).with_context(|| path.display().to_string())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_area_is_an_error_that_names_the_others() {
        let error = find("moon").unwrap_err().to_string();
        assert!(error.contains("moon") && error.contains("partitions"), "{error}");
    }

    #[test]
    fn a_program_without_measures_fails() {
        assert!(read_measures(Command::new("echo").arg("hello")).is_err());
        let measures = read_measures(Command::new("echo").arg("BENCH a 1 ns")).unwrap();
        assert_eq!(measures[0].name, "a");
    }
}
