//! Consoles.

use super::scene::{Scene, console_text, kind, release, wait_for};
use super::{Guest, Images, Verdict};
use crate::device::{ConsoleAction, ManagerDevice, PartitionDevice};
use crate::error::ErrorKind;
use crate::state::Operation;

const NO_BOOT: Verdict = Verdict::Skipped("no operating system to boot");

/// Positions count every byte: pieces put together are the whole, and nothing is behind the end.
pub fn console_tells_every_byte_once<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let Some(partition) = scene.deployed(2, Guest::Boot) else { return NO_BOOT };
    wait_for("console output", || Some(console_text(&partition).1).filter(|text| text.len() > 100));
    partition.control(Operation::Suspend, super::scene::PATIENCE).unwrap();
    let (start, whole) = console_text(&partition);
    assert_eq!(start, 0);
    let mut pieces = Vec::new();
    loop {
        let mut piece = [0; 37];
        let position = u64::try_from(pieces.len()).unwrap();
        let span = partition.console(ConsoleAction::Read { position, buffer: &mut piece }).unwrap();
        assert_eq!((span.position, span.end), (position, u64::try_from(whole.len()).unwrap()));
        if span.len == 0 {
            break;
        }
        pieces.extend_from_slice(&piece[..span.len]);
    }
    assert_eq!(pieces, whole);
    let mut buffer = [0; 8];
    let beyond = partition.console(ConsoleAction::Read { position: u64::MAX, buffer: &mut buffer }).unwrap();
    assert_eq!((beyond.len, beyond.end), (0, u64::try_from(whole.len()).unwrap()));
    let nothing = partition.console(ConsoleAction::Read { position: 0, buffer: &mut [] }).unwrap();
    assert_eq!((nothing.position, nothing.len), (0, 0));
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}

/// A console that is printed full keeps the newest bytes and says where they begin.
pub fn flooded_console_drops_the_oldest<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let Some(partition) = scene.deployed(1, Guest::Flood) else {
        return Verdict::Skipped("no operating system that floods its console");
    };
    let (start, text) =
        wait_for("a flood", || Some(console_text(&partition)).filter(|(start, _)| *start > 0));
    let mut again = vec![0; text.len()];
    let span = partition.console(ConsoleAction::Read { position: start, buffer: &mut again }).unwrap();
    assert_eq!((span.position, span.len), (start, text.len()));
    assert_eq!(span.end, start + u64::try_from(text.len()).unwrap());
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}

/// What is typed is echoed; nobody reads the console of a partition that does not run.
pub fn typing_is_echoed<D: ManagerDevice, I: Images>(device: &D, images: &I) -> Verdict {
    let scene = Scene::new(device, images);
    let partition = scene.create(1);
    let typed = ConsoleAction::Write { data: b"hello" };
    let refused = kind(partition.console(typed));
    if refused == ErrorKind::Unsupported {
        release(&partition);
        return Verdict::Skipped("consoles of this board take no input");
    }
    assert_eq!(refused, ErrorKind::InvalidState);
    release(&partition);
    let Some(partition) = scene.deployed(1, Guest::Boot) else { return NO_BOOT };
    wait_for("a prompt", || Some(()).filter(|()| console_text(&partition).1.ends_with(b"# ")));
    let before = console_text(&partition).1.len();
    let span = partition.console(ConsoleAction::Write { data: b"hello\r" }).unwrap();
    assert_eq!(span.len, 6);
    wait_for("an echo", || {
        let text = console_text(&partition).1;
        Some(()).filter(|()| text[before..].starts_with(b"hello\r\n"))
    });
    release(&partition);
    scene.assert_empty();
    Verdict::Passed
}
