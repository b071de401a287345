//! What test programs print: their counts, their failures, and every test that did not run.

/// Where lines for a person go: a test of this crate's own keeps its pretended failures to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Standard output.
    Terminal,
    /// Nowhere.
    Nothing,
}

impl Show {
    /// Shows one line.
    pub fn line(self, line: &str) {
        match self {
            Show::Terminal => println!("{line}"),
            Show::Nothing => {}
        }
    }
}

/// How many tests had which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that did not run.
    pub skipped: u64,
}

impl Counts {
    /// One check that passed or failed.
    pub fn one(passed: bool) -> Counts {
        Counts { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// A test that did not run, and what it said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Name of the test, as its program prints it.
    pub name: String,
    /// Its reason; empty when the program gives none.
    pub reason: String,
}

/// Reads the output of one run of cargo's tests, or of any program that ends with a closing line and prints
/// `SKIPPED: name: reason` lines.
#[derive(Debug, Default)]
pub struct Reader {
    /// Sum of the closing lines so far; skips are counted by their names.
    pub counts: Counts,
    /// Skips so far.
    pub skips: Vec<Skip>,
    /// Length of `skips` at the last closing line.
    closed: usize,
    in_shown_output: bool,
}

impl Reader {
    /// Takes one line; tells whether a person should see it.
    pub fn line(&mut self, line: &str) -> bool {
        if let Some(skip) = own_skip(line).or_else(|| ignored_test(line)) {
            self.skips.push(skip);
            self.counts.skipped += 1;
            return true;
        }
        if let Some(counts) = closing_line(line).or_else(|| plain_closing_line(line)) {
            self.close(counts);
            return true;
        }
        match line.trim_end() {
            "successes:" => self.in_shown_output = true,
            "failures:" => self.in_shown_output = false,
            _ => {}
        }
        !self.in_shown_output && !is_chatter(line)
    }

    /// Adds a closing line. Skips that it counts beyond those that were named must not get lost.
    fn close(&mut self, counts: Counts) {
        self.in_shown_output = false;
        let mut named = self.skips.len() - self.closed;
        while u64::try_from(named).is_ok_and(|named| named < counts.skipped) {
            self.skips.push(Skip { name: "unnamed".to_owned(), reason: String::new() });
            self.counts.skipped += 1;
            named += 1;
        }
        self.closed = self.skips.len();
        self.counts += Counts { skipped: 0, ..counts };
    }
}

/// `SKIPPED: name: reason`.
fn own_skip(line: &str) -> Option<Skip> {
    let (name, reason) = line.trim().strip_prefix("SKIPPED: ")?.split_once(": ")?;
    Some(Skip { name: name.to_owned(), reason: reason.to_owned() })
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
fn closing_line(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let entry = numbers.split(';').find_map(|entry| entry.trim().strip_suffix(what));
        entry.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
    };
    Some(Counts { passed: count("passed"), failed: count("failed"), skipped: count("ignored") })
}

/// `[word: ]3 passed, 0 failed[, 1 skipped]`, alone on a line.
fn plain_closing_line(line: &str) -> Option<Counts> {
    let numbers = match line.trim().split_once(": ") {
        Some((word, numbers)) if !word.contains(' ') => numbers,
        Some(_) => return None,
        None => line.trim(),
    };
    let mut parts = numbers.split(", ");
    let mut count = |what: &str| parts.next().map(|part| part.strip_suffix(what)?.trim_end().parse().ok());
    let (passed, failed) = (count(" passed")??, count(" failed")??);
    let skipped = match count(" skipped") {
        Some(skipped) => skipped?,
        None => 0,
    };
    parts.next().is_none().then_some(Counts { passed, failed, skipped })
}

/// `test name ... ignored` or `test name ... ignored, reason`.
fn ignored_test(line: &str) -> Option<Skip> {
    let (name, end) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = end.strip_prefix(',').unwrap_or(end).trim();
    Some(Skip { name: name.to_owned(), reason: reason.to_owned() })
}

/// Lines without news: passed tests, compiled crates, headings of empty programs.
pub(crate) fn is_chatter(line: &str) -> bool {
    const STARTS: [&str; 9] = [
        "Compiling ",
        "Checking ",
        "Documenting ",
        "Downloading ",
        "Downloaded ",
        "Locking ",
        "Adding ",
        "Finished ",
        "Generated ",
    ];
    let text = line.trim();
    text.is_empty()
        || text.starts_with("test ") && text.ends_with("... ok")
        || text.starts_with("running ")
        || STARTS.iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "     Running unittests src/lib.rs (target/debug/deps/a-1)

running 4 tests
test one ... ok
test two ... ignored, needs a board
test three ... FAILED
test four - should panic ... ok

successes:

---- one stdout ----
chatter of a test
SKIPPED: one::with_sched: no SCHED_DEADLINE

failures:

---- three stdout ----
assertion failed

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn read(text: &str) -> (Reader, Vec<&str>) {
        let mut reader = Reader::default();
        let shown = text.lines().filter(|line| reader.line(line)).collect();
        (reader, shown)
    }

    #[test]
    fn closing_lines_are_added_up() {
        let (reader, _) = read(OUTPUT);
        assert_eq!(reader.counts, Counts { passed: 7, failed: 1, skipped: 2 });
    }

    #[test]
    fn skips_without_a_name_are_not_lost_and_named_ones_count_once() {
        let (reader, _) =
            read("SKIPPED: a: why\n3 passed, 0 failed, 1 skipped\n1 passed, 0 failed, 1 skipped\n");
        let names: Vec<_> = reader.skips.iter().map(|skip| skip.name.as_str()).collect();
        assert_eq!(names, ["a", "unnamed"]);
        assert_eq!(reader.counts, Counts { passed: 4, failed: 0, skipped: 2 });
    }

    #[test]
    fn a_plain_closing_line_counts_when_it_stands_alone() {
        let counts = |line: &str| plain_closing_line(line).map(|c| (c.passed, c.failed, c.skipped));
        assert_eq!(counts("12 passed, 1 failed"), Some((12, 1, 0)));
        assert_eq!(counts("board: 12 passed, 0 failed, 2 skipped"), Some((12, 0, 2)));
        assert_eq!(counts("== stage core: 12 passed, 0 failed, 2 skipped; 1 min"), None);
        assert_eq!(counts("12 passed, 0 failed, 2 skipped, 3 lost"), None);
        assert_eq!(counts("12 passed"), None);
    }

    #[test]
    fn ignored_tests_and_own_lines_are_skips_with_their_reasons() {
        let (reader, _) = read(OUTPUT);
        let skip = |name: &str, reason: &str| Skip { name: name.into(), reason: reason.into() };
        assert_eq!(
            reader.skips,
            [skip("two", "needs a board"), skip("one::with_sched", "no SCHED_DEADLINE")]
        );
    }

    #[test]
    fn a_person_sees_failures_skips_and_closing_lines_but_no_chatter() {
        let (_, shown) = read(OUTPUT);
        let text = shown.join("\n");
        for wanted in
            ["test three ... FAILED", "assertion failed", "needs a board", "SKIPPED: one", "5 passed"]
        {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
        for unwanted in ["test one ... ok", "chatter of a test"] {
            assert!(!text.contains(unwanted), "{unwanted} is in\n{text}");
        }
    }

    #[test]
    fn a_doc_test_that_is_ignored_is_a_skip() {
        let (reader, _) = read("test src/lib.rs - thing (line 3) ... ignored\n");
        assert_eq!(reader.skips[0].name, "src/lib.rs - thing (line 3)");
    }
}
