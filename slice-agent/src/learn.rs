//! Agents that learn (source document, chapter 2.1), and the worlds that they learn in.
//!
//! [`Method::Step`] has the information bottleneck, prioritised replay and learnt messages, [`Method::Madrl`] neither of
//! them, [`Method::Predefined`] sends the fixed codes of [`crate::policy::Code`]. What the source document leaves open
//! (replay parameters, target network, exploration) is ours; docs/slices.md lists it.
//!
//! [`Algorithm`] has the options beyond the source document. They are [`TeamLearner`]s and learn in any [`World`]: the
//! slices' own, or the tiny ones of [`diagnostic`], whose best reward is known. [`Rollout`] is the one loop for all; a
//! [`Training`] is a [`Recipe`] in the slices' world, with what it takes to stop it and to go on.

mod acting;
mod algorithm;
pub mod dense;
pub mod diagnostic;
pub mod dial;
mod error;
pub mod experience;
pub mod explore;
mod learner;
pub mod mappo;
pub mod network;
pub mod nn;
pub mod noise;
pub mod offline;
mod product;
mod recipe;
pub mod replay;
mod rollout;
mod slices;
mod source;
mod team;
mod train;
pub mod value;
mod world;

pub use acting::{AgentCard, TrainedAgent};
pub use algorithm::{Algorithm, Tuning};
pub use error::LearnError;
pub use learner::{Learner, Settings};
pub use recipe::{Method, Offline, Recipe};
pub use rollout::Rollout;
pub use slices::SliceWorld;
pub use source::{SourceTeam, Speech};
pub use team::{Experience, Mode, TeamLearner};
pub use train::Training;
pub use world::{Seen, Shape, World};
