//! Which actuator a target gets, and why not the others.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::Quota;
use super::hcbs::RT_MAX;
use crate::cgroup::Hierarchies;
use crate::target::Target;

/// The ways to enforce a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A SCHED_DEADLINE reservation for each thread: guarantees and limits.
    Threads,
    /// A reservation for the group as a whole, where the kernel has that: guarantees and limits.
    Hcbs,
    /// The fair scheduler's quota for the group: limits only.
    Quota,
}

impl Kind {
    /// All of them, the best first.
    pub const ALL: [Kind; 3] = [Kind::Hcbs, Kind::Threads, Kind::Quota];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Threads => "threads",
            Kind::Hcbs => "hcbs",
            Kind::Quota => "quota",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no actuator has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("There is no actuator {0}; there are threads, quota, hcbs")]
pub struct UnknownActuator(String);

impl FromStr for Kind {
    type Err = UnknownActuator;

    fn from_str(name: &str) -> Result<Kind, UnknownActuator> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownActuator(name.to_owned()))
    }
}

/// Whether one actuator works here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Which.
    pub kind: Kind,
    /// Why not; nothing if it works.
    pub obstacle: Option<String>,
}

/// What a target gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The first that works; none if none does.
    pub kind: Option<Kind>,
    /// All that were looked at, in order of preference.
    pub capabilities: Vec<Capability>,
}

/// Finds the actuator of a target. `threads` tells why reservations do not work for it, if they do not (tried on the
/// target itself or on a program of one's own).
pub fn choose(target: &Target, hierarchies: &Hierarchies, threads: Option<String>) -> Choice {
    let Target::Cgroup(group) = target else {
        let capabilities = vec![Capability { kind: Kind::Threads, obstacle: threads }];
        return Choice { kind: first(&capabilities), capabilities };
    };
    let capabilities = vec![
        Capability { kind: Kind::Hcbs, obstacle: hcbs(group, hierarchies) },
        Capability { kind: Kind::Threads, obstacle: threads },
        Capability { kind: Kind::Quota, obstacle: quota(group, hierarchies) },
    ];
    Choice { kind: first(&capabilities), capabilities }
}

fn first(capabilities: &[Capability]) -> Option<Kind> {
    capabilities.iter().find(|one| one.obstacle.is_none()).map(|one| one.kind)
}

fn hcbs(group: &Path, hierarchies: &Hierarchies) -> Option<String> {
    let group = hierarchies.group(group);
    let directory = group.unified().unwrap_or_else(|| group.path().to_owned());
    let has_it = directory.join(RT_MAX).is_file();
    (!has_it).then(|| format!("this kernel has no reservations of groups (no {RT_MAX})"))
}

fn quota(group: &Path, hierarchies: &Hierarchies) -> Option<String> {
    let error = Quota::probe(group, hierarchies).err()?;
    Some(match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

impl fmt::Display for Choice {
    /// One clause for each, such as `threads: works; quota: Cannot read ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.capabilities.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let obstacle = one.obstacle.as_deref().unwrap_or("works");
            write!(f, "{separator}{}: {obstacle}", one.kind)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::Tid;
    use std::fs;

    #[test]
    fn a_group_gets_the_best_that_works() {
        let root = tempfile::tempdir().unwrap();
        let (target, none) = (Target::Cgroup(root.path().to_owned()), Hierarchies::default());
        let choice = choose(&target, &none, Some("Not allowed".to_owned()));
        assert_eq!(choice.kind, None);
        let text = choice.to_string();
        assert!(
            text.starts_with("hcbs: this kernel has no")
                && text.contains("threads: Not allowed; quota: Cannot")
        );
        fs::write(root.path().join("cpu.max"), "max 100000").unwrap();
        assert_eq!(choose(&target, &none, Some("Not allowed".to_owned())).kind, Some(Kind::Quota));
        assert_eq!(choose(&target, &none, None).kind, Some(Kind::Threads));
        fs::write(root.path().join("cpu.rt.max"), "0 100000").unwrap();
        assert_eq!(choose(&target, &none, None).kind, Some(Kind::Hcbs));
    }

    #[test]
    fn a_thread_has_no_quota() {
        let choice = choose(&Target::Thread(Tid(7)), &Hierarchies::default(), Some("Pinned".to_owned()));
        assert_eq!((choice.kind, choice.to_string().as_str()), (None, "threads: Pinned"));
        assert!("cpu.max".parse::<Kind>().unwrap_err().to_string().ends_with("threads, quota, hcbs"));
    }
}
