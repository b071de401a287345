//! Products of matrices, added to what is there: every element is summed up from the first term to the last, one after
//! another, in tiles whose columns lie in vector registers.

use super::real::Real;
use crate::simd::{self, Kernel};

/// Columns of a tile.
const COLUMNS: usize = 16;
/// Rows of a tile.
const ROWS: usize = 4;

/// A matrix of which element (i, j) lies at `i * row + j * column`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a, R> {
    pub(super) values: &'a [R],
    pub(super) row: usize,
    pub(super) column: usize,
}

/// OUT += A B: rows of B and OUT lie one after another, `width` long.
#[derive(Debug)]
pub(super) struct Product<'a, R> {
    pub(super) a: Matrix<'a, R>,
    pub(super) b: &'a [R],
    pub(super) rows: usize,
    pub(super) terms: usize,
    pub(super) width: usize,
    pub(super) out: &'a mut [R],
}

impl<R: Real> Product<'_, R> {
    /// Computes it with the widest vectors of this processor.
    pub(super) fn compute(self) {
        simd::dispatch(self);
    }

    /// One column of tiles; `b` begins at its first column and has rows of `b_row`.
    #[inline(always)]
    fn panel(&mut self, column: usize, b: &[R], b_row: usize) {
        let mut row = 0;
        while row + ROWS <= self.rows {
            self.tile::<ROWS>(row, column, b, b_row);
            row += ROWS;
        }
        while row < self.rows {
            self.tile::<1>(row, column, b, b_row);
            row += 1;
        }
    }

    #[inline(always)]
    fn tile<const HEIGHT: usize>(&mut self, first: usize, column: usize, b: &[R], b_row: usize) {
        let count = COLUMNS.min(self.width - column);
        let mut sums = [[R::zero(); COLUMNS]; HEIGHT];
        for (row, sums) in sums.iter_mut().enumerate() {
            sums[..count].copy_from_slice(&self.out[(first + row) * self.width + column..][..count]);
        }
        let a: [&[R]; HEIGHT] = std::array::from_fn(|row| &self.a.values[(first + row) * self.a.row..]);
        for (term, b) in b.chunks(b_row).take(self.terms).enumerate() {
            let Some(b) = b.first_chunk::<COLUMNS>() else { return };
            for row in 0..HEIGHT {
                let factor = a[row][term * self.a.column];
                for lane in 0..COLUMNS {
                    sums[row][lane] += factor * b[lane];
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            self.out[(first + row) * self.width + column..][..count].copy_from_slice(&sums[..count]);
        }
    }
}

impl<R: Real> Kernel for Product<'_, R> {
    #[inline(always)]
    fn run(mut self) {
        let (b, width) = (self.b, self.width);
        let whole = width - width % COLUMNS;
        for column in (0..whole).step_by(COLUMNS) {
            self.panel(column, &b[column..], width);
        }
        if whole < width {
            let packed = packed(b, width, whole);
            self.panel(whole, &packed, COLUMNS);
        }
    }
}

/// The columns from `first` on, with zeros up to the width of a tile.
#[inline(always)]
fn packed<R: Real>(b: &[R], width: usize, first: usize) -> Vec<R> {
    let mut packed = vec![R::zero(); b.len() / width * COLUMNS];
    for (to, from) in packed.chunks_exact_mut(COLUMNS).zip(b.chunks_exact(width)) {
        to[..width - first].copy_from_slice(&from[first..]);
    }
    packed
}

/// A matrix of rows of `width`, column by column.
pub(super) fn transposed<R: Real>(values: &[R], width: usize, out: &mut Vec<R>) {
    out.clear();
    for column in 0..width {
        out.extend(values.iter().skip(column).step_by(width));
    }
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::SeedableRng;

    use super::*;
    use crate::learn::nn::check::normal;

    /// Naive sums from the first term to the last give the same bits, for sizes around those of a tile.
    #[test]
    fn every_element_is_summed_up_from_the_first_term_to_the_last() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for (rows, terms, width) in [(1, 1, 1), (3, 5, 5), (4, 7, 16), (6, 9, 17), (9, 3, 40)] {
            let (x, b) = (normal(rows * terms, &mut random), normal(terms * width, &mut random));
            let start = normal(rows * width, &mut random);
            let mut across = Vec::new();
            transposed(&x, terms, &mut across);
            let plain = Matrix { values: &x, row: terms, column: 1 };
            let turned = Matrix { values: &across, row: 1, column: rows };
            for a in [plain, turned] {
                let mut out = start.clone();
                Product { a, b: &b, rows, terms, width, out: &mut out }.compute();
                for (place, value) in out.iter().enumerate() {
                    let (row, column) = (place / width, place % width);
                    let add = |sum: f64, term: usize| sum + x[row * terms + term] * b[term * width + column];
                    assert_eq!(*value, (0..terms).fold(start[place], add));
                }
            }
        }
    }
}
