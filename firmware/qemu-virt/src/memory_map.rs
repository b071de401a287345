//! Every fixed address and number of the emulated board, in one place: the firmware is linked with them, and the board
//! runner includes this file to place images and to write the device tree.
//!
//! ```text
//! 0x0000_0000  secure flash: the EL3 image (QEMU's -bios), copied from here to secure SRAM
//! 0x0800_0000  GIC: distributor, 0x080a_0000 redistributors
//! 0x0900_0000  PL011 of the management partition
//! 0x090b_0000  secure GPIO: power
//! 0x0e00_0000  secure SRAM: EL3                                   2 MiB
//! 0x0e20_0000  pool that critical partitions are made of          14 MiB
//! 0x4000_0000  RAM of the management partition                    1 GiB
//! 0x8000_0000  pool that partitions are made of                1020 MiB
//! 0xbfc0_0000  EL2 layer and stage-2 tables, seen by no guest      2 MiB
//! 0xbfe0_0000  console rings, seen by the management partition     2 MiB
//! 0xc000_0000  end of RAM
//! ```
//! Facts of the machine are those of QEMU's `virt` with `secure=on,virtualization=on,gic-version=3`.

/// `-machine` of QEMU.
pub const QEMU_MACHINE: &str = "virt,gic-version=3,secure=on,virtualization=on";
/// `-cpu` of QEMU unless chosen otherwise.
pub const QEMU_CPU: &str = "cortex-a57";
/// CPUs of the board; their affinity is their index.
pub const CPU_COUNT: usize = 4;
/// Largest number of CPUs that the firmware image can drive.
pub const MAX_CPUS: usize = 8;
/// Largest number of partitions at one time, the management partition included.
pub const MAX_PARTITIONS: usize = 8;

/// Secure SRAM: no access of the Non-secure state reaches it.
pub const SECURE_SRAM_BASE: u64 = 0x0e00_0000;
/// Size in bytes.
pub const SECURE_SRAM_SIZE: u64 = 16 << 20;

/// Part of it that EL3 runs in.
pub const EL3_SIZE: u64 = 2 << 20;
/// Secure memory that critical partitions are made of: the rest of the secure SRAM.
pub const SECURE_POOL_BASE: u64 = SECURE_SRAM_BASE + EL3_SIZE;
/// Size in bytes.
pub const SECURE_POOL_SIZE: u64 = SECURE_SRAM_SIZE - EL3_SIZE;

/// Start of RAM; the management partition has the first part.
pub const RAM_BASE: u64 = 0x4000_0000;
/// Size of the RAM in bytes (`-m` of QEMU).
pub const RAM_SIZE: u64 = 2 << 30;
/// The management partition's RAM.
pub const MANAGEMENT_BASE: u64 = RAM_BASE;
/// Size in bytes.
pub const MANAGEMENT_SIZE: u64 = 1 << 30;
/// Where its kernel (an arm64 `Image`) is placed and entered.
pub const MANAGEMENT_KERNEL: u64 = 0x4020_0000;
/// Where its device tree is placed; `x0` at the entry of the kernel.
pub const MANAGEMENT_DTB: u64 = 0x4a00_0000;
/// Where its initramfs is placed.
pub const MANAGEMENT_INITRD: u64 = 0x4c00_0000;

/// The pool that partitions are made of: node `vmanager-pool@80000000` under `/reserved-memory`.
pub const POOL_BASE: u64 = MANAGEMENT_BASE + MANAGEMENT_SIZE;
/// Size in bytes.
pub const POOL_SIZE: u64 = EL2_BASE - POOL_BASE;
/// `compatible` of the pool's node (with `no-map`).
pub const POOL_COMPATIBLE: &str = "aivirt,vmanager-pool";
/// Memory is given to partitions in multiples of this: the block of a stage-2 table's second level.
pub const GRANULE: u64 = 2 << 20;

/// RAM of the EL2 layer: image, stacks, stage-2 tables. No guest sees it.
pub const EL2_BASE: u64 = 0xbfc0_0000;
/// Size in bytes.
pub const EL2_SIZE: u64 = 2 << 20;
/// Most bytes of the EL2 image; the rest of its RAM is data.
pub const EL2_IMAGE_SIZE: u64 = 64 << 10;
/// What the EL2 layer knows of every partition (`view`), cleared by EL3 at boot.
pub const EL2_DATA_BASE: u64 = EL2_BASE + EL2_IMAGE_SIZE;
/// Size in bytes.
pub const EL2_DATA_SIZE: u64 = 64 << 10;
/// Stacks of the EL2 layer, one per CPU.
pub const EL2_STACKS_BASE: u64 = EL2_DATA_BASE + EL2_DATA_SIZE;
/// Bytes of one stack.
pub const EL2_STACK_SIZE: u64 = 16 << 10;
/// Translation tables: stage 2 of every partition, then the EL2 layer's own.
pub const TABLES_BASE: u64 = EL2_BASE + EL2_SIZE / 2;
/// Bytes of one translation-table page.
pub const TABLE_SIZE: u64 = 4 << 10;
/// Table pages of one partition.
pub const TABLES_PER_PARTITION: u32 = 16;

/// Console rings: one of [`CONSOLE_SIZE`] bytes per partition slot. Only the management partition sees them.
pub const CONSOLES_BASE: u64 = 0xbfe0_0000;
/// Size of the area in bytes.
pub const CONSOLES_SIZE: u64 = 2 << 20;
/// Size of one ring in bytes (`vman_core::abi::console`).
pub const CONSOLE_SIZE: u64 = 64 << 10;

/// GIC distributor, 64 KiB.
pub const GICD_BASE: u64 = 0x0800_0000;
/// Size in bytes.
pub const GICD_SIZE: u64 = 0x1_0000;
/// GIC redistributors, [`GICR_STRIDE`] bytes per CPU.
pub const GICR_BASE: u64 = 0x080a_0000;
/// Bytes of one redistributor: the control frame and the SGI frame.
pub const GICR_STRIDE: u64 = 0x2_0000;
/// PL011 of the management partition; in a partition the virtual console stands at the same address.
pub const UART_BASE: u64 = 0x0900_0000;
/// Size in bytes.
pub const UART_SIZE: u64 = 0x1000;
/// Secure PL061 GPIO; pin 0 powers off, pin 1 resets.
pub const SECURE_GPIO_BASE: u64 = 0x090b_0000;

/// SPI (INTID - 32) that tells the management partition of events: edge, node `/firmware/vmanager` with
/// `compatible` [`VMANAGER_COMPATIBLE`] and `interrupts = <0 100 1>`.
pub const EVENT_SPI: u32 = 100;
/// `compatible` of the device-tree node of the vManager service.
pub const VMANAGER_COMPATIBLE: &str = "aivirt,vmanager";
/// SPI of the virtual console of a partition whose lowest CPU is CPU 0; CPU n has the n-th behind it. The same node's
/// `console-interrupts` holds the INTID (SPI + 32) of the first.
pub const CONSOLE_SPI: u32 = 104;
