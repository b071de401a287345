//! Elementary functions made of IEEE 754 operations only: the same bits on every machine, whatever its C library or
//! vector units, and without branches, so that loops over them become vector code.

/// Added and taken away again, it rounds to a whole number.
const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
const ONE_BITS: u64 = 0x3FF0_0000_0000_0000;
const MANTISSA: u64 = 0x000F_FFFF_FFFF_FFFF;

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

/// The natural logarithm to 2^-50, of normal numbers above 0.
#[inline(always)]
pub(crate) fn ln(x: f64) -> f64 {
    const TWO_52: f64 = (1u64 << 52) as f64;
    let bits = x.to_bits();
    let exponent = f64::from_bits((bits >> 52) | TWO_52.to_bits()) - TWO_52 - 1023.0;
    let mantissa = f64::from_bits((bits & MANTISSA) | ONE_BITS);
    let is_high = mantissa > std::f64::consts::SQRT_2;
    let m = if is_high { 0.5 * mantissa } else { mantissa };
    let e = if is_high { exponent + 1.0 } else { exponent };
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let mut sum = 1.0 / 21.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * s2 + 1.0 / odd;
    }
    e * std::f64::consts::LN_2 + 2.0 * s * sum
}

/// A standard normal number from 32 random bits, by the inverse of its distribution function (M. Giles's approximation
/// of erfinv for single precision: relative error below 4e-7), symmetric and within ±6.4.
#[inline(always)]
pub(crate) fn normal(bits: u32) -> f64 {
    const CENTRE: [f64; 9] = [
        2.810_226_36e-8,
        3.432_739_39e-7,
        -3.523_387_7e-6,
        -4.391_506_54e-6,
        2.185_808_7e-4,
        -1.253_725_03e-3,
        -4.177_681_64e-3,
        0.246_640_727,
        1.501_409_41,
    ];
    const TAIL: [f64; 9] = [
        -2.002_142_57e-4,
        1.009_505_58e-4,
        1.349_343_22e-3,
        -3.673_428_44e-3,
        5.739_507_73e-3,
        -7.622_461_3e-3,
        9.438_870_47e-3,
        1.001_674_06,
        2.832_976_82,
    ];
    let x = (f64::from(bits.cast_signed()) + 0.5) * (0.5f64).powi(31);
    let w = -ln((1.0 - x) * (1.0 + x));
    let (centre, tail) = (w - 2.5, w.sqrt() - 3.0);
    let (mut of_centre, mut of_tail) = (0.0, 0.0);
    for index in 0..CENTRE.len() {
        of_centre = of_centre * centre + CENTRE[index];
        of_tail = of_tail * tail + TAIL[index];
    }
    let p = if w < 5.0 { of_centre } else { of_tail };
    std::f64::consts::SQRT_2 * p * x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_ln_are_those_of_the_platform_to_the_last_digits() {
        for step in -70_000..=70_000 {
            let x = f64::from(step) / 100.0;
            let (found, expected) = (exp(x), x.exp());
            assert!((found / expected - 1.0).abs() < 1e-14, "exp {x}: {found} {expected}");
            let (found, expected) = (ln(expected), expected.ln());
            assert!((found - expected).abs() <= 1e-15 * expected.abs().max(1.0), "ln {expected}: {found}");
        }
        assert_eq!((exp(0.0), ln(1.0)), (1.0, 0.0));
        assert_eq!(exp(-1e9), exp(-700.0));
    }

    #[test]
    fn the_bits_are_fixed() {
        let bits = [exp(1.0), exp(-0.3), ln(10.0), ln(0.7), normal(1), normal(0xF000_0000)].map(f64::to_bits);
        assert_eq!(bits.map(|bits| format!("{bits:x}")).join(" "), FIXED);
    }

    const FIXED: &str = "4005bf0a8b14576a 3fe7b4c869c37c05 40026bb1bbb55515 bfd6d3c324e13f4f 3e0e145c90534bd4 bfc422c1a59c3e5c";

    #[test]
    fn normal_numbers_are_symmetric_ordered_and_have_the_known_quantiles() {
        for (probability, quantile) in
            [(0.5, 0.0), (0.841_344_746, 1.0), (0.977_249_868, 2.0), (0.998_650_102, 3.0)]
        {
            #[allow(clippy::cast_possible_truncation, reason = "a probability")]
            let bits = ((probability - 0.5) * 4_294_967_296.0) as i32;
            assert!((normal(bits.cast_unsigned()) - quantile).abs() < 1e-5, "{quantile}");
        }
        for bits in [0u32, 1, 77, 1 << 20, 0x7FFF_FFFF] {
            assert_eq!(normal(bits), -normal(!bits));
        }
        assert!((6.0..6.5).contains(&normal(0x7FFF_FFFF)));
    }
}
