//! The MQTT sources that run: started, ended and exchanged as the configuration says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use corescope_core::config::Source;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::mqtt::{MqttSource, SourceStatus, asked, watch};
use super::queue::Intake;
use super::shared::Shared;

/// The list that others read; changed by a reload.
#[derive(Debug, Default)]
pub struct Roster {
    statuses: Mutex<Vec<Arc<SourceStatus>>>,
    /// Until when each was connected in an earlier process, unix seconds.
    alive_before: Mutex<BTreeMap<String, i64>>,
}

impl Roster {
    /// Nobody yet. `alive_before` tells until when each source was connected in an earlier process, unix seconds.
    pub fn new(alive_before: BTreeMap<String, i64>) -> Self {
        Self { statuses: Mutex::default(), alive_before: Mutex::new(alive_before) }
    }

    /// Every source that runs, by name.
    pub fn statuses(&self) -> Vec<Arc<SourceStatus>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a source.
    pub fn add(&self, status: Arc<SourceStatus>) {
        let before = self.alive_before.lock().unwrap_or_else(PoisonError::into_inner).remove(&status.name);
        if let Some(until) = before {
            status.was_alive(until);
        }
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).push(status);
    }

    fn remove(&self, status: &Arc<SourceStatus>) {
        self.statuses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|known| !Arc::ptr_eq(known, status));
    }
}

/// The sources that run.
#[derive(Debug)]
pub struct Sources {
    intake: Intake,
    shared: Arc<Shared>,
    roster: Arc<Roster>,
    stop: CancellationToken,
    grace: Duration,
    running: BTreeMap<String, Running>,
}

#[derive(Debug)]
struct Running {
    source: Source,
    status: Arc<SourceStatus>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sources that were started.
    pub started: Vec<String>,
    /// Sources that were ended.
    pub ended: Vec<String>,
    /// Sources that were exchanged for one with other settings.
    pub changed: Vec<String>,
}

impl Sources {
    /// None yet. `stop` ends them all; each waits up to `grace` for its acknowledgements.
    pub fn new(
        intake: Intake,
        shared: Arc<Shared>,
        roster: Arc<Roster>,
        stop: CancellationToken,
        grace: Duration,
    ) -> Self {
        Self { intake, shared, roster, stop, grace, running: BTreeMap::new() }
    }

    /// Makes what runs equal to what is wanted. `client_id` names the session of a source.
    pub async fn set(&mut self, wanted: &[Source], client_id: &mut dyn FnMut(&Source) -> String) -> Changes {
        let mut changes = Changes::default();
        let wanted: Vec<&Source> = wanted.iter().filter(|source| source.enabled).collect();
        let gone: Vec<String> = self
            .running
            .iter()
            .filter(|(name, running)| !wanted.iter().any(|w| w.name == **name && **w == running.source))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(running) = self.running.remove(&name) {
                // Its acknowledgements first: a second session of the same client would throw the first out.
                running.stop.cancel();
                let _ = running.task.await;
                self.roster.remove(&running.status);
                changes.ended.push(name);
            }
        }
        for source in wanted {
            if self.running.contains_key(&source.name) {
                continue;
            }
            let id = source.client_id.clone().unwrap_or_else(|| client_id(source));
            self.start(source, id);
            match changes.ended.iter().position(|name| *name == source.name) {
                Some(at) => {
                    changes.ended.swap_remove(at);
                    changes.changed.push(source.name.clone());
                }
                None => changes.started.push(source.name.clone()),
            }
        }
        changes
    }

    fn start(&mut self, source: &Source, client_id: String) {
        let status =
            Arc::new(SourceStatus::new(&source.name, &source.broker.to_string()).asking(asked(source)));
        let stop = self.stop.child_token();
        let mqtt = MqttSource {
            source: source.clone(),
            client_id,
            intake: self.intake.clone(),
            shared: Arc::clone(&self.shared),
            status: Arc::clone(&status),
            stop: stop.clone(),
            grace: self.grace,
        };
        self.roster.add(Arc::clone(&status));
        tokio::spawn(watch(Arc::clone(&status), stop.clone()));
        let task = tokio::spawn(supervised(mqtt, stop.clone()));
        self.running.insert(source.name.clone(), Running { source: source.clone(), status, stop, task });
    }

    /// Waits until all have ended, after their token was cancelled.
    pub async fn ended(self) {
        for (_, running) in self.running {
            let _ = running.task.await;
        }
    }
}

/// Pause before a source that ended by a mistake of ours is started again.
const AFTER_PANIC: Duration = Duration::from_secs(10);

/// A task that panics would be a source that is silent for ever: it is started anew, and the operator is told. There is
/// no state to carry over: the broker keeps the session, and sends again what was not acknowledged.
async fn supervised(mqtt: MqttSource, stop: CancellationToken) {
    let name = mqtt.source.name.clone();
    let status = Arc::clone(&mqtt.status);
    while let Err(error) = tokio::spawn(mqtt.clone().run()).await {
        tracing::error!(source = %name, %error, "the source ended by a mistake of ours; starting it again");
        status.failed(super::clock::now_ms(), "ended unexpectedly");
        metrics::counter!("corescope_source_panics_total", "source" => name.clone()).increment(1);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AFTER_PANIC) => {}
        }
    }
}
