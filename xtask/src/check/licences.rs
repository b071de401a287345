//! The licences of everything that is linked in, against the list in deny.toml. Works offline and needs no
//! other program; cargo-deny checks more where it is installed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use serde::Deserialize;

/// The part of deny.toml that is read here.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

/// Checks every package of the workspace at `root` and all that it depends on.
///
/// # Errors
/// A licence is missing, is no SPDX expression, or is not on the list.
pub(super) fn check(root: &Path) -> Result<()> {
    let text = fs::read_to_string(root.join("deny.toml")).context("Cannot read deny.toml")?;
    let deny: Deny = toml::from_str(&text).context("deny.toml is wrong")?;
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).exec()?;
    let of = |package: &cargo_metadata::Package| {
        let error = refused(package.license.as_deref(), &deny.licenses.allow)?;
        Some(format!("{} {}: {error}", package.name, package.version))
    };
    let found: Vec<_> = metadata.packages.iter().filter_map(of).collect();
    if !found.is_empty() {
        bail!("\n    {}", found.join("\n    "));
    }
    Ok(())
}

/// Why the licence is not accepted, if it is not.
fn refused(license: Option<&str>, allow: &[String]) -> Option<String> {
    let Some(license) = license else { return Some("names no licence".to_owned()) };
    let mode = spdx::ParseMode { allow_slash_as_or_operator: true, ..spdx::ParseMode::STRICT };
    let expression = match spdx::Expression::parse_mode(license, mode) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("{license} is no SPDX expression: {}", error.reason)),
    };
    let accepted = expression.evaluate(|required| allow.contains(&required.to_string()));
    (!accepted).then(|| format!("{license} is not on the list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_accepted_alternative_is_enough_but_all_joined_parts_are_needed() {
        let allow = ["MIT".to_owned(), "Unicode-3.0".to_owned()];
        assert_eq!(refused(Some("MIT OR GPL-3.0-only"), &allow), None);
        assert_eq!(refused(Some("MIT/Apache-2.0"), &allow), None);
        assert_eq!(refused(Some("(MIT OR Apache-2.0) AND Unicode-3.0"), &allow), None);
        assert!(refused(Some("MIT AND GPL-3.0-only"), &allow).is_some());
    }

    #[test]
    fn a_package_without_a_readable_licence_is_refused() {
        assert!(refused(None, &[]).is_some());
        assert!(refused(Some("my own"), &["my own".to_owned()]).is_some());
    }
}
