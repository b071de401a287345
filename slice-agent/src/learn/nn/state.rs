//! Networks in checkpoints, named and shaped as PyTorch's `nn.Linear` has them.

use super::{Adam, Layer, Layers};
use crate::checkpoint::{CheckpointError, Reader, Writer};

/// Puts `NAME.weight` (outputs by inputs) and `NAME.bias` of every layer into `to`.
pub fn store_weights(model: &impl Layers<f32>, to: &mut Writer<'_>) {
    for (name, layer) in model.layers() {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let (weights, bias) = layer.values().split_at(inputs * outputs);
        let mut part = to.part(&name);
        part.tensor("weight", &[outputs, inputs], &transposed(weights, inputs, outputs));
        part.list("bias", bias);
    }
}

/// Takes them back.
///
/// # Errors
/// One is missing, of another shape, or not finite.
pub fn restore_weights(model: &mut impl Layers<f32>, from: &mut Reader<'_>) -> Result<(), CheckpointError> {
    each_named(model, |name, layer| {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let mut part = from.part(name);
        let mut weights = vec![0.0; inputs * outputs];
        part.tensor("weight", &[outputs, inputs], &mut weights)?;
        let (own, bias) = layer.values_mut().split_at_mut(inputs * outputs);
        own.copy_from_slice(&transposed(&weights, outputs, inputs));
        part.tensor("bias", &[outputs], bias)
    })
}

/// Calls `visit` with each layer and its name, up to the first error.
fn each_named(
    model: &mut impl Layers<f32>,
    mut visit: impl FnMut(&str, &mut Layer<f32>) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let names: Vec<_> = model.layers().into_iter().map(|(name, _)| name).collect();
    let (mut names, mut result) = (names.iter(), Ok(()));
    model.each_mut(&mut |layer| {
        if let (Some(name), true) = (names.next(), result.is_ok()) {
            result = visit(name, layer);
        }
    });
    result
}

/// A matrix of `rows` rows, column by column.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

/// Puts the optimiser's steps and its moments of every layer into `to`.
pub fn store_optimiser(adam: &Adam, model: &impl Layers<f32>, to: &mut Writer<'_>) {
    to.put("steps", adam.steps().unsigned_abs());
    for (name, layer) in model.layers() {
        let (first, second) = layer.moments();
        let mut part = to.part(&name);
        part.list("first_moment", first);
        part.list("second_moment", second);
    }
}

/// Takes them back.
///
/// # Errors
/// One is missing, of another length, or not finite.
pub fn restore_optimiser(
    adam: &mut Adam,
    model: &mut impl Layers<f32>,
    from: &mut Reader<'_>,
) -> Result<(), CheckpointError> {
    let steps: u32 = from.take("steps")?;
    adam.set_steps(i32::try_from(steps).map_err(|_| from.bad("steps", steps, "at most 2^31 - 1"))?);
    each_named(model, |name, layer| {
        let count = [layer.values().len()];
        let (first, second) = layer.moments_mut();
        let mut part = from.part(name);
        part.tensor("first_moment", &count, first)?;
        part.tensor("second_moment", &count, second)
    })
}
