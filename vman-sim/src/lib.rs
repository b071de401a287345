//! A simulated ARMv8 board and kernel driver that run the real firmware library.
