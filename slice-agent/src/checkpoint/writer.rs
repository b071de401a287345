//! Puts state under names.

use std::collections::BTreeMap;

use rand_xoshiro::Xoshiro256PlusPlus;

use super::tensor::{Number, Tensor};

/// Puts state under names, each of which begins with the names of the parts it lies in.
#[derive(Debug)]
pub struct Writer<'a> {
    tensors: &'a mut BTreeMap<String, Tensor>,
    prefix: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(tensors: &'a mut BTreeMap<String, Tensor>) -> Writer<'a> {
        Writer { tensors, prefix: String::new() }
    }

    /// A writer whose names begin with this writer's prefix, `name` and a dot; an empty `name` adds nothing.
    pub fn part(&mut self, name: &str) -> Writer<'_> {
        let dot = if name.is_empty() { "" } else { "." };
        Writer { tensors: self.tensors, prefix: format!("{}{name}{dot}", self.prefix) }
    }

    /// Puts a tensor; `values` must fill `shape`.
    pub fn tensor<T: Number>(&mut self, name: &str, shape: &[usize], values: &[T]) {
        debug_assert_eq!(values.len(), shape.iter().product::<usize>(), "{}{name}", self.prefix);
        self.tensors.insert(format!("{}{name}", self.prefix), Tensor::new(shape, values));
    }

    /// Puts a list.
    pub fn list<T: Number>(&mut self, name: &str, values: &[T]) {
        self.tensor(name, &[values.len()], values);
    }

    /// Puts a number.
    pub fn put<T: Number>(&mut self, name: &str, value: T) {
        self.tensor(name, &[], &[value]);
    }

    /// Puts a generator of random numbers.
    pub fn random(&mut self, name: &str, random: &Xoshiro256PlusPlus) {
        self.list(name, &state(random));
    }
}

/// The words of a generator's state, which serde is the only one to show.
fn state(random: &Xoshiro256PlusPlus) -> Vec<u64> {
    let shown = serde_json::to_value(random).unwrap_or_default();
    let words = shown["s"].as_array();
    words.map(|words| words.iter().filter_map(serde_json::Value::as_u64).collect()).unwrap_or_default()
}
