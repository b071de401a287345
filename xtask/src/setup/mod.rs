//! Installing what a job needs: shown first, asked for on a terminal, without starting any service.

pub mod packages;

use std::env;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;
use packages::{Need, Package};

/// Run as root with the packages as arguments.
const INSTALL: &str = include_str!("install.sh");

/// Installs what is missing for `needs`. `yes` (or `CI=true`) answers the question in advance.
///
/// # Errors
/// Something is missing and nobody may install it: the error holds the one line to run. Or apt fails.
pub fn ensure(needs: &[Need], yes: bool) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    show(&missing);
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    let by_hand = format!("sudo apt-get install --no-install-recommends {}", names.join(" "));
    let Some(mut install) = installer() else {
        bail!("These packages are missing and this user cannot install them. Run: {by_hand}");
    };
    if !(yes || is_ci() || ask()?) {
        bail!("These packages are missing. Run: {by_hand}   (or add --yes)");
    }
    process::run(install.args(&names))?;
    still_missing(needs)
}

/// Prints what each of `needs` needs and what of it is there.
pub fn list(needs: &[Need]) {
    for package in packages::union(needs) {
        let state = if package.is_there() { "there  " } else { "missing" };
        println!("  {state} {:<24} {}", package.name, package.why);
    }
}

fn missing(needs: &[Need]) -> Vec<Package> {
    packages::union(needs).into_iter().filter(|package| !package.is_there()).collect()
}

fn still_missing(needs: &[Need]) -> Result<()> {
    let names: Vec<_> = missing(needs).iter().map(|package| package.name).collect();
    if !names.is_empty() {
        bail!("apt installed these packages, but what they bring is not found: {}", names.join(" "));
    }
    Ok(())
}

fn show(missing: &[Package]) {
    eprintln!("Debian packages to install (no service is started):");
    for package in missing {
        eprintln!("  {:<24} {}", package.name, package.why);
    }
}

/// `sh` as root, ready for the packages' names; `None` when this user cannot become root or there is no apt.
fn installer() -> Option<Command> {
    if !process::exists("apt-get") {
        return None;
    }
    let words: &[&str] = if nix::unistd::geteuid().is_root() {
        &["sh"]
    } else if process::exists("sudo") && (io::stdin().is_terminal() || sudo_without_password()) {
        &["sudo", "sh"]
    } else {
        return None;
    };
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["-c", INSTALL, "aivirt-setup"]);
    Some(command)
}

fn sudo_without_password() -> bool {
    process::read(Command::new("sudo").args(["-n", "true"])).is_ok()
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

fn ask() -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Install them now? [Y/n] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    let end_of_input = io::stdin().lock().read_line(&mut answer)? == 0;
    Ok(!end_of_input && matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes"))
}
