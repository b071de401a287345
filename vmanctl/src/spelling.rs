//! The source document's spelling of options: `-cores 2` means `--cores 2`.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

/// Every long option of a command line, its subcommands included.
pub fn long_options(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned);
    let below = command.get_subcommands().flat_map(long_options);
    own.chain(below).collect()
}

/// Gives each single-dash spelling of a `known` long option its second dash, up to `--`. Everything else stays as it
/// is: short options, double dashes, operands, text that is not UTF-8.
pub fn with_double_dashes(
    args: impl IntoIterator<Item = OsString>,
    known: &BTreeSet<String>,
) -> Vec<OsString> {
    let mut operands_only = false;
    let respelled = |arg: OsString| {
        operands_only |= arg == "--";
        match long_name(&arg) {
            Some(name) if !operands_only && known.contains(name) => {
                let mut respelled = OsString::from("-");
                respelled.push(arg);
                respelled
            }
            _ => arg,
        }
    };
    args.into_iter().map(respelled).collect()
}

/// The name in `-name` or `-name=value`; a single letter is a short option.
fn long_name(arg: &OsStr) -> Option<&str> {
    let rest = arg.to_str()?.strip_prefix('-')?;
    let name = rest.split_once('=').map_or(rest, |(name, _)| name);
    (name.len() > 1 && !name.starts_with('-')).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> BTreeSet<String> {
        ["cores", "memsize", "memsize-mib", "secure", "kernel", "dtb"].map(String::from).into()
    }

    fn respelled(args: &[&str]) -> Vec<String> {
        let args = args.iter().map(OsString::from);
        with_double_dashes(args, &known()).into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn known_long_options_get_their_second_dash() {
        let args = ["create-partition", "-cores", "2", "-memsize=1", "-memsize-mib", "--secure", "false"];
        let expected =
            ["create-partition", "--cores", "2", "--memsize=1", "--memsize-mib", "--secure", "false"];
        assert_eq!(respelled(&args), expected);
    }

    #[test]
    fn short_unknown_and_odd_words_stay() {
        let args = ["-h", "-V", "-s", "x", "-", "-corez", "-core", "-=", "---cores", "3", "-3", "cores", ""];
        assert_eq!(respelled(&args), args);
    }

    #[test]
    fn nothing_changes_behind_two_dashes() {
        assert_eq!(respelled(&["-cores", "--", "-cores"]), ["--cores", "--", "-cores"]);
    }

    #[test]
    fn text_that_is_not_utf8_stays() {
        use std::os::unix::ffi::OsStringExt as _;
        let arg = OsString::from_vec(b"-cores\xff".to_vec());
        assert_eq!(with_double_dashes([arg.clone()], &known()), [arg]);
    }

    #[test]
    fn options_of_every_subcommand_are_known() {
        let known = long_options(&crate::args::command("vmanctl"));
        for name in ["cores", "memsize", "secure", "kernel", "dtb", "socket", "device", "json", "timeout"] {
            assert!(known.contains(name), "{name}");
        }
    }

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            "-{0,3}[a-z=-]{0,8}",
            ".{0,6}",
            (proptest::sample::select(known().into_iter().collect::<Vec<_>>()), "-{0,3}", "(=.{0,4})?")
                .prop_map(|(name, dashes, value)| format!("{dashes}{name}{value}")),
        ]
    }

    proptest! {
        #[test]
        fn only_one_dash_before_known_names_is_ever_added(args in proptest::collection::vec(word(), 0..8)) {
            let given: Vec<&str> = args.iter().map(String::as_str).collect();
            let result = respelled(&given);
            prop_assert_eq!(result.len(), args.len());
            for (before, after) in args.iter().zip(&result) {
                if before != after {
                    prop_assert_eq!(after, &format!("-{before}"));
                    let name = after.trim_start_matches('-').split('=').next().unwrap();
                    prop_assert!(known().contains(name));
                }
            }
        }

        #[test]
        fn respelling_twice_changes_nothing_more(args in proptest::collection::vec(word(), 0..8)) {
            let given: Vec<&str> = args.iter().map(String::as_str).collect();
            let once = respelled(&given);
            let again: Vec<&str> = once.iter().map(String::as_str).collect();
            prop_assert_eq!(respelled(&again), once.clone());
        }

        #[test]
        fn both_spellings_of_an_option_mean_the_same(
            name in proptest::sample::select(known().into_iter().collect::<Vec<_>>()), value in ".{0,6}",
        ) {
            for form in [format!("{name}={value}"), name] {
                let one = format!("-{form}");
                let two = format!("--{form}");
                prop_assert_eq!(respelled(&[one.as_str()]), respelled(&[two.as_str()]));
            }
        }
    }
}
