//! Agents that have learnt: their network, for acting and for exchange with other programs.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::{
    PyArray1, PyArray2, PyArrayMethods as _, PyReadonlyArray2, PyReadonlyArrayDyn, PyUntypedArrayMethods as _,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;
use slice_agent::checkpoint::{Checkpoint, CheckpointError, Kind, Reader, Stateful, Writer};
use slice_agent::env::LEVELS;
use slice_agent::learn::network::{HIDDEN, Network, Pass, WIDTH};
use vman_core::ErrorKind;

use crate::arrays;
use crate::errors::{exception, invalid, of_kind};

/// The tensor that each network has.
const FIRST: &str = "first.weight";
/// Rows that pass through the network at a time: enough for vector code, few enough for the processor's caches.
const ROWS: usize = 256;
/// Fewer rows than these pass one by one.
const FEW: usize = 16;

/// An agent that acts by the greatest value.
#[pyclass(frozen, module = "aivirt._aivirt")]
#[derive(Debug)]
pub(crate) struct Agent {
    network: Network,
    /// Room for [`ROWS`] rows, and for one.
    passes: Mutex<(Pass, Pass)>,
}

impl Agent {
    fn new(network: Network) -> Self {
        let passes = Mutex::new((Pass::new(&network, ROWS), Pass::new(&network, 1)));
        Self { network, passes }
    }

    /// The network below `part` of a checkpoint.
    fn of(py: Python<'_>, file: &Checkpoint, part: &str) -> PyResult<Self> {
        let network = Network::from_part(file, part).map_err(|error| refusal(py, &error))?;
        Ok(Self::new(network))
    }

    fn checkpoint(&self) -> Checkpoint {
        let mut file = Checkpoint::new(Kind::Weights);
        file.store("", &self.network);
        file
    }

    /// Passes all rows, some at a time; `take` gets the number of a row and its values.
    fn pass(&self, rows: &[f32], features: usize, take: &mut dyn FnMut(usize, &[f32])) {
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let few = rows.len() / features < FEW;
        let (pass, room) = if few { (&mut passes.1, 1) } else { (&mut passes.0, ROWS) };
        let inputs = self.network.inputs();
        for (block, rows) in rows.chunks(room * features).enumerate() {
            let rows = rows.chunks_exact(features);
            let count = rows.len();
            for (row, features) in rows.enumerate() {
                pass.input_mut(row).copy_from_slice(&features[..inputs]);
            }
            self.network.forward(None, pass);
            (0..count).for_each(|row| take(block * room + row, pass.values(row)));
        }
    }

    fn check<'py>(&self, array: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArray2<'py, f32>> {
        let py = array.py();
        let rows: PyReadonlyArray2<'py, f32> = arrays::readable("observations", array, &[None, None])?;
        let (features, wanted) = (rows.shape()[1], self.network.inputs());
        if features < wanted {
            let text = format!("observations have {features} features, the agent needs {wanted}");
            return Err(invalid(py, &text));
        }
        let bad = rows.as_slice()?.iter().position(|value| !value.is_finite());
        if let Some(index) = bad {
            let (row, column) = (index / features, index % features);
            let value = rows.as_slice()?[index];
            return Err(invalid(py, &format!("observations[{row}, {column}] is {value}, it must be finite")));
        }
        Ok(rows)
    }
}

fn refusal(py: Python<'_>, error: &CheckpointError) -> PyErr {
    let kind = if let CheckpointError::Io { source, .. } = error {
        source.raw_os_error().map_or(ErrorKind::Internal, ErrorKind::from_errno)
    } else {
        ErrorKind::InvalidArgument
    };
    of_kind(py, kind, error)
}

fn random(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// Tensors as they were given.
struct Given(Vec<(String, Vec<usize>, Vec<f32>)>);

impl Stateful for Given {
    fn store(&self, to: &mut Writer<'_>) {
        for (name, shape, values) in &self.0 {
            to.tensor(name, shape, values);
        }
    }

    /// Nothing is taken back: what is given is read by the network.
    fn restore(&mut self, _: &mut Reader<'_>) -> Result<(), CheckpointError> {
        Ok(())
    }
}

/// Index of the greatest value that is allowed; the first of equal ones.
fn greatest(values: &[f32], allowed: impl Fn(usize) -> bool) -> Option<usize> {
    let allowed = values.iter().enumerate().filter(|(index, _)| allowed(*index));
    let greater = |best: (usize, f32), (index, value): (usize, &f32)| {
        if *value > best.1 { (index, *value) } else { best }
    };
    let mut allowed = allowed;
    let (first, value) = allowed.next()?;
    Some(allowed.fold((first, *value), greater).0)
}

/// Which levels are allowed in each row; one row is for all.
fn mask<'py>(array: &Bound<'py, PyAny>, rows: usize) -> PyResult<PyReadonlyArray2<'py, bool>> {
    let masks: PyReadonlyArray2<'py, bool> = arrays::readable("mask", array, &[None, Some(LEVELS)])?;
    let count = masks.shape()[0];
    if count != 1 && count != rows {
        return Err(invalid(array.py(), &format!("mask has {count} rows, the observations have {rows}")));
    }
    let nothing = masks.as_slice()?.chunks_exact(LEVELS).position(|row| !row.contains(&true));
    match nothing {
        None => Ok(masks),
        Some(row) => Err(invalid(array.py(), &format!("mask[{row}] allows no level"))),
    }
}

#[pymethods]
impl Agent {
    /// An agent of arrays of float32 by the names of PyTorch's layers.
    #[staticmethod]
    fn from_tensors(py: Python<'_>, tensors: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut given = Vec::new();
        for (name, array) in tensors {
            let name: String = name.extract()?;
            let array = array.extract::<PyReadonlyArrayDyn<'_, f32>>();
            let array =
                array.map_err(|_| invalid(py, &format!("Tensor {name} must be an array of float32")))?;
            let values =
                array.as_slice().map_err(|_| invalid(py, &format!("Tensor {name} must be contiguous")))?;
            given.push((name, array.shape().to_vec(), values.to_vec()));
        }
        let mut file = Checkpoint::new(Kind::Weights);
        file.store("", &Given(given));
        Self::of(py, &file, "")
    }

    /// The agents of a file by the part of it in which they are.
    #[staticmethod]
    fn load_all(py: Python<'_>, path: PathBuf) -> PyResult<Vec<(String, Self)>> {
        let file = py.detach(|| Checkpoint::load(&path)).map_err(|error| refusal(py, &error))?;
        file.expect(Kind::Weights).map_err(|error| refusal(py, &error))?;
        let parts = file.tensors().filter_map(|(name, _)| name.strip_suffix(FIRST));
        let parts: Vec<_> = parts.map(|part| part.trim_end_matches('.').to_owned()).collect();
        if parts.is_empty() {
            return Err(refusal(py, &CheckpointError::Missing(FIRST.into())));
        }
        parts.into_iter().map(|part| Self::of(py, &file, &part).map(|agent| (part, agent))).collect()
    }

    /// An agent with weights by chance, for equal seeds equal ones.
    #[staticmethod]
    fn random(
        py: Python<'_>,
        features: usize,
        messages: usize,
        bottleneck: bool,
        seed: u64,
    ) -> PyResult<Self> {
        const MOST: usize = 1 << 16;
        if !(1..=MOST).contains(&features) || messages > MOST {
            let text = format!("features must be 1 to {MOST} and messages at most as many");
            return Err(exception(py, ErrorKind::InvalidArgument, &text, None));
        }
        Ok(Self::new(Network::new(features, LEVELS + messages, bottleneck, &mut random(seed))))
    }

    /// Writes the file at `path`, wholly or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.checkpoint().save(&path)).map_err(|error| refusal(py, &error))
    }

    /// The weights by the names of PyTorch's layers, as copies.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let told = PyDict::new(py);
        for (name, tensor) in self.checkpoint().tensors() {
            let values = PyArray1::from_vec(py, tensor.values::<f32>().unwrap_or_default());
            told.set_item(name, values.reshape(tensor.shape().to_vec())?)?;
        }
        Ok(told)
    }

    /// Level and message of the greatest values for each row; of the levels those that `masks` allows.
    fn act<'py>(
        &self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
        masks: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<i64>>> {
        let rows = self.check(observations)?;
        let (count, features, rows) = (rows.shape()[0], rows.shape()[1], rows.as_slice()?);
        let masks = masks.map(|masks| mask(masks, count)).transpose()?;
        let masks = masks.as_ref().map(|masks| masks.as_slice()).transpose()?;
        let mut actions = vec![0; 2 * count];
        let index = |found: Option<usize>| found.and_then(|index| i64::try_from(index).ok()).unwrap_or(0);
        py.detach(|| {
            self.pass(rows, features, &mut |row, values| {
                let (levels, messages) = values.split_at(LEVELS);
                let mask =
                    masks.map(|masks| if masks.len() == LEVELS { masks } else { &masks[row * LEVELS..] });
                actions[2 * row] = index(greatest(levels, |level| mask.is_none_or(|mask| mask[level])));
                actions[2 * row + 1] = index(greatest(messages, |_| true));
            });
        });
        PyArray1::from_vec(py, actions).reshape([count, 2])
    }

    /// The values of all levels, then of all messages, for each row.
    fn values<'py>(
        &self,
        py: Python<'py>,
        observations: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = self.check(observations)?;
        let (count, features, rows) = (rows.shape()[0], rows.shape()[1], rows.as_slice()?);
        let outputs = self.network.outputs();
        let mut all = vec![0.0; count * outputs];
        py.detach(|| {
            self.pass(rows, features, &mut |row, values| {
                all[row * outputs..][..outputs].copy_from_slice(values);
            });
        });
        PyArray1::from_vec(py, all).reshape([count, outputs])
    }

    #[getter]
    fn features(&self) -> usize {
        self.network.inputs()
    }

    #[getter]
    fn messages(&self) -> usize {
        self.network.outputs() - LEVELS
    }

    #[getter]
    fn bottleneck(&self) -> bool {
        self.network.has_bottleneck()
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Agent>()?;
    module.add("HIDDEN", HIDDEN)?;
    module.add("WIDTH", WIDTH)
}
