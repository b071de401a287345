//! Takes state back by its names.

use std::collections::{BTreeMap, BTreeSet};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

use super::CheckpointError;
use super::tensor::{Number, Tensor, outline};

/// Takes state back by its names, each of which begins with the names of the parts it lies in.
#[derive(Debug)]
pub struct Reader<'a> {
    tensors: &'a BTreeMap<String, Tensor>,
    taken: &'a mut BTreeSet<String>,
    prefix: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tensors: &'a BTreeMap<String, Tensor>, taken: &'a mut BTreeSet<String>) -> Reader<'a> {
        Reader { tensors, taken, prefix: String::new() }
    }

    /// A reader whose names begin with this reader's prefix, `name` and a dot; an empty `name` adds nothing.
    pub fn part(&mut self, name: &str) -> Reader<'_> {
        let dot = if name.is_empty() { "" } else { "." };
        Reader { tensors: self.tensors, taken: self.taken, prefix: format!("{}{name}{dot}", self.prefix) }
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&self.full(name))
    }

    /// Takes a tensor of just this shape into `values`.
    ///
    /// # Errors
    /// It is missing, of another type or shape, or holds a number that is not finite.
    pub fn tensor<T: Number>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &mut [T],
    ) -> Result<(), CheckpointError> {
        let found: Vec<T> = self.shaped(name, shape)?;
        if let Some(value) = found.iter().find(|value| !value.is_finite()) {
            return Err(self.bad(name, value, "finite"));
        }
        values.copy_from_slice(&found);
        Ok(())
    }

    /// Takes a list of any length.
    ///
    /// # Errors
    /// It is missing, of another type, or no list.
    pub fn list<T: Number>(&mut self, name: &str) -> Result<Vec<T>, CheckpointError> {
        let tensor = self.find(name)?;
        match (tensor.values(), tensor.shape.as_slice()) {
            (Some(values), [_]) => Ok(values),
            _ => Err(self.other(name, tensor, &format!("{} list", T::DTYPE))),
        }
    }

    /// Takes a number.
    ///
    /// # Errors
    /// It is missing or of another type.
    pub fn take<T: Number>(&mut self, name: &str) -> Result<T, CheckpointError> {
        self.shaped(name, &[]).map(|values: Vec<T>| values[0])
    }

    /// Takes a count.
    ///
    /// # Errors
    /// It is missing, no `u64`, or greater than `most`.
    pub fn count(&mut self, name: &str, most: usize) -> Result<usize, CheckpointError> {
        let value: u64 = self.take(name)?;
        let count = usize::try_from(value).ok().filter(|count| *count <= most);
        count.ok_or_else(|| self.bad(name, value, "at most what there is room for"))
    }

    /// Takes a generator of random numbers.
    ///
    /// # Errors
    /// It is missing or no state of a generator.
    pub fn random(&mut self, name: &str) -> Result<Xoshiro256PlusPlus, CheckpointError> {
        let words: Vec<u64> = self.shaped(name, &[4])?;
        if words.iter().all(|word| *word == 0) {
            return Err(self.bad(name, "zeros only", "the state of a generator"));
        }
        let mut seed = [0; 32];
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        seed.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Ok(Xoshiro256PlusPlus::from_seed(seed))
    }

    /// The error for a value that breaks a rule.
    pub fn bad(&self, name: &str, value: impl std::fmt::Display, rule: &'static str) -> CheckpointError {
        CheckpointError::BadValue { name: self.full(name), value: value.to_string(), rule }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn find(&mut self, name: &str) -> Result<&'a Tensor, CheckpointError> {
        let full = self.full(name);
        let Some(tensor) = self.tensors.get(&full) else { return Err(CheckpointError::Missing(full)) };
        self.taken.insert(full);
        Ok(tensor)
    }

    fn shaped<T: Number>(&mut self, name: &str, shape: &[usize]) -> Result<Vec<T>, CheckpointError> {
        let tensor = self.find(name)?;
        match tensor.values() {
            Some(values) if tensor.shape == shape => Ok(values),
            _ => Err(self.other(name, tensor, &outline(T::DTYPE, shape))),
        }
    }

    fn other(&self, name: &str, tensor: &Tensor, wanted: &str) -> CheckpointError {
        CheckpointError::OtherShape {
            name: self.full(name),
            found: tensor.outline(),
            wanted: wanted.to_owned(),
        }
    }
}
