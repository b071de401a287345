//! Products of small matrices: every element is summed up from the first term to the last, one after another, in tiles
//! whose columns lie in vector registers.

use super::nn::Real;
use crate::simd::{Kernel, dispatch};

/// Columns of a tile.
pub(super) const COLUMNS: usize = 16;
/// Rows of a tile.
const ROWS: usize = 4;

/// A matrix of which element (i, j) lies at `i * row + j * column`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a, R> {
    pub(super) values: &'a [R],
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a, R> Matrix<'a, R> {
    /// A matrix with rows of `row` numbers one after another.
    pub(super) fn rows(values: &'a [R], row: usize) -> Matrix<'a, R> {
        Matrix { values, row, column: 1 }
    }

    /// Its transpose.
    pub(super) fn transposed(self) -> Matrix<'a, R> {
        Matrix { values: self.values, row: self.column, column: self.row }
    }
}

/// What the sums begin with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a, R> {
    /// Nothing.
    Zero,
    /// In every row these numbers.
    Row(&'a [R]),
    /// What `out` holds.
    Kept,
}

/// The first `width` columns of start + A B, of which `terms` products make a sum; the rows of B and of `out` lie one
/// after another, `b_row` and `out_row` numbers long. Widths that are multiples of [`COLUMNS`] are fastest.
#[derive(Debug)]
pub(super) struct Product<'a, R> {
    pub(super) start: Start<'a, R>,
    pub(super) a: Matrix<'a, R>,
    pub(super) b: &'a [R],
    pub(super) b_row: usize,
    pub(super) terms: usize,
    pub(super) width: usize,
    pub(super) out: &'a mut [R],
    pub(super) out_row: usize,
}

impl<R: Real> Product<'_, R> {
    /// Computes it.
    pub(super) fn compute(self) {
        dispatch(self);
    }

    /// All rows of the `count` columns from `column` on.
    #[inline(always)]
    fn panel(&mut self, column: usize, count: usize) {
        let rows = self.out.len() / self.out_row;
        let whole = rows - rows % ROWS;
        for first in (0..whole).step_by(ROWS) {
            self.tile::<ROWS>(first, column, count);
        }
        for first in whole..rows {
            self.tile::<1>(first, column, count);
        }
    }

    #[inline(always)]
    fn tile<const HEIGHT: usize>(&mut self, first: usize, column: usize, count: usize) {
        let mut sums = [[R::zero(); COLUMNS]; HEIGHT];
        match self.start {
            Start::Zero => {}
            Start::Row(row) => {
                let start = block(&row[column..], count);
                sums.iter_mut().for_each(|sums| *sums = start);
            }
            Start::Kept => {
                for (row, sums) in sums.iter_mut().enumerate() {
                    *sums = block(&self.out[(first + row) * self.out_row + column..], count);
                }
            }
        }
        let a: [&[R]; HEIGHT] = std::array::from_fn(|row| &self.a.values[(first + row) * self.a.row..]);
        for term in 0..self.terms {
            let b = block(&self.b[term * self.b_row + column..], count);
            for row in 0..HEIGHT {
                let factor = a[row][term * self.a.column];
                for lane in 0..COLUMNS {
                    sums[row][lane] += factor * b[lane];
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let place = (first + row) * self.out_row + column;
            self.out[place..place + count].copy_from_slice(&sums[..count]);
        }
    }
}

/// The first `count` numbers, then zeros.
#[inline(always)]
fn block<R: Real>(values: &[R], count: usize) -> [R; COLUMNS] {
    let mut block = [R::zero(); COLUMNS];
    block[..count].copy_from_slice(&values[..count]);
    block
}

impl<R: Real> Kernel for Product<'_, R> {
    #[inline(always)]
    fn run(mut self) {
        let whole = self.width - self.width % COLUMNS;
        for column in (0..whole).step_by(COLUMNS) {
            self.panel(column, COLUMNS);
        }
        if whole < self.width {
            self.panel(whole, self.width - whole);
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
    fn naive(start: f32, a: Matrix<'_, f32>, b: (&[f32], usize), terms: usize, place: (usize, usize)) -> f32 {
        let add = |sum: f32, term: usize| {
            sum + a.values[place.0 * a.row + term * a.column] * b.0[term * b.1 + place.1]
        };
        (0..terms).fold(start, add)
    }

    #[test]
    fn every_element_is_the_sum_in_its_order_to_the_last_bit() {
        let sizes = [
            (1, 1, 16),
            (3, 7, 16),
            (4, 16, 32),
            (64, 64, 48),
            (9, 5, 16),
            (1, 1, 1),
            (6, 9, 17),
            (9, 3, 40),
        ];
        for (rows, terms, width) in sizes {
            let row = width + COLUMNS;
            let (values, b, first) = (numbers(rows * terms), numbers(terms * row), numbers(width));
            let before = numbers(rows * row);
            for (start, transposed) in [(Start::Zero, true), (Start::Row(&first), false), (Start::Kept, true)]
            {
                let a = match transposed {
                    true => Matrix::rows(&values, rows).transposed(),
                    false => Matrix::rows(&values, terms),
                };
                let mut out = before.clone();
                Product { start, a, b: &b, b_row: row, terms, width, out: &mut out, out_row: row }.compute();
                for (line, column) in (0..rows).flat_map(|line| (0..width).map(move |column| (line, column)))
                {
                    let place = line * row + column;
                    let start = match start {
                        Start::Zero => 0.0,
                        Start::Row(first) => first[column],
                        Start::Kept => before[place],
                    };
                    let expected = naive(start, a, (&b, row), terms, (line, column));
                    assert_eq!(out[place].to_bits(), expected.to_bits());
                }
                let untouched = |place: &usize| place % row >= width;
                assert!((0..out.len()).filter(untouched).all(|place| out[place] == before[place]));
            }
        }
    }
}
