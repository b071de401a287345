//! C ABI of the AI Virtualiser.
