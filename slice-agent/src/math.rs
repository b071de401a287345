//! Elementary functions made of IEEE 754 operations only: the same bits on every machine, whatever its C library or
//! vector units, and without branches, so that loops over them become vector code. Names ending in `f` are those in single
//! precision.

/// Added and taken away again, it rounds to a whole number.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;

/// e^x to 2^-50; arguments beyond ±700 count as those.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-700.0, 700.0);
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Taylor: |r| is at most ln 2 / 2.
    let mut sum = 1.0 / 479_001_600.0;
    for factorial in
        [39_916_800.0, 3_628_800.0, 362_880.0, 40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0]
    {
        sum = sum * r + 1.0 / factorial;
    }
    f64::from_bits((rounded.to_bits() << 52).wrapping_add(sum.to_bits()))
}

/// Added and taken away again, it rounds to a whole number in single precision.
const ROUND_F: f32 = 1.5 * (1u32 << 23) as f32;
const ONE_BITS_F: u32 = 0x3F80_0000;
const MANTISSA_F: u32 = 0x007F_FFFF;

/// e^x to 2^-22; arguments beyond ±80 count as those.
#[inline(always)]
pub(crate) fn expf(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-80.0, 80.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND_F;
    let k = rounded - ROUND_F;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut sum = 1.0 / 5_040.0;
    for factorial in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        sum = sum * r + 1.0 / factorial;
    }
    f32::from_bits((rounded.to_bits() << 23).wrapping_add(sum.to_bits()))
}

/// The natural logarithm to 2^-22, of normal numbers above 0.
#[inline(always)]
pub(crate) fn lnf(x: f32) -> f32 {
    const TWO_23: f32 = (1u32 << 23) as f32;
    let bits = x.to_bits();
    let exponent = f32::from_bits((bits >> 23) | TWO_23.to_bits()) - TWO_23 - 127.0;
    let mantissa = f32::from_bits((bits & MANTISSA_F) | ONE_BITS_F);
    let is_high = mantissa > std::f32::consts::SQRT_2;
    let m = if is_high { 0.5 * mantissa } else { mantissa };
    let e = if is_high { exponent + 1.0 } else { exponent };
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let mut sum = 1.0 / 9.0;
    for odd in [7.0, 5.0, 3.0, 1.0] {
        sum = sum * s2 + 1.0 / odd;
    }
    e * std::f32::consts::LN_2 + 2.0 * s * sum
}

/// A standard normal number from 24 random bits, by the inverse of its distribution function (M. Giles's approximation
/// of erfinv for single precision), symmetric and within ±5.5.
#[inline(always)]
pub(crate) fn normalf(bits: u32) -> f32 {
    let (x, w) = of_bits(bits);
    let p = if w < CENTRE_ENDS { centre(w) } else { tail(w) };
    std::f32::consts::SQRT_2 * p * x
}

/// The same to the last bit, without a branch: for loops.
#[inline(always)]
pub(crate) fn normalf_in_loop(bits: u32) -> f32 {
    let (x, w) = of_bits(bits);
    let (of_centre, of_tail) = (centre(w), tail(w));
    let p = if w < CENTRE_ENDS { of_centre } else { of_tail };
    std::f32::consts::SQRT_2 * p * x
}

const CENTRE_ENDS: f32 = 5.0;

#[inline(always)]
#[allow(clippy::cast_precision_loss, reason = "24 bits fit")]
fn of_bits(bits: u32) -> (f32, f32) {
    let x = ((bits.cast_signed() >> 8) as f32 + 0.5) * (1.0 / (1u32 << 23) as f32);
    (x, -lnf((1.0 - x) * (1.0 + x)))
}

#[inline(always)]
fn centre(w: f32) -> f32 {
    const COEFFICIENTS: [f32; 9] = [
        2.810_226_4e-8,
        3.432_739_4e-7,
        -3.523_387_7e-6,
        -4.391_506_5e-6,
        2.185_808_7e-4,
        -1.253_725e-3,
        -4.177_681_6e-3,
        0.246_640_73,
        1.501_409_4,
    ];
    polynomial(&COEFFICIENTS, w - 2.5)
}

#[inline(always)]
fn tail(w: f32) -> f32 {
    const COEFFICIENTS: [f32; 9] = [
        -2.002_142_6e-4,
        1.009_505_6e-4,
        1.349_343_2e-3,
        -3.673_428_4e-3,
        5.739_507_7e-3,
        -7.622_461_3e-3,
        9.438_870_5e-3,
        1.001_674,
        2.832_976_8,
    ];
    polynomial(&COEFFICIENTS, w.sqrt() - 3.0)
}

#[inline(always)]
fn polynomial(coefficients: &[f32; 9], x: f32) -> f32 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = sum * x + coefficient;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_the_platform_to_the_last_digits() {
        for step in -70_000..=70_000 {
            let x = f64::from(step) / 100.0;
            let (found, expected) = (exp(x), x.exp());
            assert!((found / expected - 1.0).abs() < 1e-14, "exp {x}: {found} {expected}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e9), exp(-700.0));
    }

    #[test]
    #[allow(clippy::cast_possible_truncation, reason = "single precision is what is tested")]
    fn single_precision_is_as_good_as_it_can_be() {
        for step in -8_000..=8_000 {
            let x = f64::from(step) / 100.0;
            let ratio = f64::from(expf(x as f32)) / f64::from(x as f32).exp();
            assert!((ratio - 1.0).abs() < 4e-7, "exp {x}: {ratio}");
            let y = x.exp() as f32;
            let away = f64::from(lnf(y)) - f64::from(y).ln();
            assert!(away.abs() < 3e-7 * x.abs().max(0.5), "ln {y}: {away}");
        }
        assert_eq!((expf(0.0), lnf(1.0)), (1.0, 0.0));
    }

    #[test]
    fn the_bits_are_fixed() {
        let double = [exp(1.0), exp(-0.3)].map(f64::to_bits);
        assert_eq!(double.map(|bits| format!("{bits:x}")).join(" "), DOUBLE);
        let single =
            [expf(1.0), lnf(10.0), normalf(1), normalf(0xF000_0000), normalf(!0 >> 1)].map(f32::to_bits);
        assert_eq!(single.map(|bits| format!("{bits:x}")).join(" "), SINGLE);
    }

    const DOUBLE: &str = "4005bf0a8b14576a 3fe7b4c869c37c05";
    const SINGLE: &str = "402df854 40135d8e 33a06c98 be211608 40ad707f";

    #[test]
    fn normal_numbers_are_symmetric_ordered_and_have_the_known_quantiles() {
        for (probability, quantile) in
            [(0.5, 0.0), (0.841_344_746, 1.0), (0.977_249_868, 2.0), (0.998_650_102, 3.0)]
        {
            #[allow(clippy::cast_possible_truncation, reason = "a probability")]
            let bits = ((probability - 0.5) * 4_294_967_296.0) as i32;
            assert!((normalf(bits.cast_unsigned()) - quantile).abs() < 2e-5, "{quantile}");
        }
        for bits in [0u32, 1, 77, 1 << 20, 0x7FFF_FFFF] {
            assert_eq!(normalf(bits), -normalf(!bits));
            assert_eq!(normalf(bits).to_bits(), normalf_in_loop(bits).to_bits());
        }
        assert!((5.0..5.5).contains(&normalf(0x7FFF_FFFF)));
    }
}
