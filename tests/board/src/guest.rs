//! A partition under test and its console.

use std::thread;
use std::time::{Duration, Instant};

use vman_core::device::{
    CharPartition, ConsoleAction, LoadImage, ManagerDevice, PartitionDevice, PartitionInfo, Segment,
};
use vman_core::fdt::PartitionTree;
use vman_core::id::{CpuId, Mpidr, PartitionId, PhysAddr};
use vman_core::image::{DEVICE_TREE_MAX, KernelImage, layout};
use vman_core::state::{Operation, PartitionState};

use crate::bench::{Bench, OPERATION_LIMIT, Outcome, text};

/// How long a kernel may take to boot under emulation.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// One partition.
#[derive(Debug)]
pub struct Guest<'a> {
    bench: &'a Bench,
    /// Its number.
    pub id: PartitionId,
    /// Its handle.
    pub partition: CharPartition,
    position: u64,
    /// Everything that it has printed since the last [`Guest::forget`].
    pub printed: String,
}

impl<'a> Guest<'a> {
    /// A handle to the partition.
    pub fn open(bench: &'a Bench, id: PartitionId) -> Outcome<Self> {
        let partition = bench.device.open(id).map_err(text)?;
        Ok(Self { bench, id, partition, position: 0, printed: String::new() })
    }

    /// What the driver says of it.
    pub fn info(&self) -> Outcome<PartitionInfo> {
        self.partition.info().map_err(text)
    }

    /// Loads and starts Linux, which then does `job`.
    pub fn deploy(&self, job: &str) -> Outcome<()> {
        let bench = self.bench;
        let info = self.info()?;
        let kernel = KernelImage::parse(&bench.kernel).map_err(text)?;
        let initrd_len = u64::try_from(bench.initrd.len()).map_err(text)?;
        let places = layout(info.memory, &kernel, initrd_len, DEVICE_TREE_MAX.0).map_err(text)?;
        let command_line =
            format!("console=ttyAMA0 earlycon=pl011,0x9000000 panic=-1 printk.devkmsg=on job={job}");
        let host = bench.host()?;
        let owned = host.cpus.iter().filter(|cpu| info.cpus.contains(cpu.id));
        let cpus: Vec<(CpuId, Mpidr)> = owned.map(|cpu| (cpu.id, cpu.mpidr)).collect();
        let tree = PartitionTree {
            cpus: &cpus,
            memory: info.memory,
            command_line: Some(&command_line),
            initrd: places.initrd,
            console_interrupt: None,
            entropy: None,
        };
        let tree = tree.build(&bench.tree()?).map_err(text)?;
        let offset = |address: PhysAddr| address.0 - info.memory.base().0;
        let initrd = places.initrd.ok_or("no place for the ramdisk")?;
        let segments = vec![
            Segment { offset: offset(places.kernel.base()), data: &bench.kernel },
            Segment { offset: offset(places.device_tree.base()), data: &tree },
            Segment { offset: offset(initrd.base()), data: &bench.initrd },
        ];
        let image = LoadImage {
            segments,
            entry: offset(places.entry()),
            device_tree: offset(places.device_tree.base()),
        };
        self.partition.deploy(&image).map_err(text)
    }

    /// An operation that must succeed.
    pub fn control(&self, operation: Operation) -> Outcome<Duration> {
        let begin = Instant::now();
        self.partition.control(operation, OPERATION_LIMIT).map_err(text)?;
        Ok(begin.elapsed())
    }

    /// Reads what the partition has printed meanwhile.
    pub fn read(&mut self) -> Outcome<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let action = ConsoleAction::Read { position: self.position, buffer: &mut buffer };
            let span = self.partition.console(action).map_err(text)?;
            if span.len == 0 {
                return Ok(());
            }
            self.printed.push_str(&String::from_utf8_lossy(&buffer[..span.len]));
            self.position = span.position + u64::try_from(span.len).map_err(text)?;
        }
    }

    /// Forgets what was printed so far.
    pub fn forget(&mut self) -> Outcome<()> {
        self.read()?;
        self.printed.clear();
        Ok(())
    }

    /// Waits until the partition has printed `what`; answers the rest of that line.
    pub fn wait_for(&mut self, what: &str) -> Outcome<String> {
        let begin = Instant::now();
        loop {
            self.read()?;
            if let Some((_, rest)) = self.printed.split_once(what)
                && let Some((line, _)) = rest.split_once('\n')
            {
                return Ok(line.trim().to_owned());
            }
            if begin.elapsed() > BOOT_LIMIT {
                return Err(format!("{what} was not printed; last lines: {}", self.last_lines()));
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until the partition is in this state.
    pub fn wait_for_state(&self, state: PartitionState) -> Outcome<()> {
        let begin = Instant::now();
        loop {
            let info = self.info()?;
            if info.state == state && info.busy.is_none() {
                return Ok(());
            }
            if begin.elapsed() > BOOT_LIMIT {
                return Err(format!("partition is {} and not {state}", info.state));
            }
            thread::sleep(POLL);
        }
    }

    /// The end of what was printed, on one line.
    pub fn last_lines(&self) -> String {
        let lines: Vec<_> = self.printed.lines().collect();
        lines[lines.len().saturating_sub(12)..].join(" | ")
    }

    /// Number of ticks printed so far.
    pub fn ticks(&self) -> usize {
        self.printed.matches("TICK ").count()
    }
}
