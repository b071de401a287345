#![allow(clippy::unwrap_used, reason = "a test stops where its own material is wrong")]

use std::path::PathBuf;

use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde_json::{Value, json};

use super::*;
use crate::checkpoint::{Checkpoint, Kind, Tensor};
use crate::learn::network::{Network, Pass};
use crate::math::normalf;
use crate::random::Stream;

fn network(bottleneck: bool, messages: usize) -> Network {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
    Network::new(16, LEVELS + messages, bottleneck, &mut random)
}

fn weights(network: &Network) -> Checkpoint {
    let mut file = Checkpoint::new(Kind::Weights);
    file.describe("text", &"a \"quoted\" } text \\").unwrap();
    file.store("", network);
    file
}

fn file(bottleneck: bool, messages: usize) -> Vec<u8> {
    weights(&network(bottleneck, messages)).to_bytes().unwrap()
}

fn observation(number: usize) -> Vec<f32> {
    let mut random = Stream::new(5, number);
    (0..16).map(|_| 0.5 * normalf(random.next())).collect()
}

#[test]
fn it_decides_to_the_last_bit_as_the_learner() {
    for (bottleneck, messages) in [(true, 4), (false, 0), (true, 16)] {
        let network = network(bottleneck, messages);
        let mut pass = Pass::new(&network, 1);
        let mut memory = vec![0.0; Agent::memory(&file(bottleneck, messages)).unwrap()];
        let bytes = file(bottleneck, messages);
        let agent = Agent::read(&bytes, &mut memory).unwrap();
        assert_eq!((agent.features(), agent.messages()), (16, messages));
        for number in 0..200 {
            pass.input_mut(0).copy_from_slice(&observation(number));
            network.forward(None, &mut pass);
            let mut values = [0.0; 32];
            let count = agent.values(&observation(number), &mut values).unwrap();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&values[..count]), bits(pass.values(0)));
        }
    }
}

fn vectors() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors"))
}

/// Decisions and values of the agent in the shared vectors.
fn golden() -> Value {
    let bytes = file(true, 4);
    let mut memory = [0.0; 5_000];
    let agent = Agent::read(&bytes, &mut memory).unwrap();
    let case = |number| {
        let observation = observation(number);
        let mut values = [0.0; 32];
        let count = agent.values(&observation, &mut values).unwrap();
        let Decision { level, message } = agent.act(&observation, None).unwrap();
        let masked = agent.act(&observation, Some(&[true, true, true, false, false])).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        json!({"observation_bits": bits(&observation), "value_bits": bits(&values[..count]), "level": level,
               "message": message, "level_within_share": masked.level})
    };
    (0..20).map(case).collect()
}

/// C and Python read the same files. `SLICES_BLESS=1` writes them.
#[test]
fn the_shared_vectors_are_current() {
    let (agent, cases) = (vectors().join("agent.safetensors"), vectors().join("agent.json"));
    let text = serde_json::to_string(&golden()).unwrap().replace("},{", "},\n{") + "\n";
    if std::env::var_os("SLICES_BLESS").is_some() {
        std::fs::write(&agent, file(true, 4)).unwrap();
        std::fs::write(&cases, &text).unwrap();
    }
    assert_eq!(std::fs::read(agent).unwrap(), file(true, 4));
    assert_eq!(std::fs::read_to_string(cases).unwrap(), text);
}

#[test]
fn bad_observations_masks_and_memories_are_named() {
    let bytes = file(true, 4);
    let mut memory = [0.0; 5_000];
    let agent = Agent::read(&bytes, &mut memory).unwrap();
    let refused = |observation: &[f32]| agent.act(observation, None).unwrap_err().to_string();
    assert_eq!(refused(&[0.0; 15]), "The observation has 15 features, the agent needs 16");
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut observation = [0.0; 16];
        observation[7] = bad;
        assert_eq!(refused(&observation), "Feature 7 of the observation is infinite or not a number");
    }
    assert_eq!(agent.act(&[0.0; 16], Some(&[false; LEVELS])), Err(InferError::NothingAllowed));
    assert!(agent.values(&[0.0; 16], &mut [0.0; 8]).is_err());
    let message = Agent::read(&bytes, &mut [0.0; 100]).unwrap_err().to_string();
    assert_eq!(message, "There are 100 places of memory, 3465 are needed");
}

#[test]
fn files_that_hold_no_agent_are_refused_by_what_is_wrong() {
    let with = |name: &str, tensor: Option<Tensor>| {
        let mut file = Checkpoint::new(Kind::Weights);
        for (known, old) in weights(&network(true, 4)).tensors() {
            if known != name {
                file.insert(known, old.clone());
            }
        }
        if let Some(tensor) = tensor {
            file.insert(name, tensor);
        }
        Agent::read(&file.to_bytes().unwrap(), &mut [0.0; 5_000]).unwrap_err()
    };
    assert_eq!(with("first.bias", None), InferError::Missing("first.bias"));
    assert_eq!(with("mean.weight", None), InferError::Missing("middle.weight"));
    let list = Tensor::new(&[64], &[0f64; 64]);
    assert_eq!(with("first.bias", Some(list)), InferError::BadTensor("first.bias"));
    let short = Tensor::new(&[3], &[0f32; 3]);
    assert_eq!(with("heads.bias", Some(short)), InferError::BadTensor("heads.bias"));
    let narrow = Tensor::new(&[9, 31], &[0f32; 9 * 31]);
    assert_eq!(with("heads.weight", Some(narrow)), InferError::Shapes);
    let bad = Tensor::new(&[64], &[f32::NAN; 64]);
    assert_eq!(with("first.bias", Some(bad)), InferError::BadWeight);
}

proptest! {
    #[test]
    fn a_file_that_was_cut_off_or_damaged_is_an_error_and_no_panic(
        cut in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let good = file(false, 2);
        let mut memory = [0.0; 5_000];
        prop_assert!(Agent::read(&good[..cut.index(good.len())], &mut memory).is_err());
        let mut bad = good.clone();
        let header = 8 + place.index(700);
        bad[header] = byte;
        let _ = Agent::read(&bad, &mut memory);
    }

    #[test]
    fn any_header_is_an_error_and_no_panic(header in "[\\{\\}\\[\\]\",:a-z0-9 \\\\]{0,80}") {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        prop_assert!(Agent::read(&bytes, &mut [0.0; 10]).is_err());
    }
}
