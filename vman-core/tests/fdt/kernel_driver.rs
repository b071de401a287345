//! The kernel driver's walk to the random numbers of a device tree, compiled for user space with the sanitizers.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dtoolkit::fdt::Fdt;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use vman_core::fdt::{BoardTree, Entropy, PartitionTree};

use crate::{cpus, plain, qemu_virt, range};

/// What the program writes in the place of random numbers.
const NEW: u8 = 0xa5;
const OLD: u8 = 0x5c;
/// Broken trees that are tried.
const BROKEN: u32 = 300;

/// The C program, compiled with every warning as an error; `None`, with a line that says so, without a compiler.
struct Filter(tempfile::TempDir);

impl Filter {
    fn build(test: &str) -> Option<Self> {
        let compiler = std::env::var("CC").unwrap_or_else(|_| "gcc".into());
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernel-driver");
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(&compiler);
        command.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror"]);
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover", "-o"]);
        command.arg(folder.path().join("seed_filter"));
        command.args(["tests/seed_filter.c", "vmanager_seed.c"]).current_dir(driver);
        let Ok(output) = command.output() else {
            println!("SKIPPED: {test}: no C compiler ({compiler}); install gcc");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self(folder))
    }

    /// The tree with new random numbers, and how many properties have them.
    fn refresh(&self, tree: &[u8]) -> (Vec<u8>, usize) {
        let mut command = Command::new(self.0.path().join("seed_filter"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(tree).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        (output.stdout, told.trim().parse().unwrap())
    }
}

fn tree(entropy: Option<Entropy>) -> Vec<u8> {
    let board = BoardTree::parse(&qemu_virt()).unwrap();
    let cpus = cpus(&board, &[1, 2]);
    let line = Some("rng-seed kaslr-seed");
    PartitionTree { entropy, command_line: line, ..plain(&cpus, range(1280, 64)) }.build(&board).unwrap()
}

fn seeded() -> Vec<u8> {
    tree(Some(Entropy { kaslr_seed: u64::from_ne_bytes([OLD; 8]), rng_seed: [OLD; 32] }))
}

#[test]
fn driver_replaces_both_random_numbers_and_nothing_else() {
    let Some(filter) = Filter::build("driver_replaces_both_random_numbers_and_nothing_else") else { return };
    let before = seeded();
    let (after, found) = filter.refresh(&before);
    assert_eq!(found, 2);
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert_eq!(changed.len(), 40);
    assert!(changed.iter().all(|(before, after)| **before == OLD && **after == NEW));
    let text = Fdt::new(&after).unwrap().to_string();
    assert!(text.contains("rng-seed") && text.contains("rng-seed kaslr-seed"), "{text}");
}

#[test]
fn driver_leaves_what_has_no_random_numbers_as_it_is() {
    let Some(filter) = Filter::build("driver_leaves_what_has_no_random_numbers_as_it_is") else { return };
    for blob in [tree(None), qemu_virt()[..39].to_vec(), vec![], b"\xd0\x0d\xfe\xed".to_vec(), vec![0xff; 64]]
    {
        assert_eq!(filter.refresh(&blob), (blob, 0));
    }
}

#[test]
fn driver_survives_broken_trees() {
    let Some(filter) = Filter::build("driver_survives_broken_trees") else { return };
    let good = seeded();
    let places = prop::collection::vec((0..good.len(), any::<u8>()), 1..8);
    // Half of the changes hit header and structure, where offsets and lengths stand.
    let header = prop::collection::vec((0..64usize, any::<u8>()), 0..3);
    let mut runner = TestRunner::new(ProptestConfig { cases: BROKEN, ..ProptestConfig::default() });
    let broken = (places, header, 0..=good.len());
    let ran = runner.run(&broken, |(places, header, length)| {
        let mut blob = good.clone();
        for (place, value) in places.into_iter().chain(header) {
            blob[place] = value;
        }
        blob.truncate(length);
        let (after, found) = filter.refresh(&blob);
        prop_assert_eq!(after.len(), blob.len());
        prop_assert!(found > 0 || after == blob);
        Ok(())
    });
    ran.unwrap();
}
