//! The admission test against the kernel.

use std::path::Path;
use std::time::Duration;

use deadline_monitor::admission::{Books, Hold};
use deadline_monitor::budget::{Bandwidth, ReservationParams};
use deadline_monitor::machine::{Machine, online_cpus};
use deadline_monitor::sched::LinuxScheduler;
use deadline_monitor::serve::engine::Survey;
use serde_json::json;

use crate::support::{Account, Place, Program, Turn, eventually};

/// Numbers without pattern, other ones for each seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// Runtime and period in nanoseconds: from microseconds to seconds, from next to nothing to a whole CPU.
    fn reservation(&mut self) -> (u64, u64) {
        let period = [200_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 4_000_000_000]
            [usize::try_from(self.next(6)).unwrap()];
        let period = period + self.next(period / 50);
        let runtime = match self.next(4) {
            0 => self.next(period / 100) + 1_024,
            1 => period - self.next(period / 4),
            _ => self.next(period / 2) + 1_024,
        };
        (runtime.min(period), period)
    }
}

fn machine() -> Machine {
    Machine::read(Path::new("/proc"), u64::try_from(online_cpus().len()).unwrap())
}

/// What the books say now.
fn books(account: Option<&Account>) -> Books {
    let survey = Survey::take(Path::new("/proc"));
    Books::new(&machine(), survey.reserved(), account.map(Account::total))
}

/// Random sets of reservations: whatever the books admit the kernel gives. Where somebody else got or gave back a
/// reservation meanwhile the two cannot be compared.
#[test]
fn the_books_never_admit_what_the_kernel_refuses() {
    let Some(_turn) = Turn::take("the_books_never_admit_what_the_kernel_refuses") else { return };
    let account = Account::open();
    let (mut admitted, mut refused, mut cautious, mut disturbed) = (0, 0, 0, 0);
    for seed in 1..=20 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut holds = Vec::new();
        for _ in 0..25 {
            let (runtime, period) = numbers.reservation();
            let threads = u32::try_from(1 + numbers.next(3)).unwrap();
            let (runtime, period) = (Duration::from_nanos(runtime), Duration::from_nanos(period));
            let params = ReservationParams::new(runtime, period).unwrap();
            let before = books(account.as_ref());
            let by_kernel = Hold::take(&mut LinuxScheduler, &params, threads);
            match (before.admit(runtime, period, period, threads), by_kernel) {
                (Ok(_), Ok(hold)) => {
                    admitted += 1;
                    holds.push(hold);
                }
                (Err(_), Err(_)) => refused += 1,
                (Err(_), Ok(hold)) => {
                    cautious += 1;
                    hold.give_back(&mut LinuxScheduler);
                }
                (Ok(_), Err(error)) => {
                    let told = format!("seed {seed}: {params:?} x {threads} was admitted: {error}");
                    let after = books(account.as_ref());
                    assert!(before != after, "{told}, {before:?}");
                    disturbed += 1;
                }
            }
        }
        holds.into_iter().for_each(|hold| hold.give_back(&mut LinuxScheduler));
    }
    println!("{admitted} admitted, {refused} refused, {cautious} by the books alone, {disturbed} disturbed");
    assert!(admitted > 100 && refused > 100 && cautious + disturbed < 50, "see above");
}

/// What the daemon admits a target really gets, also when others ask the kernel in between.
#[test]
fn what_is_admitted_is_there_when_it_is_taken_over() {
    let name = "what_is_admitted_is_there_when_it_is_taken_over";
    let Some(_turn) = Turn::take(name) else { return };
    let (place, account) = (Place::new(), Account::open());
    let before = account.as_ref().map(Account::lost);
    let daemon = place.serve(&[]);
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    let (mut programs, mut refused) = (Vec::new(), 0);
    for _ in 0..30 {
        let (runtime, period) = numbers.reservation();
        let asks = json!({ "kind": "deadline", "runtime_ns": runtime, "period_ns": period });
        let (status, answer) = daemon.ask("POST", "/v1/admission", &asks.to_string());
        if answer["admit"] != true {
            assert_eq!((status, answer["reason_code"].as_str()), (200, Some("no-bandwidth")), "{answer}");
            refused += 1;
            continue;
        }
        assert_eq!(status, 201);
        // Somebody else takes everything that is left.
        let greedy = take_the_rest();
        if account.as_ref().is_some_and(|account| account.forgotten() > Bandwidth::default()) {
            println!(
                "The kernel has rebuilt its accounts and forgotten reservations: nothing can be promised any more"
            );
            greedy.into_iter().for_each(|hold| hold.give_back(&mut LinuxScheduler));
            break;
        }
        let id = &answer["reservation_id"];
        let confirmed = confirm(&place, id.as_u64().unwrap(), answer["etag"].as_str().unwrap());
        assert_eq!(confirmed, 200);
        let program = Program::sleeping();
        let settings = json!({ "policy": "static", "cap_percent": 100 });
        let body = json!({ "target": { "kind": "process", "pid": program.id() }, "settings": settings, "reservation": id });
        let (status, view) = daemon.ask("POST", "/v1/targets", &body.to_string());
        assert_eq!(status, 201, "{asks} {answer} {view}");
        assert!(program.is_reserved());
        programs.push(program);
        greedy.into_iter().for_each(|hold| hold.give_back(&mut LinuxScheduler));
    }
    println!("{} admitted and taken over, {refused} refused", programs.len());
    assert!(programs.len() >= 3 && refused >= 3, "{} admitted, {refused} refused", programs.len());
    // Dry runs leave nothing, and held reservations end with the daemon.
    daemon.ask("POST", "/v1/admission", r#"{"kind":"deadline","runtime_ns":2000,"period_ns":100000000}"#);
    daemon.kill();
    place.serve(&["--on-start", "restore"]).stop();
    assert!(programs.iter().all(|program| !program.is_reserved()));
    drop(programs);
    if let (Some(account), Some(before)) = (account, before) {
        eventually("that no bandwidth is left behind", || account.lost() <= before);
    }
}

fn take_the_rest() -> Vec<Hold> {
    let period = Duration::from_millis(100);
    let mut holds = Vec::new();
    let mut runtime = Duration::from_millis(90);
    while Bandwidth::of(runtime, period) > Bandwidth::default() && runtime > Duration::from_micros(2) {
        let params = ReservationParams::new(runtime, period).unwrap();
        match Hold::take(&mut LinuxScheduler, &params, 1) {
            Ok(hold) => holds.push(hold),
            Err(_) => runtime /= 2,
        }
    }
    holds
}

fn confirm(place: &Place, id: u64, etag: &str) -> u16 {
    use std::io::{Read as _, Write as _};
    let mut stream = std::os::unix::net::UnixStream::connect(place.socket()).unwrap();
    let body = r#"{"state":"confirmed"}"#;
    let head = format!("host: x\r\ncontent-type: application/json\r\nconnection: close\r\nif-match: {etag}");
    let length = body.len();
    write!(stream, "PUT /v1/reservations/{id} HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_reservation_that_is_not_confirmed_lapses_by_itself() {
    let Some(_turn) = Turn::take("a_reservation_that_is_not_confirmed_lapses_by_itself") else { return };
    let place = Place::new();
    let daemon = place.serve(&[]);
    let asks = r#"{"kind":"deadline","runtime_ns":60000000,"period_ns":100000000,"cpus":2,"lease_ms":1500}"#;
    let (status, answer) = daemon.ask("POST", "/v1/admission", asks);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(daemon.ask("POST", "/v1/admission", asks).1["reason_code"], "no-bandwidth");
    let (_, capacity) = daemon.ask("GET", "/v1/capacity", "");
    assert!(capacity["held_cpus"].as_f64().unwrap() > 1.1, "{capacity}");
    eventually("that it lapses", || daemon.ask("GET", "/v1/reservations", "").1["reservations"] == json!([]));
    assert_eq!(daemon.ask("POST", "/v1/admission", asks).0, 201);
}
