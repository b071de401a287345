//! The arbiter: grants claims on a shared resource, never beyond its total, in fair rotation.
//!
//! It needs no network, no clock and no memory of its own beyond one index, and it neither allocates nor panics: the
//! hard safety under whatever policy makes the claims. Amounts are whole numbers of one unit (Hz of CPU, PRBs).
//!
//! Each slice has its own share first. What slices leave of theirs is the slack; claims beyond a share are served from
//! it, first the slice whose turn it is, then the others in order. The turn moves behind the slice that was served
//! first, so a slice that keeps claiming is first at least once in as many rounds with slack as there are slices.
//!
//! With `demand` at its maximum the slack is what is not *claimed* (rule A), and all grants together stay within the
//! total. With the real demand the slack also holds what is claimed but cannot be *used* (rule B), and what is used of
//! all grants stays within the total.

/// What one slice asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Amount it asks for.
    pub amount: u64,
    /// Amount that it can use now; [`Claim::UNKNOWN_DEMAND`] reserves the claim whether it is used or not.
    pub demand: u64,
}

impl Claim {
    /// The demand of a slice about which nothing is known.
    pub const UNKNOWN_DEMAND: u64 = u64::MAX;

    /// A claim that counts in full (rule A).
    pub const fn of(amount: u64) -> Claim {
        Claim { amount, demand: Claim::UNKNOWN_DEMAND }
    }

    /// What of the claim can be used.
    pub const fn useful(self) -> u64 {
        if self.amount < self.demand { self.amount } else { self.demand }
    }
}

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// What the slices left of their shares.
    pub slack: u64,
    /// What was granted beyond shares; at most the slack.
    pub lent: u64,
    /// Useful claims beyond shares that found no slack.
    pub refused: u64,
    /// Slices whose useful claim was cut.
    pub trimmed_slices: usize,
}

/// Why a round cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArbiterError {
    /// Shares, claims and grants are not of one length.
    #[error("There are {shares} shares, {claims} claims and {grants} places for grants")]
    LengthMismatch {
        /// Number of shares.
        shares: usize,
        /// Number of claims.
        claims: usize,
        /// Number of places for grants.
        grants: usize,
    },
    /// The shares together exceed 2^64 - 1.
    #[error("The sum of the shares exceeds 64 bits")]
    ShareOverflow,
}

/// The arbiter. Equal rounds from equal turns give equal grants.
///
/// ```
/// use slice_agent::arbiter::{Arbiter, Claim};
///
/// let mut grants = [0; 3];
/// let claims = [Claim::of(5), Claim::of(22), Claim::of(20)];
/// let round = Arbiter::new().share(&[15, 15, 10], &claims, &mut grants)?;
/// assert_eq!(grants, [5, 22, 13]); // 10 of slack: 7 for the second, 3 for the third
/// assert_eq!((round.slack, round.refused), (10, 7));
/// # Ok::<(), slice_agent::arbiter::ArbiterError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arbiter {
    turn: usize,
}

impl Arbiter {
    /// An arbiter whose first turn is the first slice's.
    pub const fn new() -> Arbiter {
        Arbiter { turn: 0 }
    }

    /// The slice that is served first when it claims beyond its share.
    pub const fn turn(&self) -> usize {
        self.turn
    }

    /// Writes a grant for each claim: at least what of the claim lies within the share, at most the claim.
    ///
    /// # Errors
    /// The lengths differ, or the shares overflow; nothing is written and the turn stays.
    pub fn share(
        &mut self,
        shares: &[u64],
        claims: &[Claim],
        grants: &mut [u64],
    ) -> Result<Round, ArbiterError> {
        check(shares, claims, grants)?;
        let slack = slack(shares, claims);
        for ((grant, claim), share) in grants.iter_mut().zip(claims).zip(shares) {
            *grant = claim.amount.min(*share);
        }
        Ok(self.lend(slack, shares, claims, grants))
    }

    fn lend(&mut self, slack: u64, shares: &[u64], claims: &[Claim], grants: &mut [u64]) -> Round {
        let mut round = Round { slack, ..Round::default() };
        let begin = if self.turn < shares.len() { self.turn } else { 0 };
        for index in (begin..shares.len()).chain(0..begin) {
            let extra = claims[index].useful().saturating_sub(shares[index]);
            let lent = extra.min(slack - round.lent);
            if lent > 0 && round.lent == 0 {
                self.turn = (index + 1) % shares.len();
            }
            grants[index] += lent;
            round.lent += lent;
            round.refused = round.refused.saturating_add(extra - lent);
            round.trimmed_slices += usize::from(lent < extra);
        }
        round
    }
}

/// What the slices leave of their shares. The shares must not overflow.
fn slack(shares: &[u64], claims: &[Claim]) -> u64 {
    shares.iter().zip(claims).map(|(share, claim)| share.saturating_sub(claim.useful())).sum()
}

fn check(shares: &[u64], claims: &[Claim], grants: &[u64]) -> Result<(), ArbiterError> {
    if shares.len() != claims.len() || shares.len() != grants.len() {
        let (shares, claims, grants) = (shares.len(), claims.len(), grants.len());
        return Err(ArbiterError::LengthMismatch { shares, claims, grants });
    }
    let total = shares.iter().try_fold(0u64, |sum, share| sum.checked_add(*share));
    total.map(drop).ok_or(ArbiterError::ShareOverflow)
}

/// Whether claims beyond shares exceed the slack: a conflict, when no arbiter trims them.
pub fn is_conflict(shares: &[u64], claims: &[Claim]) -> bool {
    let beyond = |(share, claim): (&u64, &Claim)| u128::from(claim.amount.saturating_sub(*share));
    let left = |(share, claim): (&u64, &Claim)| u128::from(share.saturating_sub(claim.useful()));
    let pairs = || shares.iter().zip(claims);
    pairs().map(beyond).sum::<u128>() > pairs().map(left).sum::<u128>()
}

#[cfg(test)]
mod tests;
