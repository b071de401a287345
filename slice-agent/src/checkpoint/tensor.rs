//! Numbers with a shape.

/// Numbers with a shape, rows first.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub(super) dtype: safetensors::Dtype,
    pub(super) shape: Vec<usize>,
    /// Little endian.
    pub(super) bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor of `values`, which must fill `shape`; missing ones are zero, more are left out.
    pub fn new<T: Number>(shape: &[usize], values: &[T]) -> Tensor {
        let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le()).collect();
        bytes.resize(shape.iter().product::<usize>() * size_of::<T>(), 0);
        Tensor { dtype: T::DTYPE, shape: shape.to_vec(), bytes }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers, if they are of type `T`.
    pub fn values<T: Number>(&self) -> Option<Vec<T>> {
        let all = || self.bytes.chunks_exact(size_of::<T>()).map(T::from_le).collect();
        (self.dtype == T::DTYPE).then(all)
    }

    /// Type and shape, for people.
    pub fn outline(&self) -> String {
        outline(self.dtype, &self.shape)
    }
}

/// Type and shape, for people.
pub(super) fn outline(dtype: safetensors::Dtype, shape: &[usize]) -> String {
    format!("{dtype} {shape:?}")
}

impl safetensors::View for &Tensor {
    fn dtype(&self) -> safetensors::Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.bytes.as_slice().into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A number that a tensor can hold.
pub trait Number: Copy + Default + std::fmt::Display + sealed::Sealed {
    /// Its type in the file.
    #[doc(hidden)]
    const DTYPE: safetensors::Dtype;

    /// Its bytes, the lowest first.
    #[doc(hidden)]
    fn to_le(self) -> impl Iterator<Item = u8>;

    /// The number of `bytes`; zero if their count is wrong.
    #[doc(hidden)]
    fn from_le(bytes: &[u8]) -> Self;

    /// Whether it is neither infinite nor NaN.
    #[doc(hidden)]
    fn is_finite(&self) -> bool;
}

macro_rules! number {
    ($($type:ident $dtype:ident $is_finite:expr),*) => {$(
        impl sealed::Sealed for $type {}
        impl Number for $type {
            const DTYPE: safetensors::Dtype = safetensors::Dtype::$dtype;

            fn to_le(self) -> impl Iterator<Item = u8> {
                self.to_le_bytes().into_iter()
            }

            fn from_le(bytes: &[u8]) -> $type {
                bytes.try_into().map_or_else(|_| $type::default(), $type::from_le_bytes)
            }

            fn is_finite(&self) -> bool {
                let is_finite: fn($type) -> bool = $is_finite;
                is_finite(*self)
            }
        }
    )*};
}

number!(f32 F32 f32::is_finite, f64 F64 f64::is_finite, u8 U8 |_| true, u32 U32 |_| true, u64 U64 |_| true);
