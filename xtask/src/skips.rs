//! The committed list of tests that may be skipped, each with its reason. A skip that is not on it is a failure.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::report::Skip;

/// Where the list is, from the root of the checkout.
pub const FILE: &str = "tests/skips.toml";

/// The list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowList {
    #[serde(default)]
    skip: Vec<Allowed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    name: String,
    reason: String,
}

impl AllowList {
    /// Reads the list of the checkout at `root`.
    ///
    /// # Errors
    /// The file cannot be read, or an entry lacks its reason.
    pub fn read(root: &Path) -> Result<AllowList> {
        let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("Cannot read {FILE}"))?;
        AllowList::parse(&text).with_context(|| format!("{FILE} is wrong"))
    }

    fn parse(text: &str) -> Result<AllowList> {
        let list: AllowList = toml::from_str(text)?;
        if let Some(entry) = list.skip.iter().find(|entry| entry.reason.trim().is_empty()) {
            bail!("{} has no reason", entry.name);
        }
        Ok(list)
    }

    /// The skips that are not on the list.
    pub fn unexpected<'a>(&self, skips: &'a [Skip]) -> Vec<&'a Skip> {
        skips.iter().filter(|skip| !self.skip.iter().any(|entry| entry.name == skip.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn skip(name: &str) -> Skip {
        Skip { name: name.into(), reason: String::new() }
    }

    #[test]
    fn only_skips_on_the_list_are_expected() {
        let list = AllowList::parse("[[skip]]\nname = \"a\"\nreason = \"no board\"\n").unwrap();
        let skips = [skip("a"), skip("b")];
        assert_eq!(list.unexpected(&skips), [&skip("b")]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        assert!(AllowList::parse("[[skip]]\nname = \"a\"\nreason = \" \"\n").is_err());
        assert!(AllowList::parse("[[skip]]\nname = \"a\"\n").is_err());
        assert!(AllowList::parse("[[skip]]\nname = \"a\"\nreason = \"b\"\nextra = 1\n").is_err());
    }

    #[test]
    fn the_committed_list_can_be_read() {
        AllowList::read(&workspace::root()).unwrap();
    }
}
