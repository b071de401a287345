//! Stored trainings in which something was changed before they were sealed again.

use std::sync::OnceLock;

use arbitrary::{Arbitrary, Unstructured};
use slice_agent::checkpoint::{Checkpoint, Kind, Tensor};
use slice_agent::env::{EnvConfig, PreemptionRule};
use slice_agent::learn::{Algorithm, Method, Recipe, Training, Tuning};

/// One change of one tensor.
#[derive(Debug, Arbitrary)]
enum Change {
    /// A number becomes another.
    Number { place: u16, bits: u64 },
    /// The tensor has another shape, and the same numbers as far as it can.
    Shape { rows: u8, columns: u8 },
    /// The tensor has another type.
    Type { wide: bool },
    /// A tensor that nobody needs.
    More,
}

fn config() -> EnvConfig {
    let mut config = EnvConfig::source_document(PreemptionRule::Claims);
    config.episode_steps = 6;
    config.slices.truncate(2);
    config
}

/// Every kind of learner.
fn recipes() -> Vec<Recipe> {
    let config = config();
    let source = |method: Method| Recipe::Source { method, settings: method.settings(&config, 4, None) };
    let tuning = Tuning { batch: 4, horizon: 6, ..Tuning::default() };
    let beyond = |algorithm| Recipe::Beyond { algorithm, talks: true, tuning, offline: None };
    Method::ALL.into_iter().map(source).chain(Algorithm::ALL.map(beyond)).collect()
}

fn training(recipe: &Recipe) -> Training {
    Training::new(recipe, config(), 7, 40).expect("the settings hold")
}

/// Each learner with what it stores after some episodes.
fn stored() -> &'static [(Recipe, Checkpoint)] {
    static STORED: OnceLock<Vec<(Recipe, Checkpoint)>> = OnceLock::new();
    STORED.get_or_init(|| {
        let one = |recipe: Recipe| {
            let mut training = training(&recipe);
            for _ in 0..12 {
                training.episode().expect("learners keep to their grid");
            }
            let mut file = Checkpoint::new(Kind::Training);
            file.store("", &training);
            (recipe, file)
        };
        recipes().into_iter().map(one).collect()
    })
}

/// The first byte chooses the learner, the rest changes what it stored.
pub fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let all = stored();
    let (recipe, file) = &all[usize::from(u.arbitrary::<u8>().unwrap_or(0)) % all.len()];
    let mut changed = file.clone();
    for _ in 0..8 {
        let (Ok(index), Ok(change)) = (u.arbitrary::<u8>(), u.arbitrary::<Change>()) else { break };
        apply(&mut changed, index, &change);
    }
    let bytes = changed.to_bytes().expect("tensors can be written");
    assert_eq!(Checkpoint::from_bytes(&bytes).expect("it was sealed"), changed);
    let mut training = training(recipe);
    match changed.restore("", &mut training) {
        // What was restored is as good as what was stored: it goes on, or says why not.
        Ok(()) => {
            let _ = (!training.is_done()).then(|| training.episode());
        }
        Err(refused) => assert!(refused.to_string().len() < 400, "{refused}"),
    }
}

fn apply(file: &mut Checkpoint, index: u8, change: &Change) {
    let count = file.tensors().count();
    let chosen = file.tensors().nth(usize::from(index) % count.max(1));
    let Some((name, tensor)) = chosen.map(|(name, tensor)| (name.to_owned(), tensor.clone())) else { return };
    let shape = tensor.shape().to_vec();
    let new = match *change {
        Change::Number { place, bits } => number(&tensor, usize::from(place), bits),
        Change::Shape { rows, columns } => {
            let values: Vec<f32> = tensor.values().unwrap_or_default();
            let shape = [rows, columns].map(|side| usize::from(side % 20));
            let values: Vec<f32> = values.into_iter().take(shape[0] * shape[1]).collect();
            Tensor::new(&shape, &values)
        }
        Change::Type { wide: true } => Tensor::new(&shape, &[0u64; 0]),
        Change::Type { wide: false } => Tensor::new(&shape, &[0u8; 0]),
        Change::More => return file.insert(&format!("{name}.more"), Tensor::new(&[], &[1f32])),
    };
    file.insert(&name, new);
}

/// The tensor with the number at `place` made of `bits`.
fn number(tensor: &Tensor, place: usize, bits: u64) -> Tensor {
    fn with<T: slice_agent::checkpoint::Number>(tensor: &Tensor, place: usize, new: T) -> Option<Tensor> {
        let mut values = tensor.values::<T>()?;
        let count = values.len().max(1);
        *values.get_mut(place % count)? = new;
        Some(Tensor::new(tensor.shape(), &values))
    }
    let [low, ..] = bits.to_le_bytes();
    let word = bits as u32;
    let changed = with(tensor, place, f32::from_bits(word)).or_else(|| with(tensor, place, bits));
    changed
        .or_else(|| with(tensor, place, word))
        .or_else(|| with(tensor, place, low))
        .unwrap_or_else(|| tensor.clone())
}
