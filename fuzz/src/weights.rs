//! Files of trained agents, as anybody may hand them over.

use slice_agent::checkpoint::Checkpoint;
use slice_agent::infer::{Agent, MAX_WIDTH};
use slice_agent::learn::TrainedAgent;
use slice_agent::learn::network::{Network, Pass};

/// More numbers than any agent of a file this short has.
const MEMORY: usize = 1 << 18;

/// The bytes are the file.
pub fn run(data: &[u8]) {
    let file = Checkpoint::from_bytes(data);
    if let Ok(file) = &file {
        let again = Checkpoint::from_bytes(&file.to_bytes().expect("what was read can be written"));
        assert_eq!(&again.expect("what was written can be read"), file);
        let _ = TrainedAgent::from_checkpoint(file);
    }
    let mut memory = Vec::new();
    let Ok(needed) = Agent::memory(data) else { return };
    assert!(needed <= data.len(), "{needed} numbers of {} bytes", data.len());
    memory.resize(needed.min(MEMORY), 0.0);
    let Ok(agent) = Agent::read(data, &mut memory) else { return };
    let observation: Vec<f32> = (0..agent.features()).map(|index| (index % 7) as f32 * 0.25 - 0.5).collect();
    let mut values = [0.0; MAX_WIDTH];
    let count = agent.values(&observation, &mut values).expect("the observation fits");
    let decision = agent.act(&observation, None).expect("everything is allowed");
    assert!(decision.level < 5 && decision.message <= agent.messages());
    // The learner's own network, where the file holds nothing else.
    let Some(network) = file.ok().and_then(|file| Network::from_checkpoint(&file).ok()) else { return };
    let mut pass = Pass::new(&network, 1);
    pass.input_mut(0).copy_from_slice(&observation);
    network.forward(None, &mut pass);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    if values[..count].iter().all(|value| value.is_finite()) {
        assert_eq!(bits(pass.values(0)), bits(&values[..count]));
    }
}
