//! The support table of docs/libvirt.md against the driver's own table of functions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The table for operators, from the root of the checkout.
const DOCUMENT: &str = "docs/libvirt.md";
const HEADING: &str = "## Support table";
/// Where the driver tells libvirt what it can do.
const DRIVER: &str = "libvirt-driver/src/vman/vman_driver.c";
/// What each function of the driver begins with, and what its name in libvirt's API begins with.
const PREFIXES: [(&str, &str); 3] = [("connect", "virConnect"), ("node", "virNode"), ("domain", "virDomain")];
/// Slots of the driver's table that are no functions of the API, or have another name there.
const NO_API: [&str; 2] = ["connectURIProbe", "connectSupportsFeature"];

/// Compares the two.
///
/// # Errors
/// A function is in one table and not in the other.
pub fn check(root: &Path) -> Result<()> {
    let read =
        |file: &str| fs::read_to_string(root.join(file)).with_context(|| format!("Cannot read {file}"));
    let (documented, implemented) = (documented(&read(DOCUMENT)?), implemented(&read(DRIVER)?));
    if implemented.is_empty() {
        bail!("{DRIVER} holds no table of functions");
    }
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        a.difference(b).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let (missing, surplus) = (only(&implemented, &documented), only(&documented, &implemented));
    if !missing.is_empty() || !surplus.is_empty() {
        bail!("{DOCUMENT}: not in the table: {missing}; not in the driver: {surplus}");
    }
    Ok(())
}

/// The names in the first column of the table.
fn documented(text: &str) -> BTreeSet<String> {
    let table = text.split_once(HEADING).map_or("", |(_, rest)| rest);
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    let names = cells.flat_map(|cell| cell.split(',')).map(|name| name.trim().trim_matches('`').to_owned());
    names.filter(|name| name.starts_with("vir")).collect()
}

/// The API's names of the slots that the driver fills.
fn implemented(text: &str) -> BTreeSet<String> {
    let slots = text.lines().filter_map(|line| line.trim().strip_prefix('.')?.split(" = ").next());
    slots.filter(|slot| !NO_API.contains(slot)).filter_map(api_name).collect()
}

fn api_name(slot: &str) -> Option<String> {
    PREFIXES.iter().find_map(|(prefix, api)| Some(format!("{api}{}", slot.strip_prefix(prefix)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn slots_and_rows_are_read() {
        let driver = "    .name = \"VMAN\",\n    .connectURIProbe = a,\n    .domainGetInfo = vmanDomainGetInfo, /* 9 */\n";
        assert_eq!(implemented(driver), BTreeSet::from(["virDomainGetInfo".to_owned()]));
        let text = "| virNo | x |\n## Support table\n| function | remarks |\n|---|---|\n| `virDomainGetInfo`, `virB` | x |\n";
        assert_eq!(documented(text), BTreeSet::from(["virB".to_owned(), "virDomainGetInfo".to_owned()]));
    }

    #[test]
    fn the_support_table_tells_what_the_driver_does() {
        check(&workspace::root()).unwrap();
    }
}
