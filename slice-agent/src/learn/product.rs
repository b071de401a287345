//! Products of small matrices: every element is summed up from the first term to the last, one after another, in tiles
//! whose columns lie in vector registers.

use crate::simd::{Kernel, dispatch};

/// Columns of a tile; rows of matrices are padded to multiples of it.
pub(super) const COLUMNS: usize = 16;
/// Rows of a tile.
const ROWS: usize = 4;

/// A matrix of which element (i, j) lies at `i * row + j * column`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix with rows of `row` numbers one after another.
    pub(super) fn rows(values: &'a [f32], row: usize) -> Matrix<'a> {
        Matrix { values, row, column: 1 }
    }

    /// Its transpose.
    pub(super) fn transposed(self) -> Matrix<'a> {
        Matrix { values: self.values, row: self.column, column: self.row }
    }
}

/// What the sums begin with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    /// Nothing.
    Zero,
    /// In every row these numbers.
    Row(&'a [f32]),
}

/// The first `width` columns of start + A B, of which `terms` products make a sum; the rows of B and of `out` lie one
/// after another, `b_row` and `out_row` numbers long. `width` is a multiple of [`COLUMNS`].
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) start: Start<'a>,
    pub(super) a: Matrix<'a>,
    pub(super) b: &'a [f32],
    pub(super) b_row: usize,
    pub(super) terms: usize,
    pub(super) width: usize,
    pub(super) out: &'a mut [f32],
    pub(super) out_row: usize,
}

impl Product<'_> {
    /// Computes it.
    pub(super) fn compute(self) {
        dispatch(self);
    }

    #[inline(always)]
    fn tile<const HEIGHT: usize>(&mut self, first: usize, column: usize) {
        let mut sums = [[0.0f32; COLUMNS]; HEIGHT];
        if let Start::Row(row) = self.start {
            let start = block(&row[column..]);
            sums.iter_mut().for_each(|sums| *sums = start);
        }
        let a: [&[f32]; HEIGHT] = std::array::from_fn(|row| &self.a.values[(first + row) * self.a.row..]);
        for term in 0..self.terms {
            let b = block(&self.b[term * self.b_row + column..]);
            for row in 0..HEIGHT {
                let factor = a[row][term * self.a.column];
                for lane in 0..COLUMNS {
                    sums[row][lane] += factor * b[lane];
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let place = (first + row) * self.out_row + column;
            self.out[place..place + COLUMNS].copy_from_slice(sums);
        }
    }
}

#[inline(always)]
fn block(values: &[f32]) -> [f32; COLUMNS] {
    let mut block = [0.0; COLUMNS];
    block.copy_from_slice(&values[..COLUMNS]);
    block
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run(mut self) {
        let rows = self.out.len() / self.out_row;
        let whole = rows - rows % ROWS;
        for column in (0..self.width).step_by(COLUMNS) {
            for first in (0..whole).step_by(ROWS) {
                self.tile::<ROWS>(first, column);
            }
            for first in whole..rows {
                self.tile::<1>(first, column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        let mut random = crate::random::Stream::new(1, count);
        (0..count).map(|_| crate::math::normalf(random.next())).collect()
    }

    /// Element by element, in the order that is promised.
    fn naive(
        start: Start<'_>,
        a: Matrix<'_>,
        b: (&[f32], usize),
        terms: usize,
        place: (usize, usize),
    ) -> f32 {
        let mut sum = match start {
            Start::Zero => 0.0,
            Start::Row(start) => start[place.1],
        };
        for term in 0..terms {
            sum += a.values[place.0 * a.row + term * a.column] * b.0[term * b.1 + place.1];
        }
        sum
    }

    #[test]
    fn every_element_is_the_sum_in_its_order_to_the_last_bit() {
        for (rows, terms, width) in [(1, 1, 16), (3, 7, 16), (4, 16, 32), (64, 64, 48), (9, 5, 16)] {
            let row = width + COLUMNS;
            let (values, b, first) = (numbers(rows * terms), numbers(terms * row), numbers(width));
            for transposed in [false, true] {
                let (a, start) = match transposed {
                    true => (Matrix::rows(&values, rows).transposed(), Start::Zero),
                    false => (Matrix::rows(&values, terms), Start::Row(&first)),
                };
                let mut out = vec![0.0; rows * row];
                Product { start, a, b: &b, b_row: row, terms, width, out: &mut out, out_row: row }.compute();
                for place in (0..rows).flat_map(|row| (0..width).map(move |column| (row, column))) {
                    let expected = naive(start, a, (&b, row), terms, place);
                    assert_eq!(out[place.0 * row + place.1].to_bits(), expected.to_bits());
                }
            }
        }
    }
}
