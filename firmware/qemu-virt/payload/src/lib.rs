//! What the two payloads have in common: start, console, exceptions, the interrupt interface. Each of them runs on one
//! CPU with its MMU off, so that every access it makes is the access that the isolation below it sees.
#![no_std]

pub mod cpu;
pub mod exception;
pub mod gic;
pub mod orders;

use core::arch::global_asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

global_asm!(include_str!("start.S"));

/// Where text goes; the payload's `main` chooses.
static PUT: AtomicUsize = AtomicUsize::new(0);
/// What an interrupt does before it is ended.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Sends all output to `put`.
pub fn print_with(put: fn(u8)) {
    PUT.store(put as usize, Ordering::Relaxed);
}

/// Calls `handler` with the INTID of every interrupt.
pub fn handle_with(handler: fn(u64)) {
    HANDLER.store(handler as usize, Ordering::Relaxed);
}

fn on_interrupt(intid: u64) {
    let handler = HANDLER.load(Ordering::Relaxed);
    if handler != 0 {
        // SAFETY: only `handle_with` stores here, and only functions of this type.
        let handler = unsafe { core::mem::transmute::<usize, fn(u64)>(handler) };
        handler(intid);
    }
}

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let put = PUT.load(Ordering::Relaxed);
        if put != 0 {
            // SAFETY: only `print_with` stores here, and only functions of this type.
            let put = unsafe { core::mem::transmute::<usize, fn(u8)>(put) };
            text.bytes().for_each(put);
        }
        Ok(())
    }
}

/// Prints a line.
pub fn line(message: fmt::Arguments<'_>) {
    // The writer never fails.
    let _ = Console.write_fmt(format_args!("{message}\n"));
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    line(format_args!("H-PANIC {info}"));
    cpu::power_off()
}
