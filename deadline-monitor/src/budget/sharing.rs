//! Fair shares over time: as `compress` gives them, without a change for every small move of somebody's demand.

use alloc::vec::Vec;

use super::{Bandwidth, Ratio, Request, compress};

/// Gives shares tick after tick.
///
/// While bandwidth is scarce every share depends on every demand. A share that would move by less than the hysteresis
/// stays, as long as all of them still fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    hysteresis: Ratio,
}

impl Default for Sharing {
    fn default() -> Sharing {
        Sharing { hysteresis: Ratio::percent(3) }
    }
}

impl Sharing {
    /// Shares that move by less than this part of themselves stay.
    pub fn new(hysteresis: Ratio) -> Sharing {
        Sharing { hysteresis }
    }

    /// Shares `available` among `requests`; `in_force` is what each has now, in the same order.
    pub fn shares(
        &self,
        requests: &[Request],
        in_force: &[Bandwidth],
        available: Bandwidth,
    ) -> Vec<Bandwidth> {
        let fair = compress(requests, available);
        let is_scarce = fair.iter().zip(requests).any(|(share, request)| *share < request.wanted);
        if !is_scarce {
            return fair;
        }
        let steady = |((share, old), request): ((&Bandwidth, &Bandwidth), &Request)| {
            let near = share.units().abs_diff(old.units()) <= self.part_of(*old);
            if near && *old <= request.wanted { *old } else { *share }
        };
        let kept: Vec<_> = fair.iter().zip(in_force).zip(requests).map(steady).collect();
        let sum = kept.iter().fold(Bandwidth::default(), |sum, share| sum.saturating_add(*share));
        if sum <= available && kept.len() == fair.len() { kept } else { fair }
    }

    fn part_of(&self, share: Bandwidth) -> u64 {
        let product = u128::from(share.units()) * u128::from(self.hysteresis.as_ppm());
        u64::try_from(product / u128::from(Ratio::ONE.as_ppm())).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(percent: u64) -> Bandwidth {
        Bandwidth::from_units(percent * Bandwidth::CPU.units() / 100)
    }

    fn request(wanted: u64, weight: u32) -> Request {
        Request { wanted: percent(wanted), floor: percent(1), weight }
    }

    #[test]
    fn a_share_that_would_move_a_little_stays() {
        let sharing = Sharing::default();
        let first = sharing.shares(&[request(80, 1), request(80, 1)], &[percent(10); 2], percent(100));
        assert_eq!(first, compress(&[request(80, 1), request(80, 1)], percent(100)));
        // The first one wants 49 % now, so that the second could have 51 %: not worth two calls.
        let then = sharing.shares(&[request(50, 1), request(80, 1)], &first, percent(100));
        assert_eq!(then, first);
        let later = sharing.shares(&[request(30, 1), request(80, 1)], &first, percent(100));
        assert_eq!(later[0], percent(30));
        assert!(later[1].units().abs_diff(percent(70).units()) <= 1, "{later:?}");
    }

    #[test]
    fn nobody_keeps_more_than_it_wants_and_all_still_fit() {
        let sharing = Sharing::new(Ratio::percent(50));
        let requests = [request(40, 1), request(90, 1)];
        let shares = sharing.shares(&requests, &[percent(55), percent(60)], percent(100));
        assert_eq!(shares[0], percent(40), "it wants no more");
        assert!(shares[1].units().abs_diff(percent(60).units()) <= 1, "{shares:?}");
        let crowded =
            sharing.shares(&[request(60, 1), request(90, 1)], &[percent(55), percent(60)], percent(100));
        assert_eq!(crowded, compress(&[request(60, 1), request(90, 1)], percent(100)));
    }

    #[test]
    fn plenty_is_given_out_as_wanted() {
        let requests = [request(10, 1), request(20, 5)];
        let shares = Sharing::default().shares(&requests, &[percent(10), percent(19)], percent(100));
        assert_eq!(shares, [percent(10), percent(20)]);
    }
}
