//! Arrays of numpy, read and written where they are; what is not as it should be is told with what it should be.

use numpy::ndarray::Dimension;
use numpy::{
    Element, PyArrayDescrMethods as _, PyArrayMethods as _, PyReadonlyArray, PyReadwriteArray,
    PyUntypedArray, PyUntypedArrayMethods as _,
};
use pyo3::prelude::*;

use crate::errors::invalid;

/// The shape that an array must have; `None` is any length.
pub(crate) type Shape<'a> = &'a [Option<usize>];

/// An array to be read: of this type and shape, contiguous.
pub(crate) fn readable<'py, T: Element, D: Dimension>(
    name: &str,
    array: &Bound<'py, PyAny>,
    shape: Shape<'_>,
) -> PyResult<PyReadonlyArray<'py, T, D>> {
    check::<T>(name, array, shape)?;
    let readable = array.extract::<PyReadonlyArray<'py, T, D>>();
    readable.map_err(|_| invalid(array.py(), &format!("{name} is being written by another call")))
}

/// An array to be written: of this type and shape, contiguous and writable.
pub(crate) fn writable<'py, T: Element, D: Dimension>(
    name: &str,
    array: &Bound<'py, PyAny>,
    shape: Shape<'_>,
) -> PyResult<PyReadwriteArray<'py, T, D>> {
    check::<T>(name, array, shape)?;
    let busy = || invalid(array.py(), &format!("{name} must be writable, and not be in use by another call"));
    let array = array.cast::<numpy::PyArray<T, D>>().map_err(|_| busy())?;
    array.try_readwrite().map_err(|_| busy())
}

fn check<T: Element>(name: &str, array: &Bound<'_, PyAny>, shape: Shape<'_>) -> PyResult<()> {
    let py = array.py();
    let wanted = || format!("an array of {} of shape {}", numpy::dtype::<T>(py), outline(shape));
    let Ok(array) = array.cast::<PyUntypedArray>() else {
        return Err(invalid(py, &format!("{name} must be {}, not {}", wanted(), array.get_type())));
    };
    let fits = |(wanted, found): (&Option<usize>, &usize)| wanted.is_none_or(|wanted| wanted == *found);
    let is_wanted = array.dtype().is_equiv_to(&numpy::dtype::<T>(py))
        && array.ndim() == shape.len()
        && shape.iter().zip(array.shape()).all(fits);
    if !is_wanted {
        let found: Vec<_> = array.shape().iter().copied().map(Some).collect();
        let found = format!("{} of shape {}", array.dtype(), outline(&found));
        return Err(invalid(py, &format!("{name} must be {}, not of {found}", wanted())));
    }
    if array.is_c_contiguous() {
        return Ok(());
    }
    Err(invalid(py, &format!("{name} must be contiguous (numpy.ascontiguousarray makes it so)")))
}

/// `(3, any)`.
fn outline(shape: Shape<'_>) -> String {
    let length =
        |length: &Option<usize>| length.map_or_else(|| "any".to_owned(), |length| length.to_string());
    let lengths: Vec<_> = shape.iter().map(length).collect();
    match lengths.as_slice() {
        [one] => format!("({one},)"),
        lengths => format!("({})", lengths.join(", ")),
    }
}
