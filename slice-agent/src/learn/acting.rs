//! Trained agents as policies, and their files of weights.

use serde::{Deserialize, Serialize};

use super::network::{Network, Pass};
use super::nn;
use super::recipe::Method;
use crate::checkpoint::{Checkpoint, CheckpointError, Kind};
use crate::env::{Action, EnvConfig, LEVELS, Observation};
use crate::policy::{AgentContext, Code, Policy, Team};

/// What a file of weights says about its agent, under the name `agent` of its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCard {
    /// How it learnt: `step`, `vdn` and so on.
    pub method: String,
    /// Index of its slice.
    pub slice: usize,
    /// Slices of its world.
    pub slices: usize,
    /// Messages that it hears of each other agent; 0 if it hears none.
    pub heard: usize,
    /// Features of its observation.
    pub features: usize,
    /// Seed of its training.
    pub seed: u64,
    /// Episodes that it learnt in.
    pub episodes: u32,
}

/// A trained agent that acts and learns no more.
#[derive(Debug, Clone)]
pub struct TrainedAgent {
    card: AgentCard,
    network: Network,
    pass: Pass,
    features: Vec<f32>,
    /// Whether it keeps to the levels that do not exceed the total; the source document's agents know of none.
    masked: bool,
    /// Its slice, and all that is shared, Hz.
    context: Option<(AgentContext, u64)>,
}

impl TrainedAgent {
    /// The agent of `card` with this network.
    pub fn new(card: AgentCard, network: Network) -> TrainedAgent {
        let (pass, features) = (Pass::new(&network, 1), vec![0.0; network.inputs()]);
        let masked = Method::ALL.iter().all(|method| method.name() != card.method);
        TrainedAgent { card, network, pass, features, masked, context: None }
    }

    /// What is known of it.
    pub fn card(&self) -> &AgentCard {
        &self.card
    }

    /// As a file of weights.
    ///
    /// # Errors
    /// The card cannot be written as JSON.
    pub fn to_checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        let mut file = Checkpoint::new(Kind::Weights);
        file.describe("agent", &self.card)?;
        file.store("", &self.network);
        Ok(file)
    }

    /// The agent in a file of weights. One of another program has no card: it counts as one of method `step` for the
    /// first slice of a world whose messages follow from its shapes.
    ///
    /// # Errors
    /// The file holds no agent.
    pub fn from_checkpoint(file: &Checkpoint) -> Result<TrainedAgent, CheckpointError> {
        file.expect(Kind::Weights)?;
        let network = Network::from_checkpoint(file)?;
        let guess = || AgentCard {
            method: Method::Step.name().to_owned(),
            slice: 0,
            slices: 0,
            heard: network.outputs() - LEVELS,
            features: network.inputs(),
            seed: 0,
            episodes: 0,
        };
        let card = match file.description("agent") {
            Ok(card) => card,
            Err(CheckpointError::NoDescription(_)) => guess(),
            Err(error) => return Err(error),
        };
        Ok(TrainedAgent::new(card, network))
    }

    /// Whether it can act for a slice in an environment of `config`.
    pub fn fits(&self, config: &EnvConfig) -> bool {
        let heard_fits = self.card.heard == 0 || self.card.heard == config.messages;
        let features = Observation::features(config.slices.len(), self.card.heard);
        let said = self.network.outputs() - LEVELS;
        let codes = self.card.method == Method::Predefined.name();
        heard_fits
            && features == self.network.inputs()
            && said <= config.messages
            && (!codes || config.messages >= Code::COUNT)
    }

    /// Agents, one for each slice, as a team in an environment of `config`; none if one does not fit.
    pub fn team(agents: Vec<TrainedAgent>, config: &EnvConfig) -> Option<Team> {
        let fits = agents.len() == config.slices.len() && agents.iter().all(|agent| agent.fits(config));
        let with_context = |(slice, mut agent): (usize, TrainedAgent)| {
            agent.context = Some((AgentContext::new(config, slice), config.total_hz()));
            Box::new(agent) as Box<dyn Policy>
        };
        fits.then(|| Team::Agents(agents.into_iter().enumerate().map(with_context).collect()))
    }

    fn message(&self, level: usize, learnt: usize) -> usize {
        match (&self.context, self.card.method.as_str()) {
            (Some((context, _)), "predefined") => {
                Code::of(context.claims_hz[level], context.share_hz).message()
            }
            _ => learnt,
        }
    }
}

impl Policy for TrainedAgent {
    fn begin(&mut self, _: u64) {}

    fn decide(&mut self, observation: &Observation<'_>) -> Action {
        let (step_s, total_hz) =
            self.context.as_ref().map_or((1.0, 1), |(context, total)| (context.step_s, *total));
        observation.write(step_s, total_hz, self.card.heard, &mut self.features);
        self.pass.input_mut(0).copy_from_slice(&self.features);
        self.network.forward(None, &mut self.pass);
        let (levels, messages) = self.pass.values(0).split_at(LEVELS);
        let fits = |level: usize| {
            self.context.as_ref().is_none_or(|(context, total_hz)| context.claims_hz[level] <= *total_hz)
        };
        let allowed = |level: usize| !self.masked || fits(level);
        let level = nn::greatest(levels, allowed);
        let message = self.message(level, nn::greatest(messages, |_| true));
        Action { level, message }
    }
}
