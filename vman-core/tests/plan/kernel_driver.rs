//! The kernel driver's planner, compiled for user space, answers as the one in Rust.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use vman_core::id::{CpuSet, PhysRange};
use vman_core::plan::{List, PlanError, ResourceGrant, World, plan};

use crate::cases::{Case, case};
use crate::vectors;

/// Random cases beside the committed vectors.
const RANDOM_CASES: usize = 10_000;

/// The C program, compiled once with every warning as an error; `None`, with a line that says so, without a compiler.
struct Filter {
    program: PathBuf,
    _folder: tempfile::TempDir,
}

impl Filter {
    fn build(test: &str) -> Option<Self> {
        let compiler = std::env::var("CC").unwrap_or_else(|_| "gcc".into());
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel-driver");
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("plan_filter");
        let mut command = Command::new(&compiler);
        command.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-o"]);
        command.arg(&program).args(["tests/plan_filter.c", "vmanager_plan.c"]).current_dir(driver);
        let Ok(output) = command.output() else {
            println!("SKIPPED: {test}: no C compiler ({compiler}); install gcc");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { program, _folder: folder })
    }

    /// Feeds `lines` to the program, run by `runner` (such as valgrind) if there is one; its output lines.
    fn run(&self, runner: &[&str], lines: String) -> Vec<String> {
        let words: Vec<_> = runner.iter().map(AsRef::as_ref).chain([self.program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

/// A case as the program reads it.
fn line(case: &Case) -> String {
    let Case { board, request } = case;
    let mut words =
        vec![u64::from(request.cores), u64::from(request.world == World::Secure), request.memory.0];
    words.push(u64::from(request.shared.is_some()));
    for set in [request.shared.unwrap_or(CpuSet::EMPTY), board.free, board.management] {
        words.extend(set.words());
    }
    words.extend([board.granule.0, length(&board.clusters)]);
    words.extend(board.clusters.iter().copied().map(u64::from));
    for ranges in [&board.pool, &board.secure_pool, &board.used] {
        words.push(length(ranges));
        words.extend(ranges.iter().flat_map(|range| [range.base().0, range.size().0]));
    }
    text(&words)
}

fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap()
}

fn text(words: &[u64]) -> String {
    words.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

/// What the program must answer.
fn answer(case: &Case) -> String {
    let inventory = case.board.inventory();
    let mut words = match plan(&inventory, &case.request) {
        Ok(grant) => [vec![0; 6], granted(&grant)].concat(),
        Err(error) => [refused(&error), vec![0; 6]].concat(),
    };
    match inventory.memory(case.request.world) {
        Ok(figures) => words.extend([0, figures.total.0, figures.free.0, figures.largest.0]),
        Err(error) => words.extend([refused(&error)[0], 0, 0, 0]),
    }
    text(&words)
}

fn granted(grant: &ResourceGrant) -> Vec<u64> {
    let memory: PhysRange = grant.memory;
    grant.cpus.words().into_iter().chain([memory.base().0, memory.size().0]).collect()
}

/// `enum vmanager_plan_status` and `struct vmanager_plan_detail`.
fn refused(error: &PlanError) -> Vec<u64> {
    let [status, wanted, free, largest, list, index] = match *error {
        PlanError::NoCores => [1, 0, 0, 0, 0, 0],
        PlanError::NoMemory => [2, 0, 0, 0, 0, 0],
        PlanError::SharedNotSecure => [4, 0, 0, 0, 0, 0],
        PlanError::BadGranule { .. } => [5, 0, 0, 0, 0, 0],
        PlanError::NotAMultiple { .. } => [6, 0, 0, 0, 0, 0],
        PlanError::NotSorted { list, index } => {
            [8, 0, 0, 0, list_number(list), u64::try_from(index).unwrap()]
        }
        PlanError::NotEnoughCores { wanted, free } => [9, wanted.into(), free.into(), 0, 0, 0],
        PlanError::NotEnoughSharedCores { wanted, shared } => [10, wanted.into(), shared.into(), 0, 0, 0],
        PlanError::SharedWithManagement { cpu } => [11, 0, 0, 0, 0, cpu.0.into()],
        PlanError::NoPool { .. } => [12, 0, 0, 0, 0, 0],
        PlanError::NotEnoughMemory { wanted, free, largest, .. } => [13, wanted.0, free.0, largest.0, 0, 0],
        PlanError::Fragmented { wanted, free, largest, .. } => [14, wanted.0, free.0, largest.0, 0, 0],
        ref other => panic!("plan never answers {other:?}"),
    };
    vec![status, wanted, free, largest, list, index]
}

fn list_number(list: List) -> u64 {
    match list {
        List::Pool => 0,
        List::SecurePool => 1,
        List::Used => 2,
    }
}

fn compare(filter: &Filter, runner: &[&str], cases: &[Case]) {
    let lines = cases.iter().map(|case| line(case) + "\n").collect();
    let answers = filter.run(runner, lines);
    assert_eq!(answers.len(), cases.len());
    for (case, found) in cases.iter().zip(answers) {
        assert_eq!(found, answer(case), "{case:#?}");
    }
}

#[test]
fn c_planner_answers_the_vectors_as_the_rust_planner() {
    let Some(filter) = Filter::build("c_planner_answers_the_vectors_as_the_rust_planner") else { return };
    compare(&filter, &[], &vectors::committed_cases());
}

#[test]
fn c_planner_is_clean_under_valgrind() {
    const NAME: &str = "c_planner_is_clean_under_valgrind";
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED: {NAME}: no valgrind; install valgrind");
        return;
    }
    let Some(filter) = Filter::build(NAME) else { return };
    let valgrind = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full"];
    compare(&filter, &valgrind, &vectors::committed_cases());
}

#[test]
fn c_planner_answers_random_cases_as_the_rust_planner() {
    let Some(filter) = Filter::build("c_planner_answers_random_cases_as_the_rust_planner") else { return };
    let mut runner = TestRunner::default();
    let cases: Vec<_> = (0..RANDOM_CASES).map(|_| case().new_tree(&mut runner).unwrap().current()).collect();
    compare(&filter, &[], &cases);
}

/// What Rust's types cannot say at all.
#[test]
fn c_planner_refuses_ranges_that_wrap_and_unknown_worlds() {
    let Some(filter) = Filter::build("c_planner_refuses_ranges_that_wrap_and_unknown_worlds") else { return };
    let sets = "0 0 0 0  15 0 0 0  1 0 0 0  0x200000 0";
    let wrapped = "1 0 0x200000 0 SETS  2 0 0x200000 0xfffffffffff00000 0x100001  0  0";
    let wrapped_in_use = "1 1 0x200000 0 SETS  0  1 0 0x200000  1 0xffffffffffffffff 1";
    let world = "1 2 0x200000 0 SETS  0 0 0";
    let lines = [wrapped, wrapped_in_use, world].map(|line| line.replace("SETS", sets) + "\n").concat();
    let answers = filter.run(&[], lines);
    assert_eq!(answers[0], "7 0 0 0 0 1 0 0 0 0 0 0 7 0 0 0");
    assert_eq!(answers[1], "7 0 0 0 2 0 0 0 0 0 0 0 7 0 0 0");
    assert_eq!(answers[2], "3 0 0 0 0 0 0 0 0 0 0 0 3 0 0 0");
}
