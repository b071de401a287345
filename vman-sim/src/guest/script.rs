//! What a simulated guest does, as its kernel command line says.

use std::time::Duration;

/// What a guest does when nothing says how long it waits.
const DEFAULT_DELAY: Duration = Duration::from_millis(20);
/// A guest that turns itself off lives this long at least, so that a loop of resets cannot eat the board.
const SHORTEST: Duration = Duration::from_millis(1);

/// `sim.guest=NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behaviour {
    /// Boots, prints what was loaded, echoes what is typed.
    #[default]
    Boot,
    /// Boots, then turns itself off.
    PowerOff,
    /// Boots, then resets itself; `sim.times=N` in a row, once without it.
    Reset,
    /// Boots, then faults.
    Crash,
    /// Boots, then prints a panic and goes on.
    Oops,
    /// Boots, ignores every kick for `sim.after_ms`, or for ever without it.
    Stubborn,
    /// Boots, then prints four times what its console keeps.
    Flood,
    /// Runs its first CPU and prints nothing.
    Spin,
}

impl Behaviour {
    const NAMES: [(&'static str, Self); 8] = [
        ("boot", Self::Boot),
        ("poweroff", Self::PowerOff),
        ("reset", Self::Reset),
        ("crash", Self::Crash),
        ("oops", Self::Oops),
        ("stubborn", Self::Stubborn),
        ("flood", Self::Flood),
        ("spin", Self::Spin),
    ];
}

/// A guest's behaviour with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) behaviour: Behaviour,
    /// `sim.after_ms=N`.
    pub(crate) after: Option<Duration>,
    /// `sim.times=N`.
    pub(crate) times: u32,
    /// Parameters that nobody understands; the guest prints them.
    pub(crate) unknown: Vec<String>,
}

impl Script {
    /// Reads the `sim.` parameters of a kernel command line; the others are the kernel's.
    pub(crate) fn from_command_line(line: &str) -> Self {
        let mut script = Self { behaviour: Behaviour::Boot, after: None, times: 1, unknown: Vec::new() };
        for parameter in line.split_whitespace().filter(|parameter| parameter.starts_with("sim.")) {
            if script.set(parameter).is_none() {
                script.unknown.push(parameter.into());
            }
        }
        script
    }

    fn set(&mut self, parameter: &str) -> Option<()> {
        match parameter.split_once('=')? {
            ("sim.guest", name) => {
                let known = Behaviour::NAMES.iter().find(|(known, _)| *known == name)?;
                self.behaviour = known.1;
            }
            ("sim.after_ms", number) => self.after = Some(Duration::from_millis(number.parse().ok()?)),
            ("sim.times", number) => self.times = number.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// How long after its boot the guest does what it does.
    pub(crate) fn delay(&self) -> Duration {
        self.after.unwrap_or(DEFAULT_DELAY).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_behaviour_has_its_name() {
        for (name, behaviour) in Behaviour::NAMES {
            let script = Script::from_command_line(&format!("console=hvc0 sim.guest={name} quiet"));
            assert_eq!((script.behaviour, script.unknown.len()), (behaviour, 0));
        }
    }

    #[test]
    fn numbers_are_read_and_nonsense_is_kept_for_the_log() {
        let script =
            Script::from_command_line("sim.guest=reset sim.after_ms=7 sim.times=3 sim.x=1 sim.after_ms=x");
        assert_eq!((script.delay(), script.times), (Duration::from_millis(7), 3));
        assert_eq!(script.unknown, ["sim.x=1", "sim.after_ms=x"]);
        assert_eq!(Script::from_command_line("sim.after_ms=0").delay(), SHORTEST);
    }
}
