//! Requests: the envelope and the commands in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::args::{
    ConsoleAttach, ConsoleRead, ConsoleWrite, CreateLink, CreatePartition, Deploy, Hello, ImageDelete,
    ImagePut, Shutdown, Target,
};
use super::codec::{CodecError, brief, encode};

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident $(($args:ty))? = $name:literal,)*) => {
        /// A command with its arguments.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $($(#[$doc])* $variant $(($args))?,)*
        }

        impl Command {
            /// Every command's name.
            pub const NAMES: &[&str] = &[$($name,)*];

            /// The command's name on the wire.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
                }
            }

            fn decode(name: &str, args: Option<&RawValue>) -> Result<Self, CodecError> {
                match name {
                    $($name => commands!(@decode args $variant $(($args))?),)*
                    _ => Err(CodecError::UnknownCommand(name.chars().take(64).collect())),
                }
            }

            /// Appends the request's line; `id` is echoed by the reply.
            pub fn encode(&self, out: &mut Vec<u8>, id: Option<u64>) {
                match self {
                    $(commands!(@pattern args $variant $(($args))?) => {
                        encode(out, &Line::new($name, commands!(@args args $($args)?), id));
                    })*
                }
            }
        }
    };
    (@decode $raw:ident $variant:ident ($args:ty)) => { arguments::<$args>($raw).map(Self::$variant) };
    (@decode $raw:ident $variant:ident) => { arguments::<NoArguments>($raw).map(|_| Self::$variant) };
    (@pattern $binding:ident $variant:ident ($args:ty)) => { Self::$variant($binding) };
    (@pattern $binding:ident $variant:ident) => { Self::$variant };
    (@args $binding:ident $args:ty) => { $binding };
    (@args $binding:ident) => { &NoArguments {} };
}

commands! {
    /// 3.2.1.1.
    CreatePartition(CreatePartition) = "create-partition",
    /// 3.2.1.2.
    Deploy(Deploy) = "deploy",
    /// 3.2.1.3.
    DestroyPartition(Target) = "destroy-partition",
    /// 3.2.1.4.
    Reboot(Target) = "reboot",
    /// 3.2.1.5.
    Shutdown(Shutdown) = "shutdown",
    /// 3.2.1.6.
    Suspend(Target) = "suspend",
    /// 3.2.1.7.
    Restore(Target) = "restore",
    /// Versions and what the daemon can do.
    QueryVersion = "query-version",
    /// Cores and memory.
    QueryHost = "query-host",
    /// Every partition.
    QueryPartitions = "query-partitions",
    /// One partition.
    QueryPartition(Target) = "query-partition",
    /// One partition's counters.
    QueryStats(Target) = "query-stats",
    /// Makes memory that two READY partitions share.
    CreateLink(CreateLink) = "create-link",
    /// Every link.
    QueryLinks = "query-links",
    /// A piece of an image.
    ImagePut(ImagePut) = "image-put",
    /// Every image in the store.
    ImageList = "image-list",
    /// Removes an image from the store.
    ImageDelete(ImageDelete) = "image-delete",
    /// A piece of what a partition printed.
    ConsoleRead(ConsoleRead) = "console-read",
    /// Types into a partition's console.
    ConsoleWrite(ConsoleWrite) = "console-write",
    /// Turns the connection into a console.
    ConsoleAttach(ConsoleAttach) = "console-attach",
    /// Turns the connection into a stream of [`super::EventRecord`] lines.
    SubscribeEvents = "subscribe-events",
    /// States a relayed peer's role.
    Hello(Hello) = "hello",
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

#[derive(Serialize)]
struct Line<'a, T> {
    command: &'static str,
    args: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
}

impl<'a, T> Line<'a, T> {
    const fn new(command: &'static str, args: &'a T, id: Option<u64>) -> Self {
        Self { command, args, id }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    command: Cow<'a, str>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// A request line: what was asked, and the `id` to echo even when it was asked wrongly.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The caller's `id`, verbatim.
    pub id: Option<&'a RawValue>,
    /// The command, or what is wrong with it.
    pub command: Result<Command, CodecError>,
}

impl<'a> Incoming<'a> {
    /// Reads one line, with or without its newline.
    pub fn parse(line: &'a [u8]) -> Self {
        // A struct could be read from an array of its members, too; the protocol knows objects only.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Self { id: None, command: Err(CodecError::Syntax("it must be a JSON object".into())) };
        }
        match serde_json::from_slice::<Envelope<'a>>(line) {
            Ok(Envelope { command, args, id }) => Self { id, command: Command::decode(&command, args) },
            Err(error) => Self { id: None, command: Err(CodecError::Syntax(brief(&error))) },
        }
    }
}

/// Reads arguments; `null` and no arguments are an empty object. Only a refused object is read a second time, to
/// name the argument.
fn arguments<T: DeserializeOwned>(raw: Option<&RawValue>) -> Result<T, CodecError> {
    let text = match raw.map(RawValue::get) {
        None | Some("null") => "{}",
        Some(text) if text.starts_with('{') => text,
        Some(_) => {
            return Err(CodecError::Arguments { path: "args".into(), rule: "must be an object".into() });
        }
    };
    serde_json::from_str(text).map_err(|error| explain::<T>(text, &error))
}

fn explain<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> CodecError {
    let mut reader = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(_) => CodecError::Arguments { path: "args".into(), rule: brief(&error) },
        Err(error) => {
            let path = match brief(error.path()) {
                path if path == "." => "args".into(),
                path => path,
            };
            CodecError::Arguments { path, rule: brief(&error.into_inner()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PartitionId;

    fn command(line: &str) -> Result<Command, CodecError> {
        Incoming::parse(line.as_bytes()).command
    }

    #[test]
    fn json_of_the_source_document_is_accepted_as_written() {
        let figure_15 =
            r#"{"command":"create-partition","args":{"cores":2,"primary":0,"secure":false,"memsize":1}}"#;
        let Ok(Command::CreatePartition(args)) = command(figure_15) else { panic!("refused") };
        assert_eq!((args.cores, args.memsize, args.secure), (2, Some(1), false));
        let deploy = r#"{"command":"deploy","args":{"kernel":"path/to/kernel_image","dtb":"path/to/blob","partition_id":3}}"#;
        let Ok(Command::Deploy(args)) = command(deploy) else { panic!("refused") };
        assert_eq!((args.partition_id, args.dtb.as_deref()), (PartitionId(3), Some("path/to/blob")));
        for name in ["destroy-partition", "reboot", "shutdown", "suspend", "restore"] {
            for key in ["id", "partition_id"] {
                let line = format!(r#"{{"command":"{name}","args":{{"{key}":3}}}}"#);
                assert_eq!(command(&line).unwrap().name(), name);
            }
        }
    }

    #[test]
    fn refusal_names_the_argument_and_the_rule() {
        let cases = [
            (r#"{"command":"suspend"}"#, "missing field `id`"),
            (r#"{"command":"suspend","args":{"id":1,"x":2}}"#, "unknown field `x`"),
            (r#"{"command":"suspend","args":{"id":-1}}"#, "Argument id: "),
            (r#"{"command":"suspend","args":{"id":18446744073709551616}}"#, "Argument id: "),
            (r#"{"command":"suspend","args":{"id":1,"partition_id":1}}"#, "duplicate field"),
            (
                r#"{"command":"create-partition","args":{"cores":"two"}}"#,
                "Argument cores: invalid type: string",
            ),
            (r#"{"command":"query-host","args":{"x":1}}"#, "unknown field `x`"),
            (r#"{"command":"suspend","args":[1]}"#, "Argument args: must be an object"),
            (r#"["suspend",{"id":1},null]"#, "Line is no request: it must be a JSON object"),
            (r#"{"command":"fly"}"#, "There is no command \"fly\""),
            (r#"{"command":"query-host","extra":1}"#, "unknown field `extra`"),
            (r#"{"command":"suspend","args":{"id":NaN}}"#, "Line is no request"),
        ];
        for (line, expected) in cases {
            let text = command(line).unwrap_err().to_string();
            assert!(text.contains(expected), "{line}: {text}");
        }
    }

    #[test]
    fn deep_nesting_and_invalid_utf8_are_refused() {
        let nested = format!(r#"{{"command":"suspend","args":{}"#, "[".repeat(100_000));
        assert!(matches!(command(&nested), Err(CodecError::Syntax(_))));
        let invalid = Incoming::parse(b"{\"command\":\"\xff\"}");
        assert!(matches!(invalid.command, Err(CodecError::Syntax(_))));
    }

    #[test]
    fn id_of_a_refused_command_is_kept() {
        let incoming = Incoming::parse(br#"{"command":"fly","id":{"a":[1, 2]}}"#);
        assert_eq!(incoming.id.map(RawValue::get), Some(r#"{"a":[1, 2]}"#));
    }

    #[test]
    fn every_command_survives_its_own_line() {
        let target = Target { id: PartitionId(7) };
        let commands = [Command::Suspend(target), Command::QueryHost, Command::QueryStats(target)];
        for command in commands {
            let mut line = Vec::new();
            command.encode(&mut line, Some(5));
            let incoming = Incoming::parse(&line);
            assert_eq!(incoming.id.map(RawValue::get), Some("5"));
            assert_eq!(incoming.command, Ok(command));
        }
    }
}
