use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::*;

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    weights: Vec<f32>,
    sums: Vec<f64>,
    flags: Vec<u8>,
    count: u64,
    random: Xoshiro256PlusPlus,
}

impl Stateful for Sample {
    fn store(&self, to: &mut Writer<'_>) {
        to.part("layer").tensor("weights", &[2, 3], &self.weights);
        to.list("sums", &self.sums);
        to.list("flags", &self.flags);
        to.put("count", self.count);
        to.random("random", &self.random);
    }

    fn restore(&mut self, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
        from.part("layer").tensor("weights", &[2, 3], &mut self.weights)?;
        self.sums = from.list("sums")?;
        self.flags = from.list("flags")?;
        self.count = from.take("count")?;
        self.random = from.random("random")?;
        Ok(())
    }
}

fn sample(seed: u64) -> Sample {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut next = || f64::from(u32::try_from(random.next_u64() >> 40).unwrap()) / 1e4 - 800.0;
    let sums: Vec<_> = (0..4).map(|_| next()).collect();
    let weights = [1.5, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX, 3.25, -1e-9].to_vec();
    Sample { weights, sums, flags: vec![0, 255], count: seed, random }
}

fn checkpoint(seed: u64) -> Checkpoint {
    let mut checkpoint = Checkpoint::new(Kind::Training);
    checkpoint.describe("episode", &seed).unwrap();
    checkpoint.store("sample", &sample(seed));
    checkpoint
}

#[test]
fn state_comes_back_bit_by_bit_and_equal_state_gives_equal_bytes() {
    let bytes = checkpoint(7).to_bytes().unwrap();
    assert_eq!(bytes, checkpoint(7).to_bytes().unwrap());
    let back = Checkpoint::from_bytes(&bytes).unwrap();
    assert_eq!(back, checkpoint(7));
    assert_eq!((back.kind(), back.description::<u64>("episode").unwrap()), (Kind::Training, 7));
    let mut restored = sample(9);
    back.restore("sample", &mut restored).unwrap();
    assert_eq!(restored, sample(7));
    assert_eq!(restored.random.next_u64(), sample(7).random.next_u64());
    assert!(restored.weights[1].is_sign_negative());
}

#[test]
fn what_does_not_fit_is_named() {
    let mut other = sample(1);
    let restore = |change: &dyn Fn(&mut Checkpoint), other: &mut Sample| {
        let mut checkpoint = checkpoint(1);
        change(&mut checkpoint);
        checkpoint.restore("sample", other).unwrap_err().to_string()
    };
    let swap = |name: &'static str, tensor: Tensor| {
        move |checkpoint: &mut Checkpoint| drop(checkpoint.tensors.insert(name.into(), tensor.clone()))
    };
    for (change, message) in [
        (
            Box::new(|checkpoint: &mut Checkpoint| drop(checkpoint.tensors.remove("sample.sums")))
                as Box<dyn Fn(&mut Checkpoint)>,
            "It has no tensor sample.sums",
        ),
        (
            Box::new(swap("sample.layer.weights", Tensor::new(&[3, 2], &[0f32; 6]))),
            "Tensor sample.layer.weights is F32 [3, 2], F32 [2, 3] is needed",
        ),
        (
            Box::new(swap("sample.layer.weights", Tensor::new(&[2, 3], &[0f64; 6]))),
            "Tensor sample.layer.weights is F64 [2, 3], F32 [2, 3] is needed",
        ),
        (
            Box::new(swap("sample.layer.weights", Tensor::new(&[2, 3], &[f32::NAN; 6]))),
            "Tensor sample.layer.weights holds NaN, it must be finite",
        ),
        (
            Box::new(swap("sample.random", Tensor::new(&[4], &[0u64; 4]))),
            "Tensor sample.random holds zeros only, it must be the state of a generator",
        ),
        (
            Box::new(swap("sample.extra", Tensor::new(&[], &[0u8]))),
            "It has a tensor sample.extra that nothing here needs",
        ),
    ] {
        assert_eq!(restore(&*change, &mut other), message);
    }
    assert_eq!(
        checkpoint(1).expect(Kind::Weights).unwrap_err().to_string(),
        "It holds training, weights is needed"
    );
    assert!(checkpoint(1).description::<String>("episode").is_err());
    assert!(checkpoint(1).description::<u64>("nothing").is_err());
}

#[test]
fn a_file_of_another_program_is_weights() {
    let tensor = Tensor::new(&[1, 2], &[1f32, 2.0]);
    let bytes = safetensors::serialize([("first.weight", &tensor)], None).unwrap();
    let file = Checkpoint::from_bytes(&bytes).unwrap();
    assert_eq!(file.kind(), Kind::Weights);
    assert_eq!(file.tensors().collect::<Vec<_>>(), [("first.weight", &tensor)]);
}

#[test]
fn a_type_that_checkpoints_do_not_have_is_named() {
    let tensor = safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, vec![1], &[0, 0]).unwrap();
    let bytes = safetensors::serialize([("w", &tensor)], None).unwrap();
    let message = Checkpoint::from_bytes(&bytes).unwrap_err().to_string();
    assert_eq!(message, "Tensor w has the type BF16, known are F32, F64, U8, U32, U64");
}

#[test]
fn a_later_version_is_refused_by_its_number() {
    let entry = [("aivirt".to_owned(), r#"{"version":2,"kind":"dream"}"#.to_owned())];
    let tensor = Tensor::new(&[], &[1f32]);
    let bytes = safetensors::serialize([("w", &tensor)], Some(entry.into())).unwrap();
    let message = Checkpoint::from_bytes(&bytes).unwrap_err().to_string();
    assert_eq!(message, "It has format version 2, this release reads up to 1");
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_old_one_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("training.safetensors");
    checkpoint(1).save(&path).unwrap();
    checkpoint(2).save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint(2));
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    assert!(checkpoint(3).save(&folder).is_err(), "a folder was replaced");
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(Checkpoint::load(&dir.path().join("none")).unwrap_err().to_string().starts_with("Cannot read"));
}

proptest! {
    #[test]
    fn a_file_that_was_cut_off_is_refused(part in 0.0..1.0f64) {
        let bytes = checkpoint(3).to_bytes().unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the length")]
        let cut = (bytes.len() as f64 * part) as usize;
        prop_assert!(Checkpoint::from_bytes(&bytes[..cut]).is_err());
    }

    #[test]
    fn a_damaged_byte_is_noticed(place in any::<prop::sample::Index>(), flip in 1u8..) {
        let good = checkpoint(3);
        let mut bytes = good.to_bytes().unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        // Spaces and the order of names in the header say nothing; then the content must be the same.
        if let Ok(read) = Checkpoint::from_bytes(&bytes) {
            prop_assert!(read == good || read.kind() == Kind::Weights, "byte {place}");
        }
    }

    #[test]
    fn any_bytes_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Checkpoint::from_bytes(&bytes).is_err());
    }
}
