//! What is fuzzed, as plain functions: a target panics when a promise is broken.
//!
//! | target | bytes are | promise |
//! |---|---|---|
//! | [`frame`] | what a peer sends, in pieces | the client's lines and events are those between newlines, however they arrive |
//! | [`command`] | a request line, or arguments | a command or a short refusal of the right class; what is accepted is read back the same |
//! | [`image`] | a kernel file | a refusal, or places that fit and do not overlap |
//! | [`device_tree`] | a blob | a refusal, or a tree of which partitions' trees can be made and adopted |
//! | [`rest`] | a body of deadline-monitor's REST interface | a value that is read back, or a short refusal; settings that are checked without a fault |
//! | [`smc`] | calls of CPUs and what CPUs do | memory and CPUs never belong to two, states follow the table |
//! | [`state`] | operations | no sequence leaves the state table |
//! | [`weights`] | a file of a trained agent | a refusal, or an agent that decides alike with and without the standard library |
//! | [`training`] | changes of a stored training | what was stored is read back; a refusal, or a training that goes on |

pub mod command;
pub mod device_tree;
pub mod frame;
pub mod image;
pub mod rest;
pub mod smc;
pub mod state;
pub mod training;
pub mod weights;
