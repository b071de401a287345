//! Nothing is allocated by a step, a decision or an update, and a training stays small.
#![allow(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use slice_agent::env::{Action, BatchEnv, EnvConfig, PreemptionRule, SliceEnv};
use slice_agent::infer::Agent;
use slice_agent::learn::{Algorithm, Method, Recipe, Training, Tuning};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(mut work: impl FnMut()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn config(rule: PreemptionRule, arbiter: bool) -> EnvConfig {
    EnvConfig { arbiter, arrivals_delay_steps: 2, ..EnvConfig::source_document(rule) }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn steps_and_resets_of_environments_allocate_nothing() {
    for arbiter in [false, true] {
        let config = config(PreemptionRule::WorkConserving, arbiter);
        let mut env = SliceEnv::new(config.clone(), 1).unwrap();
        let mut batch = BatchEnv::new(config, &[1, 2, 3]).unwrap();
        let actions = [Action { level: 4, message: 1 }; 3];
        let mut features = [0.0; 16];
        let mut observations = vec![0.0; 3 * 3 * batch.features()];
        let work = || {
            env.reset(2);
            batch.reset(&[4, 5, 6]).unwrap();
            for _ in 0..60 {
                env.step(&actions).unwrap();
                env.observe(1).write(0.010, 40_000_000_000, 4, &mut features);
                batch.step(&ACTIONS).unwrap();
                batch.observe(&mut observations).unwrap();
            }
        };
        assert_eq!(allocations(work), 0);
    }
}

const ACTIONS: [u8; 18] = [4, 1, 0, 2, 2, 3, 4, 1, 0, 2, 2, 3, 4, 1, 0, 2, 2, 3];

/// Once the memory of a training has grown, which takes some episodes and updates, none of its episodes allocates.
fn nothing_is_allocated(recipe: &Recipe) {
    let training = Training::new(recipe, config(PreemptionRule::Claims, false), 1, 20);
    let mut training = training.expect("the settings hold");
    let mut episodes = |count: u32| {
        for _ in 0..count {
            std::hint::black_box(training.episode().expect("learners keep to their grid"));
        }
    };
    episodes(8);
    // Also the end of a horizon, and a new target network.
    assert_eq!(allocations(|| episodes(5)), 0, "{} talks {}", recipe.name(), recipe.talks());
}

#[test]
fn decisions_and_updates_of_a_training_allocate_nothing() {
    for method in Method::ALL {
        let settings = method.settings(&config(PreemptionRule::Claims, false), 20, None);
        nothing_is_allocated(&Recipe::Source { method, settings });
    }
}

#[test]
fn decisions_and_updates_of_every_other_learner_allocate_nothing() {
    for algorithm in Algorithm::ALL {
        for talks in [false, true].into_iter().filter(|talks| *talks || !algorithm.must_talk()) {
            nothing_is_allocated(&Recipe::Beyond {
                algorithm,
                talks,
                tuning: Tuning::default(),
                offline: None,
            });
        }
    }
}

#[test]
fn trained_agents_decide_without_an_allocation() {
    let file = include_bytes!("../../tests/vectors/agent.safetensors");
    let mut memory = [0.0; 5_000];
    let work = || {
        let agent = Agent::read(file, &mut memory).unwrap();
        for _ in 0..100 {
            std::hint::black_box(agent.act(&[0.1; 16], None).unwrap());
        }
    };
    assert_eq!(allocations(work), 0);
}
