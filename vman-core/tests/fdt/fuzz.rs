//! Mutated blobs get an answer, never a panic.

use proptest::prelude::*;
use vman_core::fdt::{BoardTree, BoardTreeBuilder};

use crate::{plain, qemu_virt, range};

#[derive(Debug, Clone)]
enum Mutation {
    Byte(prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Copy(prop::sample::Index, prop::sample::Index, u8),
    Cut(prop::sample::Index, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    let word = prop_oneof![0u32..16, any::<u32>(), Just(u32::MAX), 0x7fff_fff0u32..0x8000_0010];
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, value)| Mutation::Byte(at, value)),
        (index(), word).prop_map(|(at, value)| Mutation::Word(at, value)),
        (index(), index(), 1u8..64).prop_map(|(from, to, len)| Mutation::Copy(from, to, len)),
        (index(), 1u8..32).prop_map(|(at, len)| Mutation::Cut(at, len)),
    ]
}

fn mutate(blob: &mut Vec<u8>, mutation: &Mutation) {
    match *mutation {
        Mutation::Byte(at, value) => {
            let at = at.index(blob.len());
            blob[at] = value;
        }
        Mutation::Word(at, value) => {
            let at = at.index(blob.len() / 4) * 4;
            blob[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        Mutation::Copy(from, to, len) => {
            let len = usize::from(len);
            let (from, to) = (from.index(blob.len() - len), to.index(blob.len() - len));
            blob.copy_within(from..from + len, to);
        }
        Mutation::Cut(at, len) => {
            let at = at.index(blob.len() - usize::from(len));
            blob.drain(at..at + usize::from(len));
            let total = u32::try_from(blob.len()).unwrap();
            blob[4..8].copy_from_slice(&total.to_be_bytes());
        }
    }
}

fn ask_everything(blob: &[u8]) {
    if let Ok(board) = BoardTree::parse(blob) {
        let cpus: Vec<_> = board.cpus.iter().map(|cpu| (cpu.id, cpu.mpidr)).collect();
        let memory = board.memory[0];
        let _ = plain(&cpus[..1], memory).build(&board);
        let _ = plain(&cpus, memory).build(&board);
    }
    let _ = plain(&[], range(0, 1 << 20)).adopt(blob);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_real_board_gets_an_answer(mutations in prop::collection::vec(mutation(), 1..8)) {
        let mut blob = qemu_virt();
        mutations.iter().for_each(|mutation| mutate(&mut blob, mutation));
        ask_everything(&blob);
    }

    #[test]
    fn mutated_small_board_gets_an_answer(mutations in prop::collection::vec(mutation(), 1..4)) {
        let mut blob = BoardTreeBuilder::new("", 2, range(1024, 1024)).pool(range(1100, 8)).build().unwrap();
        mutations.iter().for_each(|mutation| mutate(&mut blob, mutation));
        ask_everything(&blob);
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut blob = vec![0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 200];
        blob.extend(bytes);
        ask_everything(&blob);
    }
}
