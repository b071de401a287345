//! The console of a partition: a PL011 (Arm DDI 0183) whose line is the ring of `vman_core::abi::console`. It transmits
//! at once, so its transmit FIFO is always empty.

use core::sync::atomic::Ordering;

use qemu_virt::gic::pend;
use qemu_virt::view::Ring;

use crate::Partition;
use crate::abort::Access;

const UARTDR: u64 = 0x00;
const UARTFR: u64 = 0x18;
const UARTCR: u64 = 0x30;
const UARTIMSC: u64 = 0x38;
const UARTRIS: u64 = 0x3c;
const UARTMIS: u64 = 0x40;
const UARTICR: u64 = 0x44;
/// Peripheral and cell identification: eight words to the end of the page, one byte each.
const UARTPERIPHID: u64 = 0xfe0;
const IDENTIFICATION: [u8; 8] = [0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

const FR_RECEIVE_EMPTY: u32 = 1 << 4;
const FR_TRANSMIT_EMPTY: u32 = 1 << 7;
/// Enabled, transmits and receives.
const CR_ON: u32 = 0x301;
const INTERRUPT_RECEIVE: u32 = 1 << 4;
const INTERRUPT_TRANSMIT: u32 = 1 << 5;
const INTERRUPTS: u32 = 0x7ff;

/// Carries the access out.
pub(crate) fn access(partition: Partition, access: Access) -> u64 {
    let uart = Uart { partition, ring: Ring::new(partition.slot) };
    match access.store {
        None => u64::from(uart.read(access.address)),
        Some(value) => {
            uart.write(access.address, value);
            0
        }
    }
}

struct Uart {
    partition: Partition,
    ring: Ring,
}

impl Uart {
    fn raw(&self) -> u32 {
        let receive = if self.ring.has_input() { INTERRUPT_RECEIVE } else { 0 };
        self.partition.view.uart_raw.load(Ordering::Relaxed) | receive
    }

    fn masked(&self) -> u32 {
        self.raw() & self.partition.view.uart_mask.load(Ordering::Relaxed)
    }

    fn read(&self, register: u64) -> u32 {
        match register {
            UARTDR => self.ring.take().map_or(0, u32::from),
            UARTFR if self.ring.has_input() => FR_TRANSMIT_EMPTY,
            UARTFR => FR_TRANSMIT_EMPTY | FR_RECEIVE_EMPTY,
            UARTCR => CR_ON,
            UARTIMSC => self.partition.view.uart_mask.load(Ordering::Relaxed),
            UARTRIS => self.raw(),
            UARTMIS => self.masked(),
            UARTPERIPHID.. => {
                let index = usize::try_from((register - UARTPERIPHID) / 4).unwrap_or(usize::MAX);
                IDENTIFICATION.get(index).map_or(0, |byte| u32::from(*byte))
            }
            _ => 0,
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "registers are narrower than the bus")]
    fn write(&self, register: u64, value: u64) {
        let view = self.partition.view;
        match register {
            UARTDR => {
                self.ring.put(value as u8);
                view.uart_raw.fetch_or(INTERRUPT_TRANSMIT, Ordering::Relaxed);
            }
            UARTIMSC => view.uart_mask.store(value as u32 & INTERRUPTS, Ordering::Relaxed),
            UARTICR => {
                view.uart_raw.fetch_and(!(value as u32), Ordering::Relaxed);
            }
            _ => return,
        }
        if let Some(interrupt) = view.console_interrupt().filter(|_| self.masked() != 0) {
            pend(interrupt);
        }
    }
}
