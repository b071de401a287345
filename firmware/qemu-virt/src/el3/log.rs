//! One-line messages on the secure PL011, which no operating system can reach.

use core::fmt::{self, Write};

use qemu_virt::mmio::Mmio;

const SECURE_UART_BASE: u64 = 0x0904_0000;
const UARTDR: u64 = 0x0;
const UARTFR: u64 = 0x18;
const FR_TRANSMIT_FULL: u32 = 1 << 5;

struct SecureUart(Mmio);

impl SecureUart {
    fn put(&self, byte: u8) {
        while self.0.read32(UARTFR) & FR_TRANSMIT_FULL != 0 {}
        self.0.write32(UARTDR, u32::from(byte));
    }
}

impl Write for SecureUart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.put(byte));
        Ok(())
    }
}

/// Prints a line.
pub(crate) fn line(message: fmt::Arguments<'_>) {
    // SAFETY: the secure PL011 of the machine, mapped as device memory (mmu.rs).
    let mut uart = SecureUart(unsafe { Mmio::new(SECURE_UART_BASE, 0x1000) });
    // The writer never fails.
    let _ = uart.write_fmt(format_args!("{message}\r\n"));
}
