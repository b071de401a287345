//! Fair shares when tasks want more than the kernel admits.

use alloc::vec;
use alloc::vec::Vec;

use super::Bandwidth;

/// What one task wants of the CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What its policy asks for.
    pub wanted: Bandwidth,
    /// What it gets at least, unless the floors alone exceed what there is.
    pub floor: Bandwidth,
    /// Its part of what is scarce, relative to the others; 0 counts as 1.
    pub weight: u32,
}

/// Shares `available` among `requests`, in their order.
///
/// All get what they want if it fits. Otherwise each gets its floor, and the rest goes round in parts by weight, where
/// nobody gets more than it wants (weighted max-min fairness). If the floors alone do not fit they shrink in proportion.
pub fn compress(requests: &[Request], available: Bandwidth) -> Vec<Bandwidth> {
    let wanted = total(requests.iter().map(|request| request.wanted));
    if wanted <= available {
        return requests.iter().map(|request| request.wanted).collect();
    }
    let floors: Vec<_> = requests.iter().map(|request| request.floor.min(request.wanted)).collect();
    let sum = total(floors.iter().copied());
    if sum >= available {
        return floors.iter().map(|floor| part(available, floor.units(), sum.units())).collect();
    }
    fill(requests, floors, available.saturating_sub(sum))
}

/// Pours `rest` over the shares: in each round those whose want is met within their part leave with it.
fn fill(requests: &[Request], mut shares: Vec<Bandwidth>, mut rest: Bandwidth) -> Vec<Bandwidth> {
    let mut open = vec![true; requests.len()];
    loop {
        let weight = |i: usize| u64::from(requests[i].weight.max(1));
        let hungry: Vec<_> = (0..requests.len()).filter(|&i| open[i]).collect();
        let weights: u64 = hungry.iter().map(|&i| weight(i)).sum();
        let missing = |i: usize| missing_of(&requests[i], shares[i]);
        let met: Vec<_> =
            hungry.iter().copied().filter(|&i| missing(i) <= part(rest, weight(i), weights)).collect();
        if met.is_empty() {
            for i in hungry {
                shares[i] = shares[i].saturating_add(part(rest, weight(i), weights));
            }
            return shares;
        }
        for i in met {
            rest = rest.saturating_sub(missing_of(&requests[i], shares[i]));
            shares[i] = requests[i].wanted;
            open[i] = false;
        }
    }
}

fn missing_of(request: &Request, share: Bandwidth) -> Bandwidth {
    request.wanted.saturating_sub(share)
}

fn total(shares: impl Iterator<Item = Bandwidth>) -> Bandwidth {
    shares.fold(Bandwidth::default(), Bandwidth::saturating_add)
}

/// `whole * part / of`, rounded down; nothing of nothing.
fn part(whole: Bandwidth, part: u64, of: u64) -> Bandwidth {
    let product = u128::from(whole.units()) * u128::from(part);
    let units = product.checked_div(u128::from(of)).unwrap_or(0);
    Bandwidth::from_units(u64::try_from(units).unwrap_or(u64::MAX))
}
