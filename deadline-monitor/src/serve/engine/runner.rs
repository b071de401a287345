//! The sampler's thread, and how others ask it for something.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::{Clocks, Engine, Events, Figures, Meters, Owner, Reader, Survey};
use crate::ErrorKind;
use crate::sched::{DeadlineScheduler, LinuxScheduler};
use crate::serve::api::{
    AdmissionAnswer, AdmissionRequest, CapacityAnswer, Doctor, Failure, History, NewTarget, Reservation,
    Reservations, Settings, TargetPage, TargetView,
};

/// What the sampler can be asked for, whatever kernel is below it.
#[expect(missing_docs, reason = "one line for each route, told there")]
pub trait Api {
    fn page(&self, after: u64, limit: usize) -> TargetPage;
    fn show(&self, id: u64) -> Result<TargetView, Failure>;
    fn add(&mut self, owner: Owner, new: NewTarget) -> Result<TargetView, Failure>;
    fn change(&mut self, owner: Owner, id: u64, change: &Settings) -> Result<TargetView, Failure>;
    fn release(&mut self, owner: Owner, id: u64) -> Result<(), Failure>;
    fn history(&self, id: u64, since_ns: u64, limit: usize) -> Result<History, Failure>;
    fn capacity(&mut self, horizon_s: Option<u64>, survey: &Survey) -> Result<CapacityAnswer, Failure>;
    fn admit(
        &mut self,
        owner: Owner,
        request: &AdmissionRequest,
        survey: &Survey,
    ) -> Result<AdmissionAnswer, Failure>;
    fn reservations(&mut self) -> Reservations;
    fn reservation(&mut self, id: u64) -> Result<Reservation, Failure>;
    fn confirm(&mut self, owner: Owner, id: u64, etag: &str) -> Result<Reservation, Failure>;
    fn cancel(&mut self, owner: Owner, id: u64) -> Result<(), Failure>;
    fn doctor(&mut self, survey: &Survey) -> Doctor;
    fn figures(&self) -> Figures;
}

impl<S: DeadlineScheduler, A: Reader, C: Clocks> Api for Engine<S, A, C> {
    fn page(&self, after: u64, limit: usize) -> TargetPage {
        Engine::page(self, after, limit)
    }
    fn show(&self, id: u64) -> Result<TargetView, Failure> {
        Engine::show(self, id)
    }
    fn add(&mut self, owner: Owner, new: NewTarget) -> Result<TargetView, Failure> {
        Engine::add(self, owner, new)
    }
    fn change(&mut self, owner: Owner, id: u64, change: &Settings) -> Result<TargetView, Failure> {
        Engine::change(self, owner, id, change)
    }
    fn release(&mut self, owner: Owner, id: u64) -> Result<(), Failure> {
        Engine::release(self, owner, id)
    }
    fn history(&self, id: u64, since_ns: u64, limit: usize) -> Result<History, Failure> {
        Engine::history(self, id, since_ns, limit)
    }
    fn capacity(&mut self, horizon_s: Option<u64>, survey: &Survey) -> Result<CapacityAnswer, Failure> {
        Engine::capacity(self, horizon_s, survey)
    }
    fn admit(
        &mut self,
        owner: Owner,
        request: &AdmissionRequest,
        survey: &Survey,
    ) -> Result<AdmissionAnswer, Failure> {
        Engine::admit(self, owner, request, survey)
    }
    fn reservations(&mut self) -> Reservations {
        Engine::reservations(self)
    }
    fn reservation(&mut self, id: u64) -> Result<Reservation, Failure> {
        Engine::reservation(self, id)
    }
    fn confirm(&mut self, owner: Owner, id: u64, etag: &str) -> Result<Reservation, Failure> {
        Engine::confirm(self, owner, id, etag)
    }
    fn cancel(&mut self, owner: Owner, id: u64) -> Result<(), Failure> {
        Engine::cancel(self, owner, id)
    }
    fn doctor(&mut self, survey: &Survey) -> Doctor {
        Engine::doctor(self, survey)
    }
    fn figures(&self) -> Figures {
        Engine::figures(self)
    }
}

/// Something that the sampler does between two rounds.
pub type Job = Box<dyn FnOnce(&mut dyn Api) + Send>;

/// So many wait; who comes then is told to come later.
const WAITING_MOST: usize = 128;
/// So many are done in a row before the next round.
const IN_A_ROW: usize = 16;

/// The way to the sampler.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    jobs: SyncSender<Job>,
    events: Arc<Events>,
    meters: Meters,
}

/// The sampler cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Too many wait already.
    #[error("Too many requests wait; try again")]
    Busy,
    /// It stops.
    #[error("The daemon stops")]
    Stopped,
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Failure {
        Failure::because(ErrorKind::Busy, &unavailable)
    }
}

impl EngineHandle {
    /// Runs a sampler on a thread of its own. `make` makes it there; the thread ends, and gives everything back unless
    /// `keep`, when every handle is gone.
    ///
    /// # Errors
    /// The thread cannot be made, or what `make` says.
    pub fn start<S, A, C, E>(
        keep: bool,
        make: impl FnOnce() -> Result<Engine<S, A, C>, E> + Send + 'static,
    ) -> Result<(EngineHandle, JoinHandle<()>), E>
    where
        S: DeadlineScheduler + 'static,
        A: Reader + 'static,
        C: Clocks + 'static,
        E: From<std::io::Error> + Send + 'static,
    {
        let (jobs, waiting) = sync_channel::<Job>(WAITING_MOST);
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::Builder::new().name("dl-sampler".to_owned()).spawn(move || match make() {
            Ok(mut engine) => {
                let _ = tell.send(Ok((Arc::clone(engine.events()), engine.meters().clone())));
                // Without it samples only come less regularly beside busy tasks; /v1/doctor and the lag tell.
                let _ = LinuxScheduler.prioritise_this_thread();
                serve(&mut engine, &waiting);
                engine.stop(keep);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        })?;
        let gone = |_| E::from(std::io::Error::other("The sampler's thread has ended"));
        let (events, meters) = told.recv().map_err(gone)??;
        Ok((EngineHandle { jobs, events, meters }, thread))
    }

    /// What happened.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Counters and histograms.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Lets the sampler do something and waits for its answer.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Api) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |api| {
            // Whoever asked may be gone by now.
            let _ = tell.send(question(api));
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Unavailable::Busy,
            TrySendError::Disconnected(_) => Unavailable::Stopped,
        })?;
        told.await.map_err(|_| Unavailable::Stopped)
    }
}

/// Rounds and jobs by turns, until nobody can ask any more.
fn serve<S: DeadlineScheduler, A: Reader, C: Clocks>(engine: &mut Engine<S, A, C>, waiting: &Receiver<Job>) {
    loop {
        match waiting.recv_timeout(engine.idle()) {
            Ok(job) => {
                job(engine);
                waiting.try_iter().take(IN_A_ROW).for_each(|job| job(engine));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        engine.work();
    }
}
