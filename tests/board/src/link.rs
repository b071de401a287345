//! Memory that two partitions share, and nobody else.

use std::time::Duration;

use vman_core::device::{CharDevice, CreateRequest, LinkInfo, ManagerDevice};
use vman_core::error::ErrorKind;
use vman_core::id::{ByteSize, PartitionId};
use vman_core::plan::World;
use vman_core::state::Operation;

use crate::guest::{Guest, request};
use crate::hostile::{Attacker, Listener};
use crate::isolation::{Word, read_physical};
use crate::life::{QUIET, end};
use crate::orders::Task;
use crate::{Broken, Kept, ensure, must};

/// Frames of the stream of a test: two seconds.
const FRAMES: u32 = 60;

/// Two partitions of one CPU with a link between them, READY.
pub(crate) fn pair(board: &CharDevice) -> Result<([Guest; 2], LinkInfo), Broken> {
    let pair = [Guest::create(board, &request(1))?, Guest::create(board, &request(1))?];
    let link = must("link", board.link([pair[0].id, pair[1].id]))?;
    Ok((pair, link))
}

/// What the sender of a stream says of it, by name.
pub(crate) fn told(line: &str, name: &str) -> Result<u64, Broken> {
    let mut words = line.split_whitespace().skip_while(|word| *word != name);
    let value = words.nth(1).and_then(|value| value.parse().ok());
    value.ok_or_else(|| format!("no {name} in {line:?}"))
}

/// A stream from one partition to the other; the sender's last line.
pub(crate) fn run_stream(board: &CharDevice, pair: &mut [Guest; 2], frames: u32) -> Result<String, Broken> {
    let [sender, receiver] = pair;
    receiver.deploy(board, &format!("{QUIET} aivirt.try=link-receive aivirt.frames={frames}"))?;
    sender.deploy(board, &format!("{QUIET} aivirt.try=link-send aivirt.frames={frames}"))?;
    let log = sender.read_until("GUEST-LINK-END")?;
    let line = log.lines().find(|line| line.contains("GUEST-LINK frames"));
    line.map(str::to_owned).ok_or_else(|| format!("no stream: {log:?}"))
}

pub(crate) fn stream(board: &CharDevice) -> Kept {
    let (mut pair, link) = pair(board)?;
    let mut attacker = Attacker::new(board)?;
    let first = link.memory.base().0;
    ensure(read_physical(first)? == Word::Nothing, || "the management partition sees a link".into())?;
    let line = run_stream(board, &mut pair, FRAMES)?;
    println!("  {}", line.split("GUEST-LINK ").nth(1).unwrap_or_default());
    ensure(told(&line, "frames")? == u64::from(FRAMES) && told(&line, "broken")? == 0, || line.clone())?;
    // A busy host may lose frames; a link that carries nothing loses all.
    ensure(told(&line, "lost")? <= u64::from(FRAMES) / 2, || line.clone())?;
    for target in [first, link.memory.end().0 - 64] {
        attacker.in_vain(Task::Memory, [target, 0, 1, 0, 0])?;
    }
    attacker.end()?;
    pair.iter().try_for_each(end)
}

pub(crate) fn refused(board: &CharDevice) -> Kept {
    let ready = Guest::create(board, &CreateRequest { memory: ByteSize(4 << 20), ..request(1) })?;
    let runs = Listener::asleep(board)?;
    let secure = CreateRequest { memory: ByteSize(4 << 20), world: World::Secure, ..request(1) };
    let critical = Guest::create(board, &secure)?;
    let cases = [
        ([ready.id, ready.id], ErrorKind::InvalidArgument, "two different partitions"),
        ([ready.id, critical.id], ErrorKind::InvalidArgument, "not critical"),
        ([ready.id, PartitionId(999)], ErrorKind::NotFound, "no partition 999"),
        ([ready.id, PartitionId::MANAGEMENT], ErrorKind::NotFound, "no partition 0"),
        ([runs.0.id, ready.id], ErrorKind::InvalidState, "between READY partitions"),
    ];
    for (ends, kind, text) in cases {
        let error = board.link(ends).err().ok_or_else(|| format!("{ends:?} are linked"))?;
        ensure(error.kind == kind && error.text.contains(text), || format!("{ends:?}: {error}"))?;
    }
    ensure(must("links", board.links())?.is_empty(), || "a refused link exists".into())?;
    critical.control(Operation::Destroy)?;
    runs.end()?;
    let other = Guest::create(board, &CreateRequest { memory: ByteSize(4 << 20), ..request(1) })?;
    let mut most = 0;
    let error = loop {
        match board.link([ready.id, other.id]) {
            Ok(_) => most += 1,
            Err(error) => break error,
        }
    };
    let named = error.kind == ErrorKind::NoResources && error.text.contains("8 at most");
    ensure(most == 8 && named, || format!("{most} links, then: {error}"))?;
    ready.control(Operation::Destroy)?;
    other.control(Operation::Destroy)
}

pub(crate) fn gone(board: &CharDevice) -> Kept {
    let before = must("host", board.host())?.memory;
    let (mut pair, link) = pair(board)?;
    let known = must("links", board.links())?;
    ensure(known == [link], || format!("{known:?}, made {link:?}"))?;
    let taken = before.free.0 - must("host", board.host())?.memory.free.0;
    ensure(taken == 2 * request(1).memory.0 + link.memory.size().0, || format!("{taken} bytes are taken"))?;
    // It waits for a receiver that never comes, and looks at the link all the time.
    let [sender, receiver] = &mut pair;
    sender.deploy(board, &format!("{QUIET} aivirt.try=link-send"))?;
    sender.wait_for("GUEST-LINK-AT /dev/mem")?;
    std::thread::sleep(Duration::from_secs(2));
    receiver.control(Operation::Destroy)?;
    // 128 and SIGBUS: the program dies, its Linux goes on.
    sender.wait_for("GUEST-LINK-END 135")?;
    sender.wait_for("GUEST-TICK")?;
    ensure(must("links", board.links())?.is_empty(), || "the link is still there".into())?;
    let found = read_physical(link.memory.base().0)?;
    ensure(found == Word::Value(0), || format!("the pool's next owner finds {found:?}"))?;
    end(sender)?;
    let after = must("host", board.host())?.memory;
    ensure(after == before, || format!("{before:?} before, {after:?} after"))
}
