//! The committed seeds, and what every file damaged by one byte does, without libFuzzer.

use std::path::Path;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 9] = [
    ("frame", vman_fuzz::frame::run),
    ("command", vman_fuzz::command::run),
    ("image", vman_fuzz::image::run),
    ("device_tree", vman_fuzz::device_tree::run),
    ("rest", vman_fuzz::rest::run),
    ("smc", vman_fuzz::smc::run),
    ("state", vman_fuzz::state::run),
    ("weights", vman_fuzz::weights::run),
    ("training", vman_fuzz::training::run),
];

#[test]
fn seeds_and_their_neighbours_break_no_promise() {
    for (name, target) in TARGETS {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let files: Vec<_> = std::fs::read_dir(&seeds).expect("every target has seeds").collect();
        assert!(!files.is_empty(), "{}", seeds.display());
        for file in files {
            let data = std::fs::read(file.expect("readable").path()).expect("readable");
            target(&data);
            for index in (0..data.len()).step_by(1 + data.len() / 200) {
                target(&data[..index]);
                let mut damaged = data.clone();
                damaged[index] ^= 1 << (index % 8);
                target(&damaged);
            }
        }
    }
}
