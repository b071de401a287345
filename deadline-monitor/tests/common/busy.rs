//! A program with threads: `busy N` spins in N of them for ever; `busy churn` starts one every 100 ms, which spins for
//! 20 ms, sleeps, and ends after half a second.

use std::thread;
use std::time::{Duration, Instant};

fn spin(length: Option<Duration>) {
    let begin = Instant::now();
    while length.is_none_or(|length| begin.elapsed() < length) {
        std::hint::black_box(());
    }
}

fn main() {
    let ms = Duration::from_millis;
    match std::env::args().nth(1).as_deref() {
        Some("churn") => loop {
            thread::spawn(move || {
                spin(Some(ms(20)));
                thread::sleep(ms(480));
            });
            thread::sleep(ms(100));
        },
        count => {
            let count = count.and_then(|count| count.parse().ok()).unwrap_or(1);
            (1..count).for_each(|_| drop(thread::spawn(|| spin(None))));
            spin(None);
        }
    }
}
