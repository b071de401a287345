use std::mem;
use std::time::Duration;

use super::*;
use crate::ErrorKind;
use crate::budget::ReservationParams;
use crate::sched::{Call, SchedAttr, Tid};
use crate::serve::api::{
    AdmissionRequest, EventName, LeaseState, Mode, NewTarget, PolicyName, ReasonCode, Settings, TargetRef,
};
use crate::serve::config::OnStart;
use crate::serve::testing::{ALICE, BOB, FakeEngine, ROOT, Stage};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn process(pid: u32) -> NewTarget {
    NewTarget {
        target: TargetRef::Process { pid },
        name: None,
        settings: Settings::default(),
        reservation: None,
    }
}

fn with(pid: u32, settings: Settings) -> NewTarget {
    NewTarget { settings, ..process(pid) }
}

fn names(engine: &FakeEngine) -> Vec<EventName> {
    engine.events().since(0).events.iter().map(|event| event.event).collect()
}

fn deadline(runtime: Duration, threads: f64, dry_run: bool) -> AdmissionRequest {
    let text = format!(
        r#"{{"kind":"deadline","runtime_ns":{},"period_ns":100000000,"cpus":{threads},"dry_run":{dry_run}}}"#,
        runtime.as_nanos()
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_target_is_sampled_changed_and_given_back() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[8]);
    let mut engine = stage.engine();
    let view = engine.add(ALICE, process(7)).unwrap();
    assert_eq!((view.id, view.threads, view.owner_uid), (1, 2, 1000));
    stage.pass(&mut engine, ms(1_000), 20, 0);
    let view = engine.show(1).unwrap();
    assert_eq!((view.budget_ns, view.used_ns, view.saturated), (44_000_000, 40_000_000, false));
    assert_eq!(view.tasks.iter().map(|task| task.budget_ns).collect::<Vec<_>>(), [22_000_000; 2]);
    assert_eq!(view.used_total_ns / 1_000_000, 400);
    let change = Settings { period_ns: Some(50_000_000), ..Settings::default() };
    let view = engine.change(ALICE, 1, &change).unwrap();
    assert_eq!((view.settings.period_ns, view.budget_ns / 1_000), (50_000_000, 21_999), "the same share");
    assert_eq!(engine.history(1, 0, 100).unwrap().samples.len(), 10);
    engine.release(ALICE, 1).unwrap();
    assert_eq!(stage.world.inner().kernel.restored, [SchedAttr::other(0), SchedAttr::other(0)]);
    assert_eq!(stage.world.inner().kernel.total(), Bandwidth::default());
    assert_eq!(engine.show(1).unwrap_err().kind, ErrorKind::NotFound);
    let told = [EventName::TargetAdded, EventName::TargetChanged, EventName::TargetReleased];
    assert_eq!(names(&engine), told);
}

#[test]
fn observed_targets_are_not_touched_until_control_is_asked_for() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    let observe = Settings { mode: Some(Mode::Observe), ..Settings::default() };
    engine.add(ALICE, with(7, observe)).unwrap();
    stage.pass(&mut engine, ms(1_000), 20, 0);
    assert_eq!(engine.show(1).unwrap().budget_ns, 22_000_000, "the budget that it should have");
    assert_eq!((stage.world.calls(), engine.reserved()), (vec![], Bandwidth::default()));
    let control = Settings { mode: Some(Mode::Control), ..Settings::default() };
    engine.change(ALICE, 1, &control).unwrap();
    assert!(stage.world.reservation(7).is_some());
    let observe = Settings { mode: Some(Mode::Observe), ..Settings::default() };
    engine.change(ALICE, 1, &observe).unwrap();
    assert_eq!((stage.world.reservation(7), engine.reserved()), (None, Bandwidth::default()));
}

#[test]
fn users_reach_their_own_threads_and_targets_only() {
    let stage = Stage::new();
    stage.begin(1001, 9, &[]);
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    let refused = engine.add(ALICE, process(9)).unwrap_err();
    assert_eq!(
        (refused.kind, refused.detail.as_str()),
        (ErrorKind::PermissionDenied, "Thread 9: Not allowed: it belongs to another user")
    );
    engine.add(BOB, process(9)).unwrap();
    for refused in [
        engine.release(ALICE, 1).unwrap_err(),
        engine.change(ALICE, 1, &Settings::default()).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(
            (refused.kind, refused.detail.as_str()),
            (ErrorKind::PermissionDenied, "Target 1 belongs to user 1001")
        );
    }
    engine.release(ROOT, 1).unwrap();
}

/// A process may begin to run with another's rights (a setuid program) when it is monitored already.
#[test]
fn a_process_that_gets_other_rights_is_let_alone_from_then_on() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    let status = stage.procfs().join("7/status");
    std::fs::write(status, "Uid:\t1000\t0\t0\t0\n").unwrap();
    let before = stage.world.calls();
    stage.pass(&mut engine, ms(2_000), 60, 0);
    assert_eq!(stage.world.calls(), before);
    assert!(engine.show(1).unwrap().last_refusal.unwrap().contains("it belongs to another user"));
}

#[test]
fn one_thread_has_one_target() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[8]);
    let mut engine = stage.engine();
    let thread = |tid| NewTarget { target: TargetRef::Thread { tid }, ..process(7) };
    engine.add(ALICE, thread(8)).unwrap();
    let refused = engine.add(ALICE, thread(8)).unwrap_err();
    assert_eq!(
        (refused.kind, refused.detail.as_str()),
        (ErrorKind::AlreadyExists, "Thread 8 is target 1 already")
    );
    assert_eq!(engine.add(ALICE, process(7)).unwrap().threads, 1, "the other one");
    engine.release(ALICE, 2).unwrap();
    assert!(stage.world.reservation(8).is_some(), "it is the first target's");
}

#[test]
fn quotas_hold_for_targets_and_for_bandwidth() {
    let mut stage = Stage::new();
    stage.limits.targets_per_user = 2;
    stage.limits.share_per_user_percent = 10;
    for pid in 7..=10 {
        stage.begin(1000, pid, &[]);
    }
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    // A tenth of 180 % are 18 %: the second one wants 10 and would have 20.
    let refused = engine.add(ALICE, process(8)).unwrap_err();
    assert!(
        refused.kind == ErrorKind::NoResources && refused.detail.contains("Quota used up"),
        "{refused:?}"
    );
    let small = Settings { initial_ns: Some(5_000_000), ..Settings::default() };
    engine.add(ALICE, with(8, small.clone())).unwrap();
    let refused = engine.add(ALICE, with(9, small)).unwrap_err();
    assert_eq!(refused.detail, "User 1000 has 2 targets and may have no more");
    stage.pass(&mut engine, ms(5_000), 60, 30);
    let share = Bandwidth::from_units(stage.world.inner().kernel.total().units());
    assert!(share <= stage.limits.quota(&crate::serve::testing::machine()), "{share}");
    engine.add(ROOT, process(10)).unwrap();
}

#[test]
fn what_wants_too_much_shares_by_weight() {
    let stage = Stage::new();
    for pid in 7..=9 {
        stage.begin(0, pid, &[]);
    }
    let mut engine = stage.engine();
    for (pid, weight) in [(7, 1), (8, 1), (9, 2)] {
        let settings = Settings { weight: Some(weight), ..Settings::default() };
        engine.add(ROOT, with(pid, settings)).unwrap();
    }
    stage.pass(&mut engine, ms(5_000), 70, 20);
    let shares: Vec<_> = [7, 8, 9].map(|tid| stage.world.reservation(tid).unwrap().as_millis()).to_vec();
    assert!(shares[0].abs_diff(shares[1]) <= 1 && shares[2] >= 79, "{shares:?}");
    assert!(shares.iter().sum::<u128>() <= 181, "{shares:?}");
}

#[test]
fn an_id_that_another_process_has_now_ends_the_target_and_is_left_alone() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    let before = stage.world.calls();
    stage.reuse(1000, 7);
    stage.pass(&mut engine, ms(500), 90, 0);
    assert_eq!(names(&engine), [EventName::TargetAdded, EventName::TargetEnded]);
    assert_eq!(stage.world.calls(), before, "nothing is done to the new process");
    assert_eq!(engine.page(0, 10).total, 0);
}

#[test]
fn late_samples_count_their_whole_time_and_are_not_made_up_for() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    stage.pass(&mut engine, ms(4_000), 20, 0);
    let before = engine.show(1).unwrap();
    // The sampler does not run for an hour: a machine that was stopped, or a debugger.
    stage.jump(Duration::from_secs(3_600), 20, 0);
    engine.work();
    let after = engine.show(1).unwrap();
    assert_eq!(after.samples, before.samples + 1);
    assert_eq!((after.used_ns, after.budget_ns), (20_000_000, before.budget_ns));
    assert!(engine.figures().missed_samples_total > 30_000);
    stage.pass(&mut engine, ms(1_000), 20, 0);
    assert_eq!(engine.show(1).unwrap().samples, after.samples + 10);
}

/// The clocks went on while the machine was suspended, and nothing ran.
#[test]
fn a_sample_over_a_suspended_night_leaves_the_budget_within_its_bounds() {
    for policy in [PolicyName::Seed, PolicyName::Saturation, PolicyName::Percentile, PolicyName::Pi] {
        let stage = Stage::new();
        stage.begin(1000, 7, &[]);
        let mut engine = stage.engine();
        let settings = Settings { policy: Some(policy), ..Settings::default() };
        engine.add(ALICE, with(7, settings)).unwrap();
        stage.pass(&mut engine, ms(8_000), 20, 0);
        stage.jump(Duration::from_secs(8 * 3_600), 0, 0);
        stage.pass(&mut engine, ms(3_000), 20, 0);
        let budget = stage.world.reservation(7).unwrap();
        assert!((ms(19)..=ms(40)).contains(&budget), "{policy:?}: {budget:?}");
    }
}

#[test]
fn a_wall_clock_that_steps_changes_nothing() {
    let stage = Stage::new();
    stage.begin(0, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ROOT, process(7)).unwrap();
    let held = engine.admit(ROOT, &deadline(ms(10), 1.0, false), &Survey::default()).unwrap();
    stage.pass(&mut engine, ms(2_000), 20, 0);
    for wall in [0, 4_000_000_000_000, 1] {
        stage.world.inner().wall_unix_ms = wall;
        stage.pass(&mut engine, ms(2_000), 20, 0);
        assert_eq!(engine.show(1).unwrap().budget_ns, 22_000_000);
        assert_eq!(engine.reservations().reservations.len(), 1, "the lease has 30 s of the other clock");
    }
    assert_eq!(engine.figures().missed_samples_total, 0);
    stage.pass(&mut engine, ms(23_000), 20, 0);
    assert_eq!(engine.reservation(held.reservation_id.unwrap()).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn a_killed_sampler_is_gone_on_with() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[8]);
    let mut engine = stage.engine();
    let named = NewTarget { name: Some("radio".into()), ..process(7) };
    engine.add(ALICE, named).unwrap();
    stage.pass(&mut engine, ms(4_000), 20, 0);
    let before = engine.show(1).unwrap();
    killed(engine);
    let mut engine = stage.engine();
    let calls = stage.world.calls().len();
    stage.pass(&mut engine, ms(500), 20, 0);
    let after = engine.show(1).unwrap();
    assert_eq!((after.name.as_deref(), after.owner_uid, after.threads), (Some("radio"), 1000, 2));
    assert_eq!((after.budget_ns, names(&engine)), (before.budget_ns, vec![EventName::TargetResumed]));
    assert!(
        stage.world.calls()[calls..].iter().all(|call| matches!(call, Call::Reserve(..))),
        "none is released"
    );
    engine.release(ALICE, 1).unwrap();
    assert_eq!(stage.world.inner().kernel.restored, [SchedAttr::other(0); 2], "as before the first run");
    assert!(engine.add(ALICE, process(7)).unwrap().id > 1, "ids are not used again");
}

/// As SIGKILL does: nothing is dropped but the lock.
fn killed(engine: FakeEngine) {
    let journal = std::rc::Rc::clone(engine.shared.borrow().journal());
    mem::forget(engine);
    // The lock goes with the process; here it is the file that has to be closed.
    mem::forget(journal.clone());
    journal.borrow().unlock_as_if_killed();
}

#[test]
fn what_ended_meanwhile_is_struck_out_and_what_is_not_wanted_is_restored() {
    let mut stage = Stage::new();
    stage.begin(1000, 7, &[]);
    stage.begin(1000, 8, &[]);
    stage.begin(1000, 9, &[]);
    let mut engine = stage.engine();
    for pid in [7, 8, 9] {
        engine.add(ALICE, process(pid)).unwrap();
    }
    killed(engine);
    stage.end(7);
    stage.reuse(1000, 8);
    stage.recovery.on_start = OnStart::Restore;
    let engine = stage.engine();
    assert_eq!(engine.page(0, 10).total, 0);
    let released: Vec<_> =
        stage.world.calls().into_iter().filter(|call| matches!(call, Call::Release(_))).collect();
    assert_eq!(released, [Call::Release(Tid(9))], "7 has ended, and 8 is another process");
}

#[test]
fn after_a_restart_of_the_machine_nothing_is_touched() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    killed(engine);
    stage.boot("second");
    let calls = stage.world.calls();
    let engine = stage.engine();
    assert_eq!((engine.page(0, 10).total, stage.world.calls()), (0, calls));
}

#[test]
fn a_broken_state_file_is_told_and_what_can_be_read_is_gone_on_with() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    stage.begin(1000, 8, &[]);
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    engine.add(ALICE, process(8)).unwrap();
    killed(engine);
    let text = std::fs::read_to_string(stage.state_file()).unwrap();
    // The record of the second target; that of its thread stays whole.
    let broken = text.replace(r#""kind":"process","pid":8"#, r#""kind":"process","pid":7"#);
    assert_ne!(broken, text);
    std::fs::write(stage.state_file(), broken).unwrap();
    let engine = stage.engine();
    assert_eq!(engine.page(0, 10).total, 1);
    let told = [EventName::StateSetAside, EventName::TargetResumed, EventName::ThreadsRestored];
    assert_eq!(names(&engine), told);
    assert_eq!(stage.world.reservation(8), None, "nobody monitors it, so it is as before");
    assert!(stage.world.reservation(7).is_some());
}

#[test]
fn a_reservation_is_held_confirmed_and_taken_over() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    let survey = Survey::default();
    let dry = engine.admit(ALICE, &deadline(ms(30), 2.0, true), &survey).unwrap();
    assert!(dry.admit && dry.reservation_id.is_none() && dry.asked_kernel);
    assert_eq!(stage.world.inner().kernel.total(), Bandwidth::default(), "a dry run leaves nothing");
    let held = engine.admit(ALICE, &deadline(ms(30), 2.0, false), &survey).unwrap();
    let (id, etag) = (held.reservation_id.unwrap(), held.etag.unwrap());
    assert_eq!(
        (held.expires_in_ms, engine.leases.held()),
        (Some(30_000), stage.world.inner().kernel.total())
    );
    let mut taking = process(7);
    taking.reservation = Some(id);
    assert_eq!(
        engine.add(ALICE, taking.clone()).unwrap_err().detail,
        format!("Reservation {id} is not confirmed")
    );
    assert_eq!(engine.confirm(BOB, id, &etag).unwrap_err().kind, ErrorKind::PermissionDenied);
    assert_eq!(engine.confirm(ALICE, id, "\"9-9\"").unwrap_err().kind, ErrorKind::InvalidState);
    assert_eq!(engine.confirm(ALICE, id, &etag).unwrap().state, LeaseState::Confirmed);
    assert_eq!(engine.confirm(ALICE, id, &etag).unwrap().state, LeaseState::Confirmed, "again does no harm");
    stage.pass(&mut engine, ms(60_000), 0, 0);
    let view = engine.add(ALICE, taking).unwrap();
    assert_eq!((view.settings.initial_ns, view.budget_ns), (30_000_000, 30_000_000));
    assert_eq!((engine.leases.len(), engine.leases.held()), (0, Bandwidth::default()));
}

#[test]
fn what_is_not_confirmed_in_time_lapses_and_what_is_cancelled_goes_at_once() {
    let stage = Stage::new();
    let mut engine = stage.engine();
    let survey = Survey::default();
    let first = engine.admit(ALICE, &deadline(ms(30), 1.0, false), &survey).unwrap();
    let second = engine.admit(ALICE, &deadline(ms(30), 1.0, false), &survey).unwrap();
    engine.cancel(ALICE, second.reservation_id.unwrap()).unwrap();
    stage.pass(&mut engine, ms(29_000), 0, 0);
    assert_eq!(engine.leases.len(), 1);
    stage.pass(&mut engine, ms(2_000), 0, 0);
    assert_eq!((engine.leases.len(), stage.world.inner().kernel.total()), (0, Bandwidth::default()));
    let late = engine.confirm(ALICE, first.reservation_id.unwrap(), &first.etag.unwrap()).unwrap_err();
    assert_eq!(late.kind, ErrorKind::NotFound);
    assert_eq!(names(&engine).last(), Some(&EventName::ReservationExpired));
}

#[test]
fn held_reservations_outlive_a_kill_until_they_lapse() {
    let stage = Stage::new();
    let mut engine = stage.engine();
    let survey = Survey::default();
    let held = engine.admit(ALICE, &deadline(ms(30), 2.0, false), &survey).unwrap();
    let id = held.reservation_id.unwrap();
    killed(engine);
    // The threads that held it ended with the process, and the kernel has its bandwidth back.
    let capacity = stage.world.inner().kernel.capacity;
    stage.world.inner().kernel = crate::sched::RecordingScheduler::new(capacity);
    let mut engine = stage.engine();
    assert_eq!(
        (engine.leases.held(), stage.world.inner().kernel.calls.len()),
        (engine.leases.get(id).unwrap().bandwidth(), 2)
    );
    stage.pass(&mut engine, ms(31_000), 0, 0);
    assert_eq!(engine.leases.len(), 0);
}

#[test]
fn refused_requests_say_why() {
    let stage = Stage::new();
    let mut engine = stage.engine();
    let survey =
        Survey { reservations: vec![ReservationParams::new(ms(90), ms(100)).unwrap(); 2], total: None };
    let full = engine.admit(ROOT, &deadline(ms(1), 1.0, true), &survey).unwrap();
    assert!(full.admit, "the kernel knows better than an old survey");
    stage.world.inner().kernel.capacity = Bandwidth::default();
    let mut reason = |text: &str| {
        let request: AdmissionRequest = serde_json::from_str(text).unwrap();
        engine
            .admit(ROOT, &request, &survey)
            .map(|answer| (answer.reason_code, answer.detail))
            .map_err(|failure| (failure.kind, failure.detail))
    };
    let (code, detail) =
        reason(r#"{"kind":"deadline","runtime_ns":1000000,"period_ns":100000000,"dry_run":true}"#).unwrap();
    assert_eq!(
        (code, detail.as_str()),
        (ReasonCode::NoBandwidth, "0.9 % of a CPU is wanted and 0.0 % is free")
    );
    let (code, detail) = reason(r#"{"kind":"deadline","runtime_ns":1,"period_ns":100000000}"#).unwrap();
    assert!(
        code == ReasonCode::InvalidParameters && detail.starts_with("Runtime of 1ns is below"),
        "{detail}"
    );
    let promise = r#"{"kind":"deadline","runtime_ns":1000000,"period_ns":100000000,"sla":{"latency_ms":50}}"#;
    assert_eq!(reason(promise).unwrap().0, ReasonCode::TooSlow);
    let (code, detail) = reason(r#"{"kind":"share","cpus":0.5}"#).unwrap();
    assert_eq!(
        (code, detail.as_str()),
        (ReasonCode::NotEnoughHistory, "A risk of 1 % cannot be told before 5940 s more were observed")
    );
    assert_eq!(reason(r#"{"kind":"share","cpus":5}"#).unwrap().0, ReasonCode::NoBandwidth);
    for (text, kind, rule) in [
        (
            r#"{"kind":"partition","cpus":2}"#,
            ErrorKind::Unsupported,
            "This daemon answers deadline and share",
        ),
        (
            r#"{"kind":"deadline","runtime_ns":1}"#,
            ErrorKind::InvalidArgument,
            "A deadline request needs period_ns",
        ),
        (
            r#"{"kind":"deadline","runtime_ns":1,"period_ns":9,"cpus":1.5}"#,
            ErrorKind::InvalidArgument,
            "cpus is 1.5",
        ),
        (r#"{"kind":"share"}"#, ErrorKind::InvalidArgument, "A share request needs cpus"),
        (r#"{"kind":"share","cpus":0}"#, ErrorKind::InvalidArgument, "0 CPUs are not between"),
        (
            r#"{"kind":"share","cpus":1,"period_ns":7}"#,
            ErrorKind::InvalidArgument,
            "A share request has no runtime",
        ),
        (
            r#"{"kind":"share","cpus":1,"horizon_s":0}"#,
            ErrorKind::InvalidArgument,
            "A horizon of 0 s is not between",
        ),
        (
            r#"{"kind":"share","cpus":1,"lease_ms":0}"#,
            ErrorKind::InvalidArgument,
            "A lease of 0ns is not between",
        ),
        (
            r#"{"kind":"share","cpus":1,"sla":{"percentile":100}}"#,
            ErrorKind::InvalidArgument,
            "A percentile of 100",
        ),
    ] {
        let (found, detail) = reason(text).unwrap_err();
        assert!(found == kind && detail.starts_with(rule), "{text}: {detail}");
    }
}

#[test]
fn unused_bandwidth_is_told_and_shared_by_risk() {
    let stage = Stage::new();
    stage.begin(0, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ROOT, process(7)).unwrap();
    stage.pass(&mut engine, ms(25_000), 20, 0);
    let answer = engine.capacity(Some(1), &Survey::default()).unwrap();
    let [one, five, ten] = answer.reclaimable[..] else { panic!() };
    assert_eq!((one.cpus, one.needs_s), (None, Some(74)));
    assert!(five.cpus.is_some_and(|cpus| (cpus - 1.6).abs() < 0.01), "{five:?}");
    assert!(ten.cpus.is_some_and(|cpus| (cpus - 1.6).abs() < 0.01), "{ten:?}");
    assert!((answer.used.p99_cpus - 0.2).abs() < 0.01, "{answer:?}");
    let share = |cpus: f64| -> AdmissionRequest {
        let text = format!(r#"{{"kind":"share","cpus":{cpus},"horizon_s":1,"sla":{{"percentile":90}}}}"#);
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(
        engine.admit(ROOT, &share(1.7), &Survey::default()).unwrap().reason_code,
        ReasonCode::RiskTooHigh
    );
    let held = engine.admit(ROOT, &share(1.0), &Survey::default()).unwrap();
    assert!(held.admit && held.predicted.unwrap().p_miss.unwrap() <= 0.05, "{held:?}");
    let second = engine.admit(ROOT, &share(1.0), &Survey::default()).unwrap();
    assert_eq!(second.reason_code, ReasonCode::NoBandwidth, "what is promised is not promised twice");
    let answer = engine.capacity(Some(1), &Survey::default()).unwrap();
    assert!(answer.reclaimable[2].cpus.is_some_and(|cpus| (cpus - 0.6).abs() < 0.01), "{answer:?}");
}

#[test]
fn targets_beyond_the_open_files_are_monitored_and_told_as_degraded() {
    let mut stage = Stage::new();
    stage.limits.files = 200;
    stage.world.inner().files = 200;
    let targets = 500;
    for pid in 1_000..1_000 + targets {
        stage.begin(0, pid, &[]);
    }
    let mut engine = stage.engine();
    for pid in 1_000..1_000 + targets {
        let tiny = Settings { initial_ns: Some(50_000), floor_ns: Some(50_000), ..Settings::default() };
        engine.add(ROOT, with(pid, tiny)).unwrap();
    }
    stage.pass(&mut engine, ms(1_100), 0, 0);
    let figures = engine.figures();
    assert!(figures.short_of_files && figures.threads == 500, "{figures:?}");
    let degraded: Vec<_> = engine
        .events()
        .since(0)
        .events
        .into_iter()
        .filter(|event| event.event == EventName::Degraded)
        .collect();
    assert_eq!(degraded.len(), 1);
    assert!(
        degraded[0].detail.starts_with("300 threads are read without a file of their own"),
        "{degraded:?}"
    );
    let open = engine
        .entries
        .values()
        .filter(|entry| entry.identity.as_ref().is_some_and(super::identity::Identity::has_pidfd))
        .count();
    assert!(open <= stage.limits.pidfds(), "{open}");
}

#[test]
fn stopping_gives_everything_back_or_keeps_it_for_the_next_run() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    let mut engine = stage.engine();
    engine.add(ALICE, process(7)).unwrap();
    engine.stop(true);
    killed(engine);
    assert!(stage.world.reservation(7).is_some());
    let mut engine = stage.engine();
    assert_eq!(engine.page(0, 10).total, 1);
    engine.admit(ALICE, &deadline(ms(10), 1.0, false), &Survey::default()).unwrap();
    engine.stop(false);
    assert_eq!(stage.world.inner().kernel.total(), Bandwidth::default());
    drop(engine);
    assert_eq!(stage.engine().page(0, 10).total, 0);
}

#[test]
fn wrong_targets_are_refused_by_their_rule() {
    let stage = Stage::new();
    stage.begin(1000, 7, &[]);
    std::fs::create_dir(stage.procfs().join("self/task/7")).unwrap();
    let mut engine = stage.engine();
    let mut refused = |target: TargetRef, name: Option<&str>| {
        let new = NewTarget {
            target,
            name: name.map(str::to_owned),
            settings: Settings::default(),
            reservation: None,
        };
        let failure = engine.add(ROOT, new).map(|_| ()).unwrap_err();
        (failure.kind, failure.detail)
    };
    let own = "Thread 7: A thread of this program gets no reservation from it";
    for (target, name, kind, rule) in [
        (
            TargetRef::Process { pid: 0 },
            None,
            ErrorKind::InvalidArgument,
            "Thread and process ids begin at 1",
        ),
        (TargetRef::Process { pid: 99 }, None, ErrorKind::NotFound, "There is no process 99"),
        (TargetRef::Thread { tid: 99 }, None, ErrorKind::NotFound, "There is no thread 99"),
        (
            TargetRef::Cgroup { path: "/etc".into() },
            None,
            ErrorKind::InvalidArgument,
            "/etc is no directory below",
        ),
        (
            TargetRef::Cgroup { path: "/sys/fs/cgroup/../../etc".into() },
            None,
            ErrorKind::InvalidArgument,
            "/sys/fs/cgroup/../../etc is no",
        ),
        (
            TargetRef::Process { pid: 7 },
            Some("\n"),
            ErrorKind::InvalidArgument,
            "A name has 1 to 64 characters",
        ),
        (TargetRef::Process { pid: 7 }, None, ErrorKind::PermissionDenied, own),
    ] {
        let (found, detail) = refused(target, name);
        assert!(found == kind && detail.starts_with(rule), "{detail}");
    }
    assert_eq!(engine.page(0, 10).total, 0);
    assert!(
        engine.shared.borrow().journal().borrow().saved().items.keys().all(|(kind, _)| kind == "counter")
    );
}
