//! Debian control paragraphs, as `apt-cache show` prints them.

/// One package in one version, as the archive describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// Name of the package.
    pub package: String,
    /// Version, with its epoch.
    pub version: String,
    /// `amd64`, `arm64`, `all`.
    pub architecture: String,
    /// Names of the packages it depends on: of alternatives only the first, versions left out.
    pub depends: Vec<String>,
}

/// Parses the first paragraph of `text`; `None` when a field that every package has is missing.
pub fn first_paragraph(text: &str) -> Option<Paragraph> {
    let paragraph = text.split("\n\n").find(|paragraph| !paragraph.trim().is_empty())?;
    let field = |name: &str| {
        let line = paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
    };
    Some(Paragraph {
        package: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        architecture: field("Architecture")?.to_owned(),
        depends: field("Depends").map(dependency_names).unwrap_or_default(),
    })
}

fn dependency_names(depends: &str) -> Vec<String> {
    let first_name = |entry: &str| {
        let name: String = entry.trim().chars().take_while(|c| !" (|[:<".contains(*c)).collect();
        (!name.is_empty()).then_some(name)
    };
    depends.split(',').filter_map(first_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOW: &str = "Package: linux-headers-6.1.0-56-arm64
Source: linux
Version: 1:6.1.192-2
Architecture: arm64
Depends: linux-headers-6.1.0-56-common (= 6.1.192-2), linux-kbuild-6.1 (>= 6.1.192-2), gcc-12 | gcc-13, libc6:any
Description: Header files

Package: other
Version: 1
Architecture: all
";

    #[test]
    fn the_first_paragraph_gives_names_without_versions_and_alternatives() {
        let paragraph = first_paragraph(SHOW).unwrap();
        assert_eq!(paragraph.package, "linux-headers-6.1.0-56-arm64");
        assert_eq!(paragraph.version, "1:6.1.192-2");
        assert_eq!(paragraph.architecture, "arm64");
        let names = ["linux-headers-6.1.0-56-common", "linux-kbuild-6.1", "gcc-12", "libc6"];
        assert_eq!(paragraph.depends, names);
    }

    #[test]
    fn a_package_without_dependencies_has_none() {
        let paragraph = first_paragraph("Package: a\nVersion: 2\nArchitecture: all\n").unwrap();
        assert_eq!(paragraph.depends, Vec::<String>::new());
    }

    #[test]
    fn text_without_a_version_is_refused() {
        assert_eq!(first_paragraph("Package: a\nArchitecture: all\n"), None);
        assert_eq!(first_paragraph(""), None);
    }
}
