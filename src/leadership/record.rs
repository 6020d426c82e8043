//! A Lease of Kubernetes, as the API server stores it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// `leaseDurationSeconds` of a Lease that was given back.
const RELEASED_SECONDS: u64 = 1;
/// A longer duration is not one of ours: it must not keep the lease from a new leader.
const MAX_DURATION: Duration = Duration::from_mins(5);

/// Where a Lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseKey {
    pub namespace: String,
    pub name: String,
}

/// One version of a Lease. All of its fields are kept and written back, so that labels, owners and
/// fields of later versions survive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LeaseRecord {
    object: Value,
}

impl LeaseRecord {
    /// Reads an object of the API server. Fails with what is wrong with it.
    pub(super) fn parse(json: &[u8]) -> Result<LeaseRecord, String> {
        let object: Value = match serde_json::from_slice(json) {
            Ok(object) => object,
            Err(error) => return Err(format!("the response is not JSON ({error})")),
        };
        let record = LeaseRecord { object };
        let kind = record.object.get("kind").and_then(Value::as_str);
        if kind != Some("Lease") || record.version().is_none() {
            return Err("the response is not a Lease with a resourceVersion".into());
        }
        Ok(record)
    }

    /// A Lease that does not exist yet.
    fn new(key: &LeaseKey) -> LeaseRecord {
        LeaseRecord {
            object: json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": key.name, "namespace": key.namespace},
                "spec": {},
            }),
        }
    }

    pub(super) fn to_json(&self) -> String {
        self.object.to_string()
    }

    /// `None` if it does not exist yet.
    pub(super) fn version(&self) -> Option<&str> {
        self.object["metadata"]["resourceVersion"].as_str()
    }

    /// Empty if there is none.
    pub(super) fn holder(&self) -> &str {
        self.text("holderIdentity")
    }

    /// When the holder last wrote it, by the clock of the holder. Only to recognize a version.
    pub(super) fn renew_time(&self) -> &str {
        self.text("renewTime")
    }

    /// How long it is valid without a renewal.
    pub(super) fn duration(&self) -> Duration {
        let seconds = self.spec()["leaseDurationSeconds"].as_u64();
        Duration::from_secs(seconds.unwrap_or_default()).min(MAX_DURATION)
    }

    /// Whether both say the same about the holder. A new label is not a sign of life.
    pub(super) fn has_same_spec(&self, other: &LeaseRecord) -> bool {
        self.spec() == other.spec()
    }

    fn spec(&self) -> &Value {
        &self.object["spec"]
    }

    fn text(&self, field: &str) -> &str {
        self.spec()[field].as_str().unwrap_or_default()
    }

    /// The version after `before` in which `holder` has taken or renewed the lease.
    pub(super) fn held(
        before: Option<&LeaseRecord>,
        key: &LeaseKey,
        holder: &str,
        duration: Duration,
        now: Timestamp,
    ) -> LeaseRecord {
        let mut record = match before {
            Some(record) => record.clone(),
            None => LeaseRecord::new(key),
        };
        // Compared before the holder is replaced below.
        let is_renewal = record.holder() == holder;
        let transitions = record.spec()["leaseTransitions"].as_u64();
        let spec = record.spec_mut();
        spec.insert("renewTime".into(), micro_time(now).into());
        spec.insert("leaseDurationSeconds".into(), duration.as_secs().into());
        if !is_renewal {
            spec.insert("holderIdentity".into(), holder.into());
            // As in client-go: a renewal changes neither this time nor the number of transitions.
            spec.insert("acquireTime".into(), micro_time(now).into());
            let transitions = match transitions {
                Some(transitions) => transitions + 1,
                None => 0,
            };
            spec.insert("leaseTransitions".into(), transitions.into());
        }
        record
    }

    /// The next version, without a holder.
    pub(super) fn released(&self, now: Timestamp) -> LeaseRecord {
        let mut record = self.clone();
        let spec = record.spec_mut();
        spec.insert("holderIdentity".into(), "".into());
        // The API server refuses a duration of 0.
        spec.insert("leaseDurationSeconds".into(), RELEASED_SECONDS.into());
        spec.insert("renewTime".into(), micro_time(now).into());
        record
    }

    fn spec_mut(&mut self) -> &mut Map<String, Value> {
        // Inserts `spec` where it is missing. Fails only if the Lease itself is not an object,
        // which `parse` has checked.
        let spec = &mut self.object["spec"];
        if !spec.is_object() {
            *spec = json!({});
        }
        spec.as_object_mut().expect("it is an object")
    }
}

/// The API server refuses times without exactly six decimals.
fn micro_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET_200: &str = include_str!("../../tests/fixtures/kubernetes_lease/get200.txt");

    fn key() -> LeaseKey {
        LeaseKey {
            namespace: "monitoring".into(),
            name: "tcss-exporter".into(),
        }
    }

    fn body(answer: &str) -> &[u8] {
        answer.split_once("\n\n").unwrap().1.as_bytes()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_object_of_a_real_api_server_is_read() {
        let record = LeaseRecord::parse(body(GET_200)).unwrap();
        assert_eq!(record.holder(), "a");
        assert_eq!(record.version(), Some("684"));
        assert_eq!(record.duration(), Duration::from_secs(15));
        assert_eq!(record.renew_time(), "2026-11-26T09:00:00.000000Z");
    }

    #[test]
    fn a_renewal_changes_two_fields_and_keeps_all_others() {
        let mut object: Value = serde_json::from_slice(body(GET_200)).unwrap();
        object["metadata"]["labels"] = json!({"team": "pay"});
        object["spec"]["preferredHolder"] = "b".into();
        let before = LeaseRecord::parse(object.to_string().as_bytes()).unwrap();
        let duration = Duration::from_secs(30);
        let after = LeaseRecord::held(Some(&before), &key(), "a", duration, at(1_764_000_000));
        object["spec"]["renewTime"] = "2025-11-24T16:00:00.000000Z".into();
        object["spec"]["leaseDurationSeconds"] = 30.into();
        assert_eq!(after.object, object);
    }

    #[test]
    fn whoever_takes_it_is_counted() {
        let now = at(1_764_000_000);
        let duration = Duration::from_secs(15);
        let first = LeaseRecord::held(None, &key(), "a", duration, now);
        assert_eq!(first.version(), None);
        assert_eq!(first.spec()["leaseTransitions"], 0);
        let second = LeaseRecord::held(Some(&first), &key(), "b", duration, now);
        assert_eq!(second.holder(), "b");
        assert_eq!(second.spec()["leaseTransitions"], 1);
        assert_eq!(second.spec()["acquireTime"], "2025-11-24T16:00:00.000000Z");
        let released = second.released(now);
        assert_eq!(released.holder(), "");
        assert_eq!(released.duration(), Duration::from_secs(1));
        assert_eq!(released.spec()["leaseTransitions"], 1);
    }

    #[test]
    fn what_is_not_a_lease_is_refused() {
        for text in [
            "",
            "{",
            "<html>",
            "[]",
            "{}",
            r#"{"kind": "Status"}"#,
            r#"{"kind": "Lease"}"#,
        ] {
            assert!(LeaseRecord::parse(text.as_bytes()).is_err(), "{text}");
        }
        // Fields of the spec may be absent or odd, as in a Lease that a person created.
        let record =
            br#"{"kind": "Lease", "metadata": {"resourceVersion": "7"}, "spec": {"leaseDurationSeconds": -1}}"#;
        let record = LeaseRecord::parse(record).unwrap();
        assert_eq!((record.holder(), record.duration()), ("", Duration::ZERO));
        let taken = LeaseRecord::held(Some(&record), &key(), "a", Duration::from_secs(15), at(0));
        assert_eq!(taken.holder(), "a");
    }

    proptest! {
        #[test]
        fn times_always_have_six_decimals(nanos in 0i128..4_000_000_000_000_000_000) {
            let text = micro_time(Timestamp::from_nanosecond(nanos).unwrap());
            prop_assert_eq!(text.len(), "2026-11-26T09:00:00.000000Z".len(), "{}", text);
            let read: Timestamp = text.parse().unwrap();
            prop_assert_eq!(read.as_microsecond(), i64::try_from(nanos / 1_000).unwrap());
        }
    }
}
