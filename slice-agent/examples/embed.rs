//! A service that embeds trained agents, in forty lines: `cargo run -p slice-agent --example embed -- FILE.safetensors`.
//!
//! Without FILE it takes the agent of the shared test vectors. Nothing here needs the features of the world or of learning.

use slice_agent::arbiter::{Arbiter, Claim};
use slice_agent::infer::Agent;

const SHARES_HZ: [u64; 3] = [15_000_000_000, 15_000_000_000, 10_000_000_000];
const LEVELS_PERCENT: [u64; 5] = [25, 75, 100, 150, 200];

/// What a real service measures: arrivals, queues, radio, grant, claim, used part, conflict, messages of the others.
fn measure(slice: usize, second: usize, granted_hz: u64, features: usize) -> Vec<f32> {
    let mut observation = vec![0.0; features];
    observation[0] = ((7 * second + 3 * slice) % 10) as f32 / 10.0;
    observation[3] = 1.0;
    observation[4] = granted_hz as f32 / SHARES_HZ.iter().sum::<u64>() as f32;
    observation
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/agent.safetensors");
    let file = std::fs::read(std::env::args().nth(1).unwrap_or(default.into()))?;
    let mut memory = vec![0.0; Agent::memory(&file)?];
    let agent = Agent::read(&file, &mut memory)?;
    let (mut arbiter, mut grants) = (Arbiter::new(), [0; 3]);
    for second in 0..5 {
        let mut claims = [Claim::of(0); 3];
        for (slice, claim) in claims.iter_mut().enumerate() {
            let decision = agent.act(&measure(slice, second, grants[slice], agent.features()), None)?;
            *claim = Claim::of(SHARES_HZ[slice] * LEVELS_PERCENT[decision.level] / 100);
        }
        let round = arbiter.share(&SHARES_HZ, &claims, &mut grants)?;
        println!("{second} s: {:?} GHz, {} trimmed", grants.map(|hz| hz as f64 / 1e9), round.trimmed_slices);
    }
    Ok(())
}
