use std::sync::{Arc, Barrier};
use std::thread;

use super::fake::FakeDevice;
use super::*;
use crate::command::{ConsoleRead, Incoming};
use crate::error::ErrorKind;
use crate::id::ByteSize;
use crate::state::{Condition, PartitionState};

struct NoFiles;

impl FileSource for NoFiles {
    fn read(&self, reference: &str, _limit: ByteSize) -> Result<Vec<u8>, FileError> {
        Err(FileError::NoImage(reference.into()))
    }
}

struct Bench {
    device: FakeDevice,
    manager: PartitionManager<FakeDevice>,
}

impl Bench {
    fn new() -> Self {
        let device = FakeDevice::default();
        Self { manager: PartitionManager::new(device.clone()), device }
    }

    fn with(&self, files: &dyn FileSource, line: &str) -> Result<String, (ErrorKind, String)> {
        let command = Incoming::parse(line.as_bytes()).command.unwrap();
        match self.manager.apply(&command, files) {
            Ok(reply) => Ok(serde_json::to_string(&reply).unwrap()),
            Err(error) => Err((error.kind(), error.to_string())),
        }
    }

    fn run(&self, name: &str, args: &str) -> Result<String, (ErrorKind, String)> {
        self.with(&NoFiles, &format!(r#"{{"command":"{name}","args":{{{args}}}}}"#))
    }

    fn refused(&self, name: &str, args: &str) -> (ErrorKind, String) {
        self.run(name, args).unwrap_err()
    }

    /// A bench whose partition 1 is in `state`.
    fn in_state(state: PartitionState) -> Self {
        let bench = Self::new();
        bench.run("create-partition", r#""cores":1,"memsize":1"#).unwrap();
        bench.device.change(PartitionId(1), |info| info.state = state);
        bench
    }
}

#[test]
fn created_partition_is_ready_and_known() {
    let bench = Bench::new();
    let args = r#""cores":2,"secure":false,"memsize":1,"primary":0,"name":"web""#;
    assert_eq!(bench.run("create-partition", args).unwrap(), r#"{"id":1}"#);
    let record = bench.run("query-partition", r#""id":1"#).unwrap();
    assert!(record.contains(r#""name":"web","state":"READY""#), "{record}");
    assert!(record.contains(r#""cores":[1,2],"memsize_mib":1024"#), "{record}");
    assert_eq!(bench.refused("create-partition", args).0, ErrorKind::AlreadyExists);
    assert_eq!(bench.run("destroy-partition", r#""id":1"#).unwrap(), "{}");
    assert_eq!(bench.refused("query-partition", r#""id":1"#).0, ErrorKind::NotFound);
}

#[test]
fn bad_arguments_of_create_name_their_rule() {
    let bench = Bench::new();
    let cases = [
        (r#""cores":0,"memsize":1"#, "cores must be at least 1"),
        (r#""cores":1"#, "needs memsize (GiB) or memsize_mib"),
        (r#""cores":1,"memsize":0"#, "must not be 0"),
        (r#""cores":1,"memsize":18446744073709551615"#, "beyond 64 bits"),
        (r#""cores":1,"memsize":1,"memsize_mib":1"#, "exclude each other"),
        (r#""cores":1,"memsize_mib":3"#, "Memory of 3 MiB is no multiple of 2 MiB"),
        (r#""cores":1,"memsize":1,"primary":7"#, "primary has no meaning but 0"),
        (r#""cores":1,"memsize":1,"name":"""#, "name must not be empty"),
        (r#""cores":1,"memsize":1,"name":"a\nb""#, "control characters"),
        (r#""cores":1,"memsize":1,"shared_with":1"#, "secure partitions only"),
        (r#""cores":1,"memsize":1,"secure":true,"shared_with":0"#, "management partition"),
        (r#""cores":1,"memsize":1,"uuid":"00000000-0000-0000-0000-000000000000""#, "uuid must not be nil"),
    ];
    for (args, rule) in cases {
        let (kind, text) = bench.refused("create-partition", args);
        assert_eq!(kind, ErrorKind::InvalidArgument, "{args}");
        assert!(text.contains(rule), "{args}: {text}");
    }
    let long = format!(r#""cores":1,"memsize":1,"name":"{}""#, "ä".repeat(32));
    assert!(bench.refused("create-partition", &long).1.contains("has 64 bytes, more than 63"));
    assert_eq!(
        bench.refused("create-partition", r#""cores":4294967295,"memsize":1"#).0,
        ErrorKind::NoResources
    );
}

#[test]
fn every_wrong_pair_of_state_and_command_is_refused_by_name() {
    let commands = ["deploy", "shutdown", "reboot", "suspend", "restore", "destroy-partition"];
    for state in PartitionState::ALL {
        for (operation, name) in Operation::ALL.into_iter().zip(commands) {
            let bench = Bench::in_state(state);
            let args = if name == "deploy" { r#""id":1,"kernel":"k""# } else { r#""id":1"# };
            let outcome = bench.run(name, args);
            match state.after(operation) {
                Ok(_) if name == "deploy" => assert_eq!(outcome.unwrap_err().0, ErrorKind::NotFound),
                Ok(_) => assert_eq!(outcome.unwrap(), "{}"),
                Err(_) => {
                    let (kind, text) = outcome.unwrap_err();
                    assert_eq!(kind, ErrorKind::InvalidState);
                    assert!(text.starts_with(&format!("Partition 1 is {state}; {name} needs ")), "{text}");
                }
            }
        }
    }
}

#[test]
fn faulted_partition_says_what_is_left() {
    let bench = Bench::in_state(PartitionState::Deployed);
    bench.device.change(PartitionId(1), |info| info.condition = Condition::Faulted);
    let (kind, text) = bench.refused("suspend", r#""id":1"#);
    assert_eq!(kind, ErrorKind::InvalidState);
    assert_eq!(
        text,
        "Partition 1 is DEPLOYED and faulted; only shutdown and reboot are possible, not suspend"
    );
    bench.run("reboot", r#""id":1"#).unwrap();
}

#[test]
fn second_operation_is_busy_and_queries_tell_the_first() {
    struct Waiting<'a>(&'a Bench);
    impl FileSource for Waiting<'_> {
        fn read(&self, _reference: &str, _limit: ByteSize) -> Result<Vec<u8>, FileError> {
            let (kind, text) = self.0.refused("destroy-partition", r#""id":1"#);
            assert_eq!((kind, text.as_str()), (ErrorKind::Busy, "Partition 1 is busy: deploy is under way"));
            let record = self.0.run("query-partition", r#""id":1"#).unwrap();
            assert!(record.contains(r#""busy":"deploy""#), "{record}");
            Err(FileError::NoImage("seen".into()))
        }
    }
    let bench = Bench::in_state(PartitionState::Ready);
    let (_, text) =
        bench.with(&Waiting(&bench), r#"{"command":"deploy","args":{"id":1,"kernel":"k"}}"#).unwrap_err();
    assert_eq!(text, "There is no image seen in the store");
    bench.run("destroy-partition", r#""id":1"#).unwrap();
}

#[test]
fn operation_that_the_state_refuses_keeps_nobody_out() {
    let bench = Bench::in_state(PartitionState::Ready);
    let shelf = Shelf(vec![("k", kernel(1 << 20))]);
    let meeting = Arc::new(Barrier::new(2));
    bench.device.meet_at_query(&meeting);
    thread::scope(|scope| {
        let shutdown = scope.spawn(|| bench.refused("shutdown", r#""id":1"#));
        meeting.wait();
        let deployed = bench.with(&shelf, r#"{"command":"deploy","args":{"id":1,"kernel":"k"}}"#);
        meeting.wait();
        assert_eq!(shutdown.join().unwrap().0, ErrorKind::InvalidState);
        deployed.unwrap();
    });
}

#[test]
fn operation_of_another_process_is_busy_too() {
    let bench = Bench::in_state(PartitionState::Deployed);
    bench.device.change(PartitionId(1), |info| info.busy = Some(Operation::Suspend));
    let (kind, text) = bench.refused("reboot", r#""id":1"#);
    assert_eq!((kind, text.as_str()), (ErrorKind::Busy, "Partition 1 is busy: suspend is under way"));
}

#[test]
fn management_partition_and_unknown_ids_are_out_of_reach() {
    let bench = Bench::new();
    for name in ["destroy-partition", "shutdown", "query-partition", "query-stats", "console-read"] {
        let (kind, text) = bench.refused(name, r#""id":0"#);
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.contains("management partition"), "{text}");
        assert_eq!(
            bench.refused(name, r#""id":77"#),
            (ErrorKind::NotFound, "There is no partition 77".into())
        );
    }
}

#[test]
fn shutdown_takes_a_mode_and_a_time_out_within_bounds() {
    let bench = Bench::in_state(PartitionState::Deployed);
    assert_eq!(bench.refused("shutdown", r#""id":1,"mode":"graceful""#).0, ErrorKind::Unsupported);
    for timeout in ["0", "600001"] {
        let (kind, text) = bench.refused("shutdown", &format!(r#""id":1,"timeout_ms":{timeout}"#));
        assert_eq!(kind, ErrorKind::InvalidArgument);
        assert!(text.contains("timeout_ms must be 1 to 600000"), "{text}");
    }
    bench.run("shutdown", r#""id":1,"mode":"forced","timeout_ms":600000"#).unwrap();
}

#[test]
fn console_is_read_in_pieces() {
    let bench = Bench::in_state(PartitionState::Deployed);
    bench.device.print(PartitionId(1), b"booting");
    let read = |position, max| {
        bench.manager.console_read(&ConsoleRead { id: PartitionId(1), position, max }).map(|chunk| chunk.data)
    };
    assert_eq!(read(None, None).unwrap(), b"booting");
    assert_eq!(read(Some(4), Some(2)).unwrap(), b"in");
    assert_eq!(read(Some(7), None).unwrap(), b"");
    assert_eq!(read(None, Some(0)).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(read(None, Some(MAX_CHUNK + 1)).unwrap_err().kind(), ErrorKind::InvalidArgument);
    bench.run("console-write", r#""id":1,"data":"IQ==""#).unwrap();
    assert_eq!(read(Some(7), None).unwrap(), b"!");
}

#[test]
fn host_and_counters_are_told() {
    let bench = Bench::in_state(PartitionState::Deployed);
    let host = bench.run("query-host", "").unwrap();
    assert!(host.contains(r#""cores_total":8,"cores_free":6,"cores_management":1"#), "{host}");
    assert_eq!(bench.run("query-stats", r#""id":1"#).unwrap(), r#"{"id":1,"counters":{"starts":3}}"#);
    assert!(bench.run("query-version", "").unwrap().contains(r#""paths":"local","simulated":true"#));
}

#[test]
fn commands_of_the_daemon_say_so() {
    let bench = Bench::new();
    let (kind, text) = bench.refused("image-list", "");
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Unsupported, "image-list needs vmand: connect to its socket")
    );
}

/// Files by name.
struct Shelf(Vec<(&'static str, Vec<u8>)>);

impl FileSource for Shelf {
    fn read(&self, reference: &str, limit: ByteSize) -> Result<Vec<u8>, FileError> {
        let found = self.0.iter().find(|(name, _)| *name == reference);
        let data = found.ok_or_else(|| FileError::NoImage(reference.into()))?.1.clone();
        assert!(data.len() as u64 <= limit.0);
        Ok(data)
    }
}

fn kernel(size: u32) -> Vec<u8> {
    let mut image = vec![0; 4096];
    image[16..20].copy_from_slice(&size.to_le_bytes());
    image[24] = 0b1010;
    image[56..60].copy_from_slice(b"ARM\x64");
    image
}

#[test]
fn deployment_loads_kernel_tree_and_initrd_where_the_tree_says() {
    let bench = Bench::in_state(PartitionState::Ready);
    let shelf = Shelf(vec![("k", kernel(3 << 20)), ("i", b"ramdisk".to_vec())]);
    let args = r#""id":1,"kernel":"k","initrd":"i","cmdline":"quiet""#;
    bench.with(&shelf, &format!(r#"{{"command":"deploy","args":{{{args}}}}}"#)).unwrap();
    let loaded = bench.device.loaded(PartitionId(1));
    let offsets: Vec<_> = loaded.iter().map(|(offset, _)| offset >> 20).collect();
    assert_eq!(offsets, [0, 4, 6]);
    let text = String::from_utf8_lossy(&loaded[1].1);
    assert!(text.contains("quiet") && text.contains("linux,initrd-start"), "{text}");
    assert_eq!(loaded[2].1, b"ramdisk");
    assert!(bench.run("query-partition", r#""id":1"#).unwrap().contains("DEPLOYED"));
}

#[test]
fn tree_that_was_made_is_accepted_when_it_is_given() {
    let bench = Bench::in_state(PartitionState::Ready);
    let shelf = Shelf(vec![("k", kernel(1 << 20))]);
    bench.with(&shelf, r#"{"command":"deploy","args":{"id":1,"kernel":"k"}}"#).unwrap();
    let tree = bench.device.loaded(PartitionId(1))[1].1.clone();
    bench.run("shutdown", r#""id":1"#).unwrap();
    let shelf = Shelf(vec![("k", kernel(1 << 20)), ("d", tree), ("x", b"no tree".to_vec())]);
    let refused =
        bench.with(&shelf, r#"{"command":"deploy","args":{"id":1,"kernel":"k","dtb":"x"}}"#).unwrap_err();
    assert_eq!(refused.0, ErrorKind::InvalidArgument);
    bench
        .with(&shelf, r#"{"command":"deploy","args":{"id":1,"kernel":"k","dtb":"d","cmdline":"debug"}}"#)
        .unwrap();
    assert!(String::from_utf8_lossy(&bench.device.loaded(PartitionId(1))[1].1).contains("debug"));
}

/// A property of `/chosen` in a tree.
fn chosen(tree: &[u8], name: &str) -> Vec<u8> {
    use dtoolkit::{Node, Property};
    let fdt = dtoolkit::fdt::Fdt::new(tree).unwrap();
    let chosen = fdt.root().child("chosen").unwrap();
    chosen.property(name).unwrap().value().to_vec()
}

#[test]
fn every_deployment_has_random_numbers_of_its_own_also_in_a_tree_that_is_given() {
    let bench = Bench::in_state(PartitionState::Ready);
    let mut shelf = Shelf(vec![("k", kernel(1 << 20))]);
    let mut trees = vec![];
    for given in ["", r#","dtb":"d""#, r#","dtb":"d""#] {
        bench
            .with(&shelf, &format!(r#"{{"command":"deploy","args":{{"id":1,"kernel":"k"{given}}}}}"#))
            .unwrap();
        let tree = bench.device.loaded(PartitionId(1))[1].1.clone();
        bench.run("shutdown", r#""id":1"#).unwrap();
        // The next one is given this tree, with the numbers that have served.
        shelf = Shelf(vec![("k", kernel(1 << 20)), ("d", tree.clone())]);
        trees.push(tree);
    }
    for (name, length) in [("rng-seed", 32), ("kaslr-seed", 8)] {
        let [first, second, third] = [0, 1, 2].map(|index: usize| chosen(&trees[index], name));
        assert!([&first, &second, &third].iter().all(|seed| seed.len() == length), "{name}");
        assert!(first != second && second != third && first != third, "{name} serves twice");
    }
}

#[test]
fn kernel_that_does_not_fit_leaves_the_partition_ready() {
    let bench = Bench::in_state(PartitionState::Ready);
    let shelf = Shelf(vec![("k", kernel(u32::MAX)), ("n", b"text".to_vec())]);
    for (name, kind) in [("k", ErrorKind::NoResources), ("n", ErrorKind::InvalidArgument)] {
        let line = format!(r#"{{"command":"deploy","args":{{"id":1,"kernel":"{name}"}}}}"#);
        assert_eq!(bench.with(&shelf, &line).unwrap_err().0, kind);
        let long = "x".repeat(3000);
        let line =
            format!(r#"{{"command":"deploy","args":{{"id":1,"kernel":"{name}","cmdline":"{long}"}}}}"#);
        bench.with(&shelf, &line).unwrap_err();
    }
    bench.run("destroy-partition", r#""id":1"#).unwrap();
}

/// The fake has no guests, so it shows what needs none.
#[test]
fn fake_behaves_as_every_device_does() {
    use crate::device::suite::{self, ScriptedImages, Verdict};
    let tests: [(&str, suite::Test<FakeDevice, ScriptedImages>); 10] = [
        ("state table", suite::every_row_of_the_state_table_holds),
        ("handles", suite::handles_do_not_outlive_their_partition),
        ("impossible requests", suite::impossible_requests_are_refused),
        ("duplicates", suite::duplicates_are_refused),
        ("secure world", suite::critical_partitions_have_a_pool_of_their_own),
        ("resources", suite::exhausted_resources_come_back),
        ("numbers", suite::numbers_are_not_used_again),
        ("races", suite::racing_clients_share_the_last_cores),
        ("events", suite::every_queue_sees_every_event_in_order),
        ("late queue", suite::late_queue_is_empty),
    ];
    for (name, test) in tests {
        let images = ScriptedImages { kernel_len: 4096 };
        assert_eq!(test(&FakeDevice::default(), &images), Verdict::Passed, "{name}");
    }
}
