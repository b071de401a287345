//! apt's source entries: read from the machine's own files, to derive others from them privately.

/// One entry: where a suite of packages is, in whatever form the machine's file wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Addresses of the archive, as the machine has them.
    pub uris: Vec<String>,
    /// Suites, such as `bookworm` and `bookworm-updates`.
    pub suites: Vec<String>,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// Key ring (or an embedded key, line by line) that signs the archive.
    pub signed_by: Option<String>,
}

impl Source {
    /// The same archive with one other suite.
    pub fn with_suite(&self, suite: &str) -> Source {
        Source { suites: vec![suite.to_owned()], ..self.clone() }
    }

    /// The entry in deb822 form.
    pub fn to_deb822(&self) -> String {
        self.entry("deb")
    }

    /// The entry of the same archive's source packages in deb822 form.
    pub fn to_deb822_source(&self) -> String {
        self.entry("deb-src")
    }

    fn entry(&self, kind: &str) -> String {
        let mut text = format!(
            "Types: {kind}\nURIs: {}\nSuites: {}\nComponents: {}\n",
            self.uris.join(" "),
            self.suites.join(" "),
            self.components.join(" ")
        );
        if let Some(key) = &self.signed_by {
            text += &format!("Signed-By: {}\n", key.replace('\n', "\n "));
        }
        text
    }
}

/// Entries of a file in deb822 form (`*.sources`); disabled ones and source packages are left out.
pub fn parse_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain(std::iter::once("")) {
        if line.trim().is_empty() {
            sources.extend(from_fields(&fields));
            fields.clear();
        } else if line.starts_with('#') {
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                *value += "\n";
                *value += line.trim();
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn from_fields(fields: &[(String, String)]) -> Option<Source> {
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim());
    let words = |name: &str| field(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let enabled = field("enabled").is_none_or(|value| !value.eq_ignore_ascii_case("no"));
    let binary = field("types")?.split_whitespace().any(|kind| kind == "deb");
    (enabled && binary).then(|| Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
    })
}

/// Entries of a file in the one-line form (`*.list`).
pub fn parse_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split('#').next()?.split_whitespace().map(str::to_owned);
    let signed_by = options.split_whitespace().find_map(|o| o.strip_prefix("signed-by=")).map(str::to_owned);
    Some(Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "# A comment
Types: deb deb-src
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
Enabled: no
URIs: http://archive.example/other
Suites: other
Components: main

Types: deb-src
URIs: http://archive.example/debian
Suites: bookworm
Components: main
";

    #[test]
    fn only_enabled_binary_entries_are_taken() {
        let sources = parse_deb822(DEB822);
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/usr/share/keyrings/archive.gpg"));
    }

    #[test]
    fn one_line_entries_keep_their_key() {
        let text = "# deb http://a b main\ndeb-src http://archive.example/debian sid main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://archive.example/debian sid main contrib # why\n";
        let sources = parse_list(text);
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[0].components, ["main", "contrib"]);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/k.gpg"));
    }

    #[test]
    fn another_suite_of_the_same_archive_reads_back() {
        let source = parse_deb822(DEB822)[0].with_suite("bookworm-backports");
        assert_eq!(parse_deb822(&source.to_deb822()), std::slice::from_ref(&source));
        assert_eq!(source.suites, ["bookworm-backports"]);
    }

    #[test]
    fn source_packages_come_from_the_same_archive() {
        let text = parse_deb822(DEB822)[0].to_deb822_source();
        assert!(text.starts_with("Types: deb-src\nURIs: http://archive.example/debian\n"), "{text}");
    }

    #[test]
    fn an_embedded_key_survives_the_round_trip() {
        let text = "Types: deb\nURIs: http://a\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n mDME\n";
        let source = parse_deb822(text)[0].clone();
        assert_eq!(parse_deb822(&source.to_deb822()), [source]);
    }
}
