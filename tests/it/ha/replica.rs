//! A replica in this process, in paused time, whose requests pass through faults of its own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tcss_exporter::{
    collectors,
    domain::Clock,
    exposition::{Format, Scrape},
    leadership::{
        Candidate, CandidateSettings, Leadership, LeaseClient, LeaseFailure, LeaseHandler,
        LeaseKey, LeaseTimes,
    },
    poller::{GateKeeper, PollGate},
    store::{Store, Table},
    telemetry::Telemetry,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::api::{Fault, LeaseStore, answer};
use crate::support::{START, World};

pub(crate) const DURATION: Duration = Duration::from_secs(15);
pub(crate) const PATH: &str =
    "/apis/coordination.k8s.io/v1/namespaces/monitoring/leases/tcss-exporter";

/// Chooses what happens to the next request.
pub(crate) type Weather = Arc<Mutex<dyn FnMut() -> Option<Fault> + Send>>;

pub(crate) fn fine() -> Weather {
    Arc::new(Mutex::new(|| None))
}

pub(crate) fn always(fault: Fault) -> Weather {
    Arc::new(Mutex::new(move || Some(fault)))
}

/// A running replica. Dropping it is a crash.
pub(crate) struct Replica {
    pub(crate) leadership: Leadership,
    pub(crate) gate: PollGate,
    pub(crate) telemetry: Telemetry,
    /// Replaced to change what happens to its requests.
    pub(crate) weather: Arc<Mutex<Weather>>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

pub(crate) fn key() -> LeaseKey {
    LeaseKey {
        namespace: "monitoring".into(),
        name: "tcss-exporter".into(),
    }
}

/// With nothing to poll, so that it can always serve.
pub(crate) fn empty_store() -> Arc<Store> {
    let store = Store::default();
    store.replace(Table::default());
    Arc::new(store)
}

pub(crate) fn handler(api: &'static LeaseStore, weather: Arc<Mutex<Weather>>) -> LeaseHandler {
    Box::new(move |request| {
        let weather = Arc::clone(&weather.lock().unwrap());
        let fault = (weather.lock().unwrap())();
        Box::pin(answer(api, fault, request))
    })
}

impl Replica {
    /// Its clock differs by `skew` seconds.
    pub(crate) fn start(api: &'static LeaseStore, identity: &str, skew: i64) -> Replica {
        Replica::with(api, identity, skew, true, empty_store())
    }

    pub(crate) fn with(
        api: &'static LeaseStore,
        identity: &str,
        skew: i64,
        is_cold: bool,
        store: Arc<Store>,
    ) -> Replica {
        let clock = Clock::starting_at(Timestamp::from_second(START + skew).unwrap());
        let (keeper, gate) = GateKeeper::new(clock);
        let telemetry = Telemetry::new(&collectors::action_names()).unwrap();
        let reasons = LeaseFailure::ALL.map(LeaseFailure::as_str);
        let metrics = telemetry.register_lease("tcss-exporter", &reasons).unwrap();
        let times = LeaseTimes::new(DURATION);
        let weather = Arc::new(Mutex::new(fine()));
        let client = LeaseClient::in_process(
            handler(api, Arc::clone(&weather)),
            key(),
            times.request_timeout(),
        );
        let candidate = Candidate::new(CandidateSettings {
            key: key(),
            identity: identity.into(),
            times,
            client,
            gate: is_cold.then_some(keeper),
            store,
            metrics,
            clock,
        });
        let leadership = candidate.leadership();
        let stop = CancellationToken::new();
        Replica {
            leadership,
            gate,
            telemetry,
            weather,
            task: AbortOnDropHandle::new(tokio::spawn(candidate.run(stop.clone()))),
            stop,
        }
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    pub(crate) fn speaks(&self) -> bool {
        self.leadership.exposes_accounts()
    }

    /// The value of a metric of its own.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.telemetry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let mut sum = 0.0;
        for metric in family.unwrap().get_metric() {
            sum += metric.get_counter().get_value() + metric.get_gauge().get_value();
        }
        sum
    }

    /// SIGTERM.
    pub(crate) async fn terminate(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// What `replica` exposes of the accounts in `world`: names and labels.
pub(crate) fn exposed(replica: &Replica, world: &World) -> Vec<String> {
    let store = world.supervisor.store();
    let registry = replica.telemetry.gather();
    let scrape = if replica.speaks() {
        Scrape::new(&store, registry, world.context.clock.now())
    } else {
        Scrape::of_standby(&store, registry)
    };
    let text = scrape.text(Format::Text);
    let mut series = Vec::new();
    for line in text.lines().filter(|line| line.contains("account=")) {
        series.push(line.rsplit_once(' ').unwrap().0.to_owned());
    }
    series
}
