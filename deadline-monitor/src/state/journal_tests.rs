use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A procfs of one's own: threads begin and end, machines restart.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Machine {
        let machine = Machine(tempfile::tempdir().unwrap());
        machine.boot("first");
        machine
    }

    fn boot(&self, id: &str) {
        let directory = self.0.path().join("sys/kernel/random");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("boot_id"), format!("{id}\n")).unwrap();
    }

    fn begin(&self, tid: u32, start: u64) {
        let directory = self.0.path().join(tid.to_string());
        fs::create_dir_all(&directory).unwrap();
        let zeros = "0 ".repeat(18);
        fs::write(directory.join("stat"), format!("{tid} (x) S {zeros}{start} 0\n")).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state/journal")
    }

    fn open(&self) -> (Journal, Loaded) {
        Journal::open(&self.path(), self.0.path()).unwrap()
    }
}

fn before() -> SchedAttr {
    SchedAttr::other(5)
}

#[test]
fn what_was_written_is_found_again() {
    let machine = Machine::new();
    machine.begin(7, 100);
    let (mut journal, loaded) = machine.open();
    assert!(!loaded.rebooted && loaded.set_aside.is_none());
    journal.adopted(Tid(7), 100, before()).unwrap();
    journal.adopted(Tid(8), 100, before()).unwrap();
    journal.released(Tid(8)).unwrap();
    journal.put("target", "1", json!({"period_ns": 5})).unwrap();
    journal.put("target", "2", json!(2)).unwrap();
    journal.remove("target", "2").unwrap();
    let saved = journal.saved().clone();
    drop(journal);
    let (journal, loaded) = machine.open();
    assert!(!loaded.rebooted && loaded.set_aside.is_none());
    assert_eq!(*journal.saved(), saved);
    assert_eq!(saved.threads.keys().copied().collect::<Vec<_>>(), [7]);
    assert_eq!(SchedAttr::from(journal.thread(Tid(7)).unwrap().before), before());
    assert_eq!(journal.thread(Tid(8)), None);
}

#[test]
fn an_id_that_another_thread_has_now_is_not_the_thread() {
    let machine = Machine::new();
    machine.begin(7, 100);
    let (mut journal, _) = machine.open();
    journal.adopted(Tid(7), 99, before()).unwrap();
    assert_eq!(journal.thread(Tid(7)), None);
}

#[test]
fn a_restarted_machine_has_none_of_the_threads() {
    let machine = Machine::new();
    let (mut journal, _) = machine.open();
    journal.adopted(Tid(7), 100, before()).unwrap();
    journal.put("target", "1", json!(1)).unwrap();
    drop(journal);
    machine.boot("second");
    let (journal, loaded) = machine.open();
    assert!(loaded.rebooted && loaded.set_aside.is_none());
    assert!(journal.saved().threads.is_empty() && journal.saved().items.len() == 1);
}

#[test]
fn the_second_of_two_is_refused_and_told_who_has_it() {
    let machine = Machine::new();
    let (_journal, _) = machine.open();
    let error = Journal::open(&machine.path(), machine.0.path()).unwrap_err().to_string();
    let expected = format!("is in use by another deadline-monitor (process {})", std::process::id());
    assert!(error.ends_with(&expected), "{error}");
}

#[test]
fn a_broken_file_is_set_aside_and_its_whole_lines_are_kept() {
    let machine = Machine::new();
    let (mut journal, _) = machine.open();
    for tid in [7, 8, 9] {
        journal.adopted(Tid(tid), 100, before()).unwrap();
    }
    drop(journal);
    let text = fs::read_to_string(machine.path()).unwrap();
    fs::write(machine.path(), text.replace("\"tid\":8", "\"tid\":6")).unwrap();
    let (journal, loaded) = machine.open();
    let aside = loaded.set_aside.unwrap();
    assert_eq!(aside.reason, "line 3 has a wrong checksum");
    assert!(aside.path.ends_with("journal.broken-1") && aside.path.exists());
    assert_eq!(journal.saved().threads.keys().copied().collect::<Vec<_>>(), [7, 9]);
}

#[test]
fn files_that_are_none_of_ours_are_set_aside() {
    let cases = [
        ("hello\n".as_bytes(), "line 1 is too short"),
        (b"00000000 {\"record\":\"begin\"}\n", "line 1 has a wrong checksum"),
        (b"\xff\xfe\x00", "line 1 does not begin a state file"),
    ];
    for (index, (bytes, reason)) in cases.into_iter().enumerate() {
        let machine = Machine::new();
        fs::create_dir_all(machine.path().parent().unwrap()).unwrap();
        fs::write(machine.path(), bytes).unwrap();
        let (journal, loaded) = machine.open();
        assert_eq!(loaded.set_aside.unwrap().reason, reason, "case {index}");
        assert_eq!(*journal.saved(), Saved::default());
    }
}

#[test]
fn a_file_of_a_later_version_is_set_aside_not_misread() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path().parent().unwrap()).unwrap();
    let begin = Record::Begin { version: VERSION + 1, boot: "first".into() };
    fs::write(machine.path(), line(&begin).unwrap()).unwrap();
    let (_, loaded) = machine.open();
    let expected = format!("line 1 is of version {}, this program knows version {VERSION}", VERSION + 1);
    assert_eq!(loaded.set_aside.unwrap().reason, expected);
}

#[test]
fn the_file_is_written_anew_before_it_grows_without_bounds() {
    let machine = Machine::new();
    machine.begin(7, 100);
    let (mut journal, _) = machine.open();
    journal.adopted(Tid(7), 100, before()).unwrap();
    journal.adopted(Tid(8), 100, before()).unwrap(); // It has ended, and nobody said so.
    for number in 0..3 * SLACK {
        journal.put("target", "1", json!(number)).unwrap();
    }
    let lines = fs::read_to_string(machine.path()).unwrap().lines().count();
    assert!(lines <= 2 * SLACK, "{lines}");
    assert_eq!(journal.saved().threads.keys().copied().collect::<Vec<_>>(), [7]);
    drop(journal);
    let (journal, loaded) = machine.open();
    assert!(loaded.set_aside.is_none());
    let last: usize = journal.saved().items[&("target".into(), "1".into())].read().unwrap();
    assert_eq!(last, 3 * SLACK - 1);
}

#[test]
fn a_full_disk_is_told_and_spoils_nothing() {
    let machine = Machine::new();
    let (mut journal, _) = machine.open();
    journal.put("target", "1", json!(1)).unwrap();
    let good =
        std::mem::replace(&mut journal.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
    let error = journal.put("target", "2", json!(2)).unwrap_err().to_string();
    assert!(error.starts_with("Cannot write "), "{error}");
    assert_eq!(journal.saved().items.len(), 1, "what is not in the file is not remembered");
    journal.file = good;
    journal.put("target", "3", json!(3)).unwrap();
    let saved = journal.saved().clone();
    drop(journal);
    assert_eq!(*machine.open().0.saved(), saved);
}

fn record() -> impl Strategy<Value = Record> {
    let small = 0..20_u32;
    prop_oneof![
        (small.clone(), any::<u64>(), any::<i32>()).prop_map(|(tid, start, nice)| Record::Adopted {
            tid,
            start,
            before: SchedAttr::other(nice).into()
        }),
        small.clone().prop_map(|tid| Record::Released { tid }),
        (small.clone(), any::<String>()).prop_map(|(id, text)| Record::Put {
            kind: "k".into(),
            id: id.to_string(),
            value: json!(text)
        }),
        small.prop_map(|id| Record::Removed { kind: "k".into(), id: id.to_string() }),
    ]
}

proptest! {
    /// Killed at any byte of its writing, a process leaves a file that says what it said after some whole line.
    #[test]
    fn a_file_that_ends_anywhere_says_what_was_true_before(
        records in prop::collection::vec(record(), 0..30), cut in any::<prop::sample::Index>(),
    ) {
        let begin = Record::Begin { version: VERSION, boot: "first".into() };
        let (mut states, mut saved) = (vec![Saved::default()], Saved::default());
        let mut bytes = line(&begin).unwrap();
        let head = bytes.len();
        for record in records {
            bytes.extend(line(&record).unwrap());
            saved.apply(record);
            states.push(saved.clone());
        }
        let end = head + cut.index(bytes.len() - head + 1);
        let reading = understand(&bytes[..end]);
        prop_assert_eq!(&reading.broken, &None);
        let whole = bytes[..end].iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(&reading.saved, &states[whole - 1]);
    }

    /// No byte of the file can change without being noticed, except what a killed process would have left.
    #[test]
    fn damage_is_noticed(
        records in prop::collection::vec(record(), 1..10), place in any::<prop::sample::Index>(), with in 1..=255_u8,
    ) {
        let begin = Record::Begin { version: VERSION, boot: "first".into() };
        let mut bytes = line(&begin).unwrap();
        for record in &records {
            bytes.extend(line(record).unwrap());
        }
        let whole = understand(&bytes);
        let place = place.index(bytes.len());
        bytes[place] ^= with;
        let damaged = understand(&bytes);
        // The last newline gone is a torn last line.
        prop_assert!(damaged.broken.is_some() || place + 1 == bytes.len() || damaged.saved == whole.saved);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = understand(&bytes);
    }
}
