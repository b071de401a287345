//! What all connections share: the manager, the files, the limits.

use std::sync::Arc;

use tokio::sync::Semaphore;
use vman_core::Error;
use vman_core::command::{Command, ErrorReply, Paths, Reply};
use vman_core::device::ManagerDevice;
use vman_core::manager::{PartitionManager, is_slow};

use crate::access::{Access, Gate};
use crate::config::Config;
use crate::files::Files;
use crate::store::{ImageStore, StoreError};

/// One for the whole daemon.
#[derive(Debug)]
pub(crate) struct Shared<D> {
    pub(crate) manager: PartitionManager<D>,
    pub(crate) access: Access,
    pub(crate) gate: Arc<Gate>,
    files: Files,
    store: Option<Arc<ImageStore>>,
    deployments: Arc<Semaphore>,
    queries_wait: bool,
}

/// On whose behalf a command is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Root: its paths are not confined.
    pub(crate) root: bool,
    /// Whose files its paths name.
    pub(crate) paths: Paths,
}

impl<D: ManagerDevice + 'static> Shared<D> {
    /// `queries_wait`: the device is another process, so that even a query may wait for it.
    pub(crate) fn new(
        config: &Config,
        device: D,
        access: Access,
        store: Option<ImageStore>,
        queries_wait: bool,
    ) -> Arc<Self> {
        let store = store.map(Arc::new);
        Arc::new(Self {
            manager: PartitionManager::new(device).with_timeout(config.limits.operation_timeout()),
            access,
            gate: Gate::new(&config.limits),
            files: Files::new(config, store.clone()),
            store,
            deployments: Arc::new(Semaphore::new(config.limits.deployments)),
            queries_wait,
        })
    }

    /// Whether `command` must not be carried out on the thread that serves all connections.
    pub(crate) fn may_wait(&self, command: &Command) -> bool {
        self.queries_wait || is_slow(command)
    }

    /// Carries out `command` on a thread of its own, so that no other connection waits.
    pub(crate) async fn execute_aside(
        self: &Arc<Self>,
        command: Command,
        caller: Caller,
    ) -> Result<Reply, ErrorReply> {
        let permit = if matches!(command, Command::Deploy(_)) {
            Arc::clone(&self.deployments).acquire_owned().await.ok()
        } else {
            None
        };
        let shared = Arc::clone(self);
        let work = move || {
            let outcome = shared.execute(&command, caller);
            drop(permit);
            outcome
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(defect(&error)))
    }

    /// Carries out `command`; waits for the device and for files.
    pub(crate) fn execute(&self, command: &Command, caller: Caller) -> Result<Reply, ErrorReply> {
        if let Command::QueryVersion = command {
            refusing(self.manager.version(caller.paths).map(Reply::Version))
        } else if let Command::ImagePut(piece) = command {
            stored(self.store()?.put(piece).map(Reply::Image))
        } else if let Command::ImageList = command {
            Ok(Reply::Images(self.store()?.list()))
        } else if let Command::ImageDelete(args) = command {
            stored(self.store()?.delete(&args.digest).map(|()| Reply::Done {}))
        } else {
            refusing(self.manager.apply(command, &self.files.of(caller.root)))
        }
    }

    fn store(&self) -> Result<&ImageStore, ErrorReply> {
        self.store.as_deref().ok_or_else(|| {
            ErrorReply::new(
                vman_core::ErrorKind::Unsupported,
                "This vmand has no image store: its directory could not be made (images.directory)",
            )
        })
    }
}

fn refusing(outcome: Result<Reply, Error>) -> Result<Reply, ErrorReply> {
    outcome.map_err(|error| ErrorReply::from(&error))
}

fn stored(outcome: Result<Reply, StoreError>) -> Result<Reply, ErrorReply> {
    outcome.map_err(|error| match std::error::Error::source(&error) {
        Some(source) => ErrorReply::new(error.kind(), format!("{error}: {source}")),
        None => ErrorReply::new(error.kind(), error.to_string()),
    })
}

/// A panic in a command is our defect; the connection and the daemon go on.
fn defect(error: &tokio::task::JoinError) -> ErrorReply {
    tracing::error!(%error, "A command panicked");
    ErrorReply::new(
        vman_core::ErrorKind::Internal,
        "vmand failed while it carried out the command; its log says more",
    )
}
