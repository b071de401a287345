//! Agents that learn: deep Q networks with replay, one per slice (source document, chapter 2.1).
//!
//! [`Method::Step`] has the information bottleneck, prioritised replay and learnt messages, [`Method::Madrl`] neither of
//! them, [`Method::Predefined`] sends the fixed codes of [`crate::policy::Code`]. What the source document leaves open
//! (replay parameters, target network, exploration) is ours; docs/slices.md lists it.

mod acting;
pub mod dense;
mod learner;
pub mod network;
pub mod noise;
mod product;
pub mod replay;
mod train;

pub use acting::{AgentCard, TrainedAgent};
pub use learner::{Learner, Settings};
pub use train::{LearntEpisode, Method, Trained, Training, train};
